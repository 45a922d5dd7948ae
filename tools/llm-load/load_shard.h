// LoadShard: one thread of the generator, with its connections, its schedule and its figures.
//
// Closed loop: each connection sends its next request when the last answer is complete. Open loop:
// requests become due by the schedule whatever the server does; a free connection takes one, and
// what no connection is free for waits here with its intended time, which is when its latency
// begins. Made and run on its own thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/intrusive_list.h"
#include "base/prng.h"
#include "base/result.h"
#include "base/time.h"
#include "coro/scope.h"
#include "http/header_map.h"
#include "llm-kit/distribution.h"
#include "llm-load/dial.h"
#include "llm-load/metrics.h"
#include "llm-load/options.h"
#include "llm-load/prepared_request.h"
#include "net/shard.h"
#include "net/tls_context.h"

namespace sluice::llm_load {

class Worker;

// How the run is told to end, by the main thread.
enum class Stop : uint8_t { not_yet, start_nothing_new, at_once };

class LoadShard {
public:
    struct Share {
        uint32_t index = 0;
        uint32_t shards = 1;
    };

    LoadShard(net::Shard& shard,
              const LoadOptions& options,
              Share share,
              std::span<const PreparedRequest> requests,
              const net::TlsContext& tls,
              Progress& progress);
    ~LoadShard();
    LoadShard(const LoadShard&) = delete;
    LoadShard& operator=(const LoadShard&) = delete;

    // Runs until the work is done or `stop` says so. Returns when every connection is closed.
    void run(const std::atomic<Stop>& stop);

    // --- For workers.

    struct Job {
        Instant intended;  // When its latency begins.
        const PreparedRequest* request = nullptr;
        bool to_be_aborted = false;
    };
    // The next request for a worker that is free; nothing when it has to wait, or to end.
    std::optional<Job> take_job();
    bool is_over() const { return over_ && overdue_.empty(); }
    bool has_given_up() const { return given_up_; }
    bool in_warmup(Instant at) const { return at < measured_from_; }
    // A worker without work, which is woken when there is some or when all is over; and the same
    // worker when it has woken.
    void rest(Worker& worker);
    void rested(Worker& worker);
    Duration ramp_delay(uint32_t worker_index) const;

    const LoadOptions& options() const { return options_; }
    net::Proactor& proactor() { return shard_.proactor(); }
    Metrics& metrics() { return metrics_; }
    Progress& progress() { return progress_; }
    std::span<http::HeaderField> header_scratch() { return header_scratch_; }
    std::vector<Instant>& arrived() { return arrived_; }
    Prng& prng() { return shard_.prng(); }
    TlsSide& tls() { return tls_; }
    const net::Address* next_source();

private:
    void start_workers();
    void add_worker();
    void dispatch_due();
    void look_at_end(Stop stop);
    void finish();
    Duration time_to_next() const;
    Job make_job(Instant intended);

    net::Shard& shard_;
    const LoadOptions& options_;
    const Share share_;
    std::span<const PreparedRequest> requests_;
    Progress& progress_;
    Metrics metrics_;
    TlsSide tls_;
    std::vector<http::HeaderField> header_scratch_;
    std::vector<Instant> arrived_;  // Of the piece that is being looked at.
    std::vector<std::unique_ptr<Worker>> workers_;
    IntrusiveList<Worker> resting_;
    coro::TaskScope scope_;

    Instant began_at_;
    Instant measured_from_;
    Instant ends_at_ = Instant::never();
    Instant gives_up_at_ = Instant::never();
    std::optional<llm_kit::Arrivals> arrivals_;
    std::deque<Instant> overdue_;  // Open loop: due, but no connection was free.
    uint64_t to_start_ = 0;        // Requests that may still begin.
    uint32_t connections_max_ = 0;
    size_t next_request_ = 0;
    size_t next_source_ = 0;
    uint32_t resting_count_ = 0;
    bool over_ = false;
    bool given_up_ = false;
};

}  // namespace sluice::llm_load
