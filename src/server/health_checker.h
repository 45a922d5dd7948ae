// HealthChecker: asks targets of pools how they are, before requests find out.
//
// One for the process, on its first shard, over the upstreams' own connections there; what it finds
// lies in the states that all shards share. Upstreams are asked, so that targets of one pool that
// differ in their model only are asked once. A check is no request: it touches no load, no breaker
// and no average. See docs/decisions/0027-active-health.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "balance/options.h"
#include "balance/target_state.h"
#include "base/intrusive_list.h"
#include "base/local_ptr.h"
#include "base/result.h"
#include "base/time.h"
#include "coro/scope.h"
#include "coro/task.h"
#include "net/shard.h"
#include "net/timer_wheel.h"
#include "pipeline/fetch.h"
#include "pipeline/llm_target.h"
#include "pipeline/snapshot.h"

namespace sluice::server {

class HealthChecker {
public:
    explicit HealthChecker(net::Shard& shard);
    // All checks must have ended; see is_idle().
    ~HealthChecker() = default;
    HealthChecker(const HealthChecker&) = delete;
    HealthChecker& operator=(const HealthChecker&) = delete;

    // Checks what these pools want checked from now on. What was known of the same upstream and
    // pool stays known; a target that nobody checks any more counts as well.
    void use(const LocalPtr<pipeline::Snapshot>& snapshot);
    // Lets go of the snapshot; checks under way end in the next turn.
    void stop();
    bool is_idle() const { return scope_.running() == 0; }

private:
    // NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): final, deleted as what it is.
    class Patience;
    // One upstream in one pool.
    struct Subject : LocallyCounted {
        std::string pool;
        std::string llm;
        balance::HealthOptions options;
        LocalPtr<pipeline::Snapshot> snapshot;  // Keeps the rest.
        const pipeline::LlmTarget* target = nullptr;
        std::vector<balance::TargetState*> states;
        Instant due;
        uint32_t failures = 0;  // In a row.
        uint32_t successes = 0;
        bool is_running = false;
        bool was_checked = false;
        bool is_retired = false;
    };
    using SubjectPtr = LocalPtr<Subject>;

    static void on_timer(net::Timer& timer);
    static std::string_view instance_of(const Subject& subject);
    void look();
    void arm();
    SubjectPtr make_subject(const LocalPtr<pipeline::Snapshot>& snapshot,
                            const pipeline::TargetPool& pool,
                            const pipeline::LlmTarget& target) const;
    coro::Task<void> check(SubjectPtr subject);
    coro::Task<Result<pipeline::FetchedReply>> ask(const Subject& subject, Patience& patience);
    void conclude(Subject& subject, const Result<pipeline::FetchedReply>& reply, Duration took);
    bool is_well(const Subject& subject, uint16_t status) const;

    net::Shard& shard_;
    std::vector<SubjectPtr> subjects_;
    IntrusiveList<Patience> running_;
    coro::TaskScope scope_;
    net::Timer timer_;
    bool is_stopped_ = false;
};

}  // namespace sluice::server
