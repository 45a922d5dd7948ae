// What a relayed event and a small request cost in the whole gateway: one shard on the kernel's own
// ring, with a client and an upstream as plain sockets that the same thread serves between turns.
//
// A time is the sum of all three; the counts are the gateway's alone, per event or request:
// `allocations` (of malloc and of the language), `copied_bytes`, `enter_calls`, `completions`. The
// program fails where an event of an open stream costs an allocation or a copy. Two things are not
// as in service: there is no access log, and nobody else makes completions come in batches.
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "allocation_count.h"
#include "base/log.h"
#include "base/log_writer.h"
#include "base/result.h"
#include "base/text.h"
#include "base/time.h"
#include "cache/options.h"
#include "config/config.h"
#include "net/address.h"
#include "net/proactor.h"
#include "net/resolver.h"
#include "net/ring.h"
#include "net/shard.h"
#include "pipeline/options.h"
#include "pipeline/processors/cache.h"
#include "server/gateway.h"
#include "server/process_cache.h"
#include "server/runtime_config.h"
#include "server/shard_body.h"
#include "upstream/key_ring.h"
#include "upstream/options.h"

namespace {

bool has_failed = false;

}  // namespace

namespace sluice::server {
namespace {

constexpr std::string_view kStreamRequest =
    "POST /v1/chat/completions HTTP/1.1\r\n"
    "host: gateway.internal:3000\r\n"
    "accept: application/json\r\n"
    "user-agent: OpenAI/Python 1.97.0\r\n"
    "authorization: Bearer sk-proj-0123456789abcdef0123456789abcdef012345\r\n"
    "content-type: application/json\r\n"
    "content-length: 87\r\n"
    "\r\n"
    R"({"model":"model-a","stream":true,"messages":[{"role":"user","content":"Hello there."}]})";
constexpr std::string_view kSmallRequest =
    "POST /v1/chat/completions HTTP/1.1\r\n"
    "host: gateway.internal:3000\r\n"
    "accept: application/json\r\n"
    "user-agent: OpenAI/Python 1.97.0\r\n"
    "authorization: Bearer sk-proj-0123456789abcdef0123456789abcdef012345\r\n"
    "content-type: application/json\r\n"
    "content-length: 73\r\n"
    "\r\n"
    R"({"model":"model-a","messages":[{"role":"user","content":"Hello there."}]})";
constexpr std::string_view kStreamHead =
    "HTTP/1.1 200 OK\r\n"
    "content-type: text/event-stream; charset=utf-8\r\n"
    "cache-control: no-cache\r\n"
    "transfer-encoding: chunked\r\n"
    "\r\n";
// 200 bytes in a chunk of their own, as engines send them.
constexpr std::string_view kEvent =
    "c8\r\n"
    R"(data: {"id":"chatcmpl-0123456789abcdef01234567","object":"chat.completion.chunk",)"
    R"("created":1760433667,"model":"model-a","choices":[{"index":0,)"
    R"("delta":{"content":" gateway's"},"finish_reason":null}]})"
    "\n\n"
    "\r\n";
constexpr std::string_view kEventEnd = "\n\n\r\n";
constexpr std::string_view kSmallAnswer =
    "HTTP/1.1 200 OK\r\n"
    "content-type: application/json\r\n"
    "content-length: 290\r\n"
    "\r\n"
    R"({"id":"chatcmpl-0123456789abcdef01234567","object":"chat.completion","created":1760433667,)"
    R"("model":"model-a","choices":[{"index":0,"message":{"role":"assistant",)"
    R"("content":"Hello! How can I help?"},"finish_reason":"stop"}],)"
    R"("usage":{"prompt_tokens":11,"completion_tokens":7,"total_tokens":18}})";

constexpr size_t kBurstStreams = 16;
constexpr size_t kEventsTogether = 16;
// Until every list and pool of the gateway has the size that it keeps.
constexpr int kWarmUpEvents = 1'000;
constexpr int kWarmUpRequests = 200;
// More than anything here needs, and an end where something is never going to come.
constexpr int kTurnsMax = 200;
constexpr Duration kTurnWaitMax = Duration::milliseconds(20);

// --- Plain sockets.

class Socket {
public:
    Socket() = default;
    explicit Socket(int fd) : fd_(fd) {
        const int on = 1;
        ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Socket& operator=(Socket&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~Socket() { close(); }

    int fd() const { return fd_; }
    bool is_open() const { return fd_ >= 0; }
    void close() {
        if (fd_ >= 0) {
            ::close(std::exchange(fd_, -1));
        }
    }
    bool write(std::string_view bytes) const {
        return ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
               static_cast<ssize_t>(bytes.size());
    }

private:
    int fd_ = -1;
};

// One end of a connection, with what came in and was not used yet.
struct Peer {
    Socket socket;
    std::array<char, size_t{16} * 1024> bytes;
    size_t count = 0;

    void read() {
        const ssize_t result = ::recv(socket.fd(), bytes.data() + count, bytes.size() - count, 0);
        count += result > 0 ? static_cast<size_t>(result) : 0;
    }
    std::string_view view() const { return {bytes.data(), count}; }
};

std::optional<size_t> find_content_length(std::string_view head) {
    constexpr std::string_view kName = "content-length:";
    for (size_t at = head.find("\r\n"); at + 2 < head.size(); at = head.find("\r\n", at + 2)) {
        const std::string_view line = head.substr(at + 2, head.find("\r\n", at + 2) - at - 2);
        if (line.size() > kName.size() &&
            equals_ignoring_case(line.substr(0, kName.size()), kName)) {
            return parse_decimal(trim_ows(line.substr(kName.size())));
        }
    }
    return std::nullopt;
}

// A whole message with a content-length has come in; takes it out.
bool take_message(Peer& peer) {
    peer.read();
    const size_t head = peer.view().find("\r\n\r\n");
    if (head == std::string_view::npos) {
        return false;
    }
    const std::optional<size_t> body = find_content_length(peer.view().substr(0, head + 2));
    if (!body || peer.count < head + 4 + *body) {
        return false;
    }
    peer.count = 0;
    return true;
}

bool take_stream_head(Peer& peer) {
    peer.read();
    const bool is_whole = peer.view().find("\r\n\r\n") != std::string_view::npos;
    peer.count = is_whole ? 0 : peer.count;
    return is_whole;
}

// Nothing else is under way, so what ends with an event and is long enough is what was sent.
bool take_events(Peer& peer, size_t sent_bytes) {
    peer.read();
    const bool is_whole = peer.count >= sent_bytes && peer.view().ends_with(kEventEnd);
    peer.count = is_whole ? 0 : peer.count;
    return is_whole;
}

// --- The gateway.

class NoNames final : public net::NameSource {
public:
    void ask(net::ResolverClient& /*client*/, std::string_view /*name*/) override { std::abort(); }
    void hurry(net::ResolverClient& /*client*/) override {}
};

LogLane& make_lane(LogWriter& writer) {
    return writer.add_lane(writer.add_sink("stderr").value(), 4096);
}

// What the route of a Rig does besides relaying.
enum class Step : uint8_t { none, cache };

RuntimeConfigPtr runtime_config(uint16_t upstream_port, Step step) {
    config::Config config;
    config.server.port = 0;
    config.server.shards = 1;
    config.server.http.connections_max = 64;
    config.server.http.requests_per_connection_max = 0;
    upstream::UpstreamOptions upstream;
    upstream.name = "llm";
    upstream.base_url = "http://127.0.0.1:" + std::to_string(upstream_port);
    config.upstreams.push_back(std::move(upstream));
    pipeline::RouteOptions route;
    route.path_prefix = "/v1";
    route.target_llm = "llm";
    if (step == Step::cache) {
        config.cache.enabled = true;
        config.processors.push_back(
            {.name = "cache", .type = "cache", .config = pipeline::CacheStepOptions()});
        route.processors = {"cache"};
    }
    config.routes.push_back(std::move(route));
    auto made = std::make_shared<RuntimeConfig>();
    made->config = std::move(config);
    made->upstreams.resize(made->config.upstreams.size());
    for (const auto& options : made->config.upstreams) {
        made->keys.push_back(std::make_unique<upstream::KeyRing>(options, nullptr));
    }
    return made;
}

// What the counts were at some moment.
struct Counts {
    uint64_t allocations = 0;
    uint64_t copied_bytes = 0;
    uint64_t enter_calls = 0;
    uint64_t completions = 0;
};

// The gateway with its clients and its upstream. Nothing works before start().
class Rig {
public:
    Rig() : log_writer_(LogWriterOptions()), log_(make_lane(log_writer_)), group_(1) {
        set_log_level(sluice::LogLevel::error);
    }
    ~Rig() { end(); }
    Rig(const Rig&) = delete;
    Rig& operator=(const Rig&) = delete;

    bool start(Step step = Step::none);
    // A connection from a client, and a whole request on it that has reached the upstream.
    bool open(std::string_view request);
    bool open_stream();
    // Writes `events` to every stream and turns until all clients have read theirs.
    bool relay_events(std::string_view events);
    bool answer_small_request();
    bool relay_small_request();
    bool ask_cached_request();
    Counts counts();

private:
    struct Hop {
        Peer client;
        Peer upstream;
    };

    template <class Condition>
    bool turn_until(Condition is_met);
    void end();

    LogWriter log_writer_;
    LogLane& log_;
    net::ShardGroup group_;
    ProcessState process_;
    std::optional<ProcessCache> cache_;
    std::optional<ShardPlan> plan_;
    std::unique_ptr<ShardBody> body_;
    net::Address address_;
    Socket upstream_;
    std::vector<std::unique_ptr<Hop>> hops_;
};

bool Rig::start(Step step) {
    upstream_ = Socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    net::Address at = net::Address::loopback(0);
    socklen_t length = at.length();
    if (::bind(upstream_.fd(), at.data(), length) != 0 || ::listen(upstream_.fd(), 64) != 0 ||
        ::getsockname(upstream_.fd(), at.storage_for(AF_INET), &length) != 0) {
        return false;
    }
    process_.metrics.resize(1);
    cache::CacheOptions cache;
    cache.enabled = step == Step::cache;
    cache_.emplace(group_, cache, "0123456789abcdef0123456789abcdef");
    plan_.emplace(ShardPlan{.index = 0,
                            .core = {},
                            .seed = 1,
                            .config = runtime_config(at.port(), step),
                            .group = group_,
                            .process = process_,
                            .log = log_,
                            .cache = &*cache_});
    auto shard = net::Shard::create(0, proactor_options(plan_->config->config.server), plan_->seed);
    if (!shard) {
        return false;
    }
    group_.set(**shard);
    body_ = std::make_unique<ShardBody>(*plan_, std::move(*shard), std::make_unique<NoNames>());
    const Result<net::Address> listens = body_->listen(net::Address::loopback(0));
    if (!listens) {
        return false;
    }
    address_ = *listens;
    return true;
}

template <class Condition>
bool Rig::turn_until(Condition is_met) {
    for (int i = 0; i < kTurnsMax; ++i) {
        body_->look();
        body_->proactor().turn(kTurnWaitMax);
        if (is_met()) {
            return true;
        }
    }
    return false;
}

bool Rig::open(std::string_view request) {
    hops_.push_back(std::make_unique<Hop>());
    Hop& hop = *hops_.back();
    hop.client.socket = Socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (::connect(hop.client.socket.fd(), address_.data(), address_.length()) != 0 &&
        errno != EINPROGRESS) {
        return false;
    }
    return hop.client.socket.write(request) && turn_until([&] {
               if (!hop.upstream.socket.is_open()) {
                   const int fd =
                       ::accept4(upstream_.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
                   hop.upstream.socket = fd >= 0 ? Socket(fd) : Socket();
               }
               return hop.upstream.socket.is_open() && take_message(hop.upstream);
           });
}

bool Rig::open_stream() {
    if (!open(kStreamRequest)) {
        return false;
    }
    Hop& hop = *hops_.back();
    return hop.upstream.socket.write(kStreamHead) &&
           turn_until([&] { return take_stream_head(hop.client); });
}

bool Rig::relay_events(std::string_view events) {
    for (const auto& hop : hops_) {
        if (!hop->upstream.socket.write(events)) {
            return false;
        }
    }
    size_t arrived = 0;  // Of the hops, in their order.
    return turn_until([&] {
        while (arrived < hops_.size() && take_events(hops_[arrived]->client, events.size())) {
            ++arrived;
        }
        return arrived == hops_.size();
    });
}

bool Rig::answer_small_request() {
    Hop& hop = *hops_.front();
    return hop.upstream.socket.write(kSmallAnswer) &&
           turn_until([&] { return take_message(hop.client); });
}

bool Rig::ask_cached_request() {
    Hop& hop = *hops_.front();
    return hop.client.socket.write(kSmallRequest) &&
           turn_until([&] { return take_message(hop.client); });
}

bool Rig::relay_small_request() {
    Hop& hop = *hops_.front();
    return hop.client.socket.write(kSmallRequest) &&
           turn_until([&] { return take_message(hop.upstream); }) && answer_small_request();
}

Counts Rig::counts() {
    const net::Proactor& proactor = body_->proactor();
    const net::RingCounters& ring = body_->proactor().ring().counters();
    return {.allocations = allocation_count(),
            .copied_bytes = proactor.counters().copied_bytes,
            .enter_calls = ring.enter_calls,
            .completions = ring.completions};
}

void Rig::end() {
    hops_.clear();
    if (body_ != nullptr) {
        body_->begin_drain(Duration());
        while (!body_->look()) {
            body_->proactor().turn(kTurnWaitMax);
        }
    }
}

// --- The benchmarks.

void fail(benchmark::State& state, const char* why) {
    has_failed = true;
    state.SkipWithError(why);
}

void report(benchmark::State& state, const Counts& before, const Counts& after, size_t per_turn) {
    const auto items = static_cast<double>(state.iterations()) * static_cast<double>(per_turn);
    const auto each = [&](uint64_t from, uint64_t to) {
        return static_cast<double>(to - from) / items;
    };
    state.SetItemsProcessed(static_cast<int64_t>(items));
    state.counters["allocations"] = each(before.allocations, after.allocations);
    state.counters["copied_bytes"] = each(before.copied_bytes, after.copied_bytes);
    state.counters["enter_calls"] = each(before.enter_calls, after.enter_calls);
    state.counters["completions"] = each(before.completions, after.completions);
}

void relay_events(benchmark::State& state, size_t streams, size_t together) {
    std::string events;
    for (size_t i = 0; i < together; ++i) {
        events += kEvent;
    }
    Rig rig;
    bool works = rig.start();
    for (size_t i = 0; works && i < streams; ++i) {
        works = rig.open_stream();
    }
    for (int i = 0; works && i < kWarmUpEvents; ++i) {
        works = rig.relay_events(events);
    }
    if (!works) {
        return fail(state, "the streams do not open (is there an io_uring?)");
    }
    const Counts before = rig.counts();
    for (auto _ : state) {
        if (!rig.relay_events(events)) {
            return fail(state, "an event does not arrive");
        }
    }
    const Counts after = rig.counts();
    report(state, before, after, streams * together);
    if (after.allocations != before.allocations) {
        fail(state, "an event of an open stream allocates");
    } else if (after.copied_bytes != before.copied_bytes) {
        fail(state, "an event of an open stream is copied");
    }
}

void relayed_event(benchmark::State& state) {
    relay_events(state, 1, 1);
}
BENCHMARK(relayed_event);

void relayed_event_burst(benchmark::State& state) {
    relay_events(state, kBurstStreams, 1);
}
BENCHMARK(relayed_event_burst);

void relayed_events_together(benchmark::State& state) {
    relay_events(state, 1, kEventsTogether);
}
BENCHMARK(relayed_events_together);

// The same request and answer as small_request, from the cache: no upstream takes part.
void cached_request(benchmark::State& state) {
    Rig rig;
    bool works = rig.start(Step::cache) && rig.open(kSmallRequest) && rig.answer_small_request();
    for (int i = 0; works && i < kWarmUpRequests; ++i) {
        works = rig.ask_cached_request();
    }
    if (!works) {
        return fail(state, "no request is answered (is there an io_uring?)");
    }
    const Counts before = rig.counts();
    for (auto _ : state) {
        if (!rig.ask_cached_request()) {
            return fail(state, "a request is not answered");
        }
    }
    report(state, before, rig.counts(), 1);
}
BENCHMARK(cached_request);

void small_request(benchmark::State& state) {
    Rig rig;
    bool works = rig.start() && rig.open(kSmallRequest) && rig.answer_small_request();
    for (int i = 0; works && i < kWarmUpRequests; ++i) {
        works = rig.relay_small_request();
    }
    if (!works) {
        return fail(state, "no request is answered (is there an io_uring?)");
    }
    const Counts before = rig.counts();
    for (auto _ : state) {
        if (!rig.relay_small_request()) {
            return fail(state, "a request is not answered");
        }
    }
    report(state, before, rig.counts(), 1);
}
BENCHMARK(small_request);

}  // namespace
}  // namespace sluice::server

int main(int argc, char** argv) {
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) {
        return 2;
    }
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return has_failed ? 1 : 0;
}
