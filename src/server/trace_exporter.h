// TraceExporter: sends the traces of all shards to a receiver of OTLP, from the control shard.
//
// One coroutine looks at the shards' lanes ten times a second, writes what came together as a
// batch, and sends it over an upstream of its own. A receiver that cannot take it now is asked
// again, ever later; meanwhile the lanes fill up, then drop and count. Made before the shards
// start, used and ended on the control shard's thread; its lanes outlive the shards.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/local_ptr.h"
#include "base/metrics.h"
#include "base/result.h"
#include "base/time.h"
#include "coro/scope.h"
#include "coro/signal.h"
#include "coro/task.h"
#include "net/deadline.h"
#include "net/dns_resolver.h"
#include "net/resolver.h"
#include "net/shard.h"
#include "net/tls_blocks.h"
#include "net/tls_context.h"
#include "pipeline/fetch.h"
#include "providers/vendor.h"
#include "trace/lane.h"
#include "trace/options.h"
#include "trace/otlp.h"
#include "upstream/options.h"
#include "upstream/patience.h"
#include "upstream/upstream.h"

namespace sluice::server {

// Of the control shard's thread.
struct TraceCounters {
    uint64_t exported = 0;  // Spans that the receiver took.
    uint64_t dropped = 0;   // Spans that it did not take, or that had no time left.
    uint64_t failures = 0;  // Requests that did not work, each time.
};

class TraceExporter final : private upstream::Patience {
public:
    // `options` outlive it. `tls` is empty for plain http.
    TraceExporter(net::Shard& control,
                  net::DnsResolver& resolver,
                  const trace::TraceOptions& options,
                  const net::TlsContext& tls);
    // is_idle() must hold.
    ~TraceExporter() = default;
    TraceExporter(const TraceExporter&) = delete;
    TraceExporter& operator=(const TraceExporter&) = delete;

    // Before the shards start.
    trace::Lane& add_lane();
    void start();
    // Sends what is left, within the flush time-out, and ends; is_idle() says when.
    void stop();
    bool is_idle() const { return scope_.running() == 0 && resolver_.outstanding() == 0; }

    const TraceCounters& counters() const { return counters_; }
    // Spans that found no room, of all lanes.
    uint64_t dropped_by_shards() const;

private:
    enum class Fate : uint8_t { taken, refused, later };

    struct Batch {
        size_t spans = 0;
        bool is_full = false;  // There may be more to send at once.
    };

    coro::Signal& signal() override { return signal_; }
    std::optional<Error> reason_to_stop() override;

    coro::Task<void> run();
    coro::Task<void> wait(Duration time);
    bool is_due() const;
    void begin_batch(trace::OtlpText& otlp) const;
    Batch take_batch(std::string& text);
    coro::Task<void> send(const std::string& text, size_t spans);
    Fate judge(const Result<pipeline::FetchedReply>& reply, size_t spans, Duration& wait);
    void drop_rest();
    void tell(bool works, std::string_view why);

    net::Shard& control_;
    const trace::TraceOptions& options_;
    const upstream::UpstreamOptions target_options_;
    net::ShardNameSource names_;
    net::ResolverClient resolver_;
    net::TlsBlocks tls_blocks_;
    Counter connects_ok_;
    Counter connects_failed_;
    LocalPtr<upstream::Upstream> upstream_;
    std::string host_name_;
    std::string target_;
    std::vector<providers::HeaderLine> headers_;
    std::vector<std::unique_ptr<trace::Lane>> lanes_;
    size_t turn_ = 0;  // Of the lanes.
    TraceCounters counters_;
    coro::Signal signal_;
    net::Deadline end_;  // Of flushing.
    coro::TaskScope scope_;
    Instant due_;
    bool is_stopping_ = false;
    bool is_failing_ = false;  // And it has been said.
};

}  // namespace sluice::server
