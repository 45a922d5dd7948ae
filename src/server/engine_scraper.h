// EngineScraper: asks the engines behind pools how much they have to do, by their own metrics.
//
// What the gateways beside this one, or anybody else, send to an engine shows only there. One for
// the process, on its first shard, over the upstreams' own connections; what is found lies in the
// states that all shards share, and fades with its age (balance/target_state.h). A correction, not
// the load itself: without it, or while an engine says nothing, the ledger counts alone.
#pragma once

#include <map>
#include <string_view>
#include <utility>
#include <vector>

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
#include "pipeline/target_pool.h"
#include "upstream/upstream.h"

namespace sluice::server {

class EngineScraper {
public:
    explicit EngineScraper(net::Shard& shard);
    // All questions must have ended; see is_idle().
    ~EngineScraper();
    EngineScraper(const EngineScraper&) = delete;
    EngineScraper& operator=(const EngineScraper&) = delete;

    // Asks those of these pools from now on.
    void use(const LocalPtr<pipeline::Snapshot>& snapshot);
    // Lets go of the snapshot; questions under way end in the next turn.
    void stop();
    bool is_idle() const { return scope_.running() == 0; }

private:
    // NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): final, deleted as what it is.
    class Patience;
    // One upstream in one pool.
    struct Subject;
    using SubjectPtr = LocalPtr<Subject>;

    static void on_timer(net::Timer& timer);
    void arm(Subject& subject, Duration interval);
    // An upstream, and the name of a pool.
    using Key = std::pair<const upstream::Upstream*, std::string_view>;
    using Index = std::map<Key, Subject*>;

    SubjectPtr make_subject(const LocalPtr<pipeline::Snapshot>& snapshot,
                            const pipeline::TargetPool& pool,
                            const pipeline::LlmTarget& target,
                            const Index& before);
    coro::Task<void> ask(SubjectPtr subject);
    void conclude(Subject& subject, const Result<pipeline::FetchedReply>& reply);

    net::Shard& shard_;
    std::vector<SubjectPtr> subjects_;
    IntrusiveList<Patience> running_;
    coro::TaskScope scope_;
    bool is_stopped_ = false;
};

}  // namespace sluice::server
