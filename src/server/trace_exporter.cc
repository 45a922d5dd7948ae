// When a batch is due, what becomes of it, and the end.
#include "server/trace_exporter.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/local_ptr.h"
#include "base/log.h"
#include "base/result.h"
#include "base/text.h"
#include "base/time.h"
#include "coro/task.h"
#include "http/types.h"
#include "json/tree.h"
#include "net/deadline.h"
#include "net/dns_resolver.h"
#include "net/proactor.h"
#include "net/shard.h"
#include "net/tls_context.h"
#include "pipeline/fetch.h"
#include "server/trace_messages.h"
#include "trace/gzip.h"
#include "trace/lane.h"
#include "trace/options.h"
#include "trace/otlp.h"
#include "trace/record.h"
#include "trace/spans.h"
#include "upstream/options.h"
#include "upstream/upstream.h"

namespace sluice::server {

namespace {

constexpr Duration kLook = Duration::milliseconds(100);
constexpr Duration kBackOffMin = Duration::milliseconds(500);
constexpr Duration kBackOffMax = Duration::seconds(30);
constexpr uint32_t kReplyBytesMax = 64 * 1024;
// Where spans carry content: what receivers take at once is a few times as much, and packing this
// holds the control shard up for less than a tenth of a second.
constexpr size_t kBatchBytesMax = size_t{2} * 1024 * 1024;
constexpr std::string_view kScope = "sluice";
constexpr size_t kHostNameBytesMax = 256;

// By the specification of OTLP over HTTP these may be tried again, and no others.
bool is_passing(uint16_t status) {
    return status == 429 || status == 502 || status == 503 || status == 504;
}

upstream::UpstreamOptions target_of(const trace::TraceOptions& options) {
    upstream::UpstreamOptions target;
    target.name = "traces";
    target.base_url = options.endpoint;
    target.timeouts.connect_ms = options.timeout_ms;
    target.tls = options.tls;
    return target;
}

// How many spans a receiver says it did not want, although it took the request.
uint64_t rejected_spans(std::string_view body) {
    Arena arena;
    const auto reply = json::Value::parse(body, arena, ErrorSource::upstream);
    if (!reply) {
        return 0;
    }
    const json::Value& count = (**reply)["partialSuccess"]["rejectedSpans"];
    const std::string_view digits = count.is_string() ? count.text().raw : count.raw();
    return parse_decimal(digits).value_or(0);
}

}  // namespace

TraceExporter::TraceExporter(net::Shard& control,
                             net::DnsResolver& resolver,
                             const trace::TraceOptions& options,
                             const net::TlsContext& tls)
    : control_(control),
      options_(options),
      target_options_(target_of(options)),
      names_(control, resolver),
      resolver_(control.proactor(), &names_, {}),
      signal_(control.proactor().ready()),
      end_(control.proactor(), signal_),
      scope_(control.proactor().ready()) {
    upstream_ = LocalPtr(new upstream::Upstream({.proactor = control.proactor(),
                                                 .resolver = resolver_,
                                                 .tls_blocks = tls_blocks_,
                                                 .sockets = {},
                                                 .limits = {}},
                                                target_options_, tls,
                                                {.ok = connects_ok_, .failed = connects_failed_}));
    std::array<char, kHostNameBytesMax> name = {};
    if (::gethostname(name.data(), name.size() - 1) == 0) {
        host_name_ = name.data();
    }
    target_ = std::string(upstream_->url().path_prefix) + options.path;
    for (const trace::NamedText& header : options.headers) {
        headers_.push_back({header.name, header.value});
    }
    for (const auto& [header, secret] : options.secret_headers) {
        headers_.push_back({header, secret.reveal()});
    }
    if (options.compression == trace::Compression::gzip) {
        headers_.push_back({"content-encoding", "gzip"});
    }
}

trace::Lane& TraceExporter::add_lane() {
    return *lanes_.emplace_back(std::make_unique<trace::Lane>(options_.queue_traces_max));
}

uint64_t TraceExporter::dropped_by_shards() const {
    uint64_t sum = 0;
    for (const auto& lane : lanes_) {
        sum += lane->dropped();
    }
    return sum;
}

void TraceExporter::start() {
    scope_.spawn(run());
}

void TraceExporter::stop() {
    is_stopping_ = true;
    // A deadline of nothing would never pass.
    end_.set(Duration::milliseconds(std::max<uint32_t>(options_.flush_timeout_ms, 1)));
    signal_.raise();
}

std::optional<Error> TraceExporter::reason_to_stop() {
    if (!end_.has_passed()) {
        return std::nullopt;
    }
    return Error{.kind = ErrorKind::shutting_down,
                 .source = ErrorSource::gateway,
                 .where = "the gateway ends"};
}

// --- When.

// At most so long, and not at all once it is to end.
coro::Task<void> TraceExporter::wait(Duration time) {
    net::Deadline over(control_.proactor(), signal_);
    over.set(std::max(time, Duration::milliseconds(1)));
    while (!over.has_passed() && !is_stopping_) {
        co_await signal_.wait();
    }
}

bool TraceExporter::is_due() const {
    return is_stopping_ || control_.proactor().now() >= due_ ||
           std::ranges::any_of(lanes_, [](const auto& lane) { return lane->is_half_full(); });
}

coro::Task<void> TraceExporter::run() {
    const Duration delay = Duration::milliseconds(options_.batch_delay_ms);
    const Duration look = std::min(delay, kLook);
    due_ = control_.proactor().now() + delay;
    while (!is_stopping_) {
        co_await wait(look);
        if (!is_due()) {
            continue;
        }
        std::string text;
        for (Batch batch = take_batch(text); batch.spans > 0; batch = take_batch(text)) {
            co_await send(text, batch.spans);
            if (!batch.is_full && !is_stopping_) {
                break;  // What has come meanwhile waits for others, as this did.
            }
        }
        due_ = control_.proactor().now() + delay;
    }
    drop_rest();
    upstream_->pool().retire();
    resolver_.close();
}

// A key must not stand there twice: what is configured replaces what would be ours.
void TraceExporter::begin_batch(trace::OtlpText& otlp) const {
    const auto is_ours = [&](std::string_view key) {
        return std::ranges::find(options_.resource, key, &trace::NamedText::name) ==
               options_.resource.end();
    };
    const auto add = [&](std::string_view key, std::string_view value) {
        if (is_ours(key)) {
            otlp.text(key, value);
        }
    };
    otlp.begin_request();
    add("service.name", options_.service_name);
    add("service.version", SLUICE_VERSION);
    add("host.name", host_name_);
    if (is_ours("process.pid")) {
        otlp.integer("process.pid", ::getpid());
    }
    for (const trace::NamedText& attribute : options_.resource) {
        otlp.text(attribute.name, attribute.value);
    }
    otlp.begin_spans(kScope, SLUICE_VERSION);
}

// One record of each lane in turn; the last one may take it over its bounds.
TraceExporter::Batch TraceExporter::take_batch(std::string& text) {
    text.clear();
    Batch batch;
    std::optional<trace::OtlpText> otlp;
    for (size_t empty = 0; empty < lanes_.size() && !batch.is_full && !end_.has_passed();) {
        trace::Lane& lane = *lanes_[turn_++ % lanes_.size()];
        const trace::Record* const record = lane.front();
        if (record == nullptr) {
            ++empty;
            continue;
        }
        empty = 0;
        if (!otlp) {
            begin_batch(otlp.emplace(text));
        }
        const TraceMessages messages = messages_of(*record);
        trace::write_spans(*otlp, *record, {.input = messages.input, .output = messages.output});
        batch.spans += trace::span_count(*record);
        lane.pop();
        batch.is_full =
            batch.spans >= options_.batch_spans_max || otlp->size_bytes() >= kBatchBytesMax;
    }
    if (otlp) {
        otlp->end_request();
    }
    return batch;
}

// --- What becomes of a batch.

// Until it is taken, or refused, or its time is over.
coro::Task<void> TraceExporter::send(const std::string& text, size_t spans) {
    net::Proactor& proactor = control_.proactor();
    const bool is_packed = options_.compression == trace::Compression::gzip;
    const std::string packed = is_packed ? trace::gzip(text) : std::string();
    pipeline::FetchRequest request;
    request.method = http::Method::post;
    request.target = target_;
    request.headers = headers_;
    request.body = is_packed ? packed : text;
    request.content_type = "application/json";
    request.reply_bytes_max = kReplyBytesMax;
    request.timeout = Duration::milliseconds(options_.timeout_ms);
    const Instant give_up = proactor.now() + Duration::milliseconds(options_.retry_ms_max);
    Duration back_off = kBackOffMin;
    while (true) {
        const Result<pipeline::FetchedReply> reply =
            co_await pipeline::fetch(proactor, *this, *upstream_, request);
        // Evenly from half of it to all, so that gateways do not come together.
        Duration pause = Duration::nanoseconds(static_cast<int64_t>(
            static_cast<double>(back_off.ns()) * (0.5 + control_.prng().unit() / 2)));
        const Fate fate = judge(reply, spans, pause);
        if (fate == Fate::taken) {
            co_return;
        }
        ++counters_.failures;
        const bool is_over = is_stopping_ || proactor.now() + pause > give_up;
        if (fate == Fate::refused || is_over) {
            counters_.dropped += spans;
            co_return;
        }
        co_await wait(pause);
        back_off = std::min(back_off * 2, kBackOffMax);
    }
}

// `wait` becomes what the receiver asks for, if it does.
TraceExporter::Fate TraceExporter::judge(const Result<pipeline::FetchedReply>& reply,
                                         size_t spans,
                                         Duration& wait) {
    constexpr uint16_t kFirstRedirect = 300;
    if (!reply) {
        tell(false, error_kind_name(reply.error().kind));
        return Fate::later;
    }
    if (reply->status < kFirstRedirect) {
        const uint64_t rejected = std::min<uint64_t>(rejected_spans(reply->body), spans);
        counters_.exported += spans - rejected;
        counters_.dropped += rejected;
        tell(true, {});
        return Fate::taken;
    }
    tell(false, std::to_string(reply->status));
    if (!is_passing(reply->status)) {
        return Fate::refused;
    }
    if (const auto seconds = parse_decimal(reply->retry_after)) {
        wait = Duration::seconds(static_cast<int64_t>(std::min<uint64_t>(*seconds, 86'400)));
    }
    return Fate::later;
}

// Once when it stops working, and once when it works again.
void TraceExporter::tell(bool works, std::string_view why) {
    if (works && is_failing_) {
        SLUICE_LOG(info, "traces", "traces are taken again");
    } else if (!works && !is_failing_) {
        SLUICE_LOG(warning, "traces", "traces are not taken by their receiver", {"reason", why});
    }
    is_failing_ = !works;
}

void TraceExporter::drop_rest() {
    uint64_t spans = 0;
    for (const auto& lane : lanes_) {
        while (const trace::Record* const record = lane->front()) {
            spans += trace::span_count(*record);
            lane->pop();
        }
    }
    counters_.dropped += spans;
    if (spans > 0) {
        SLUICE_LOG(warning, "traces", "spans could not be sent before the end", {"spans", spans});
    }
}

}  // namespace sluice::server
