// List, watch, and wait a while after a failure.
#include "server/kubernetes_source.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "balance/options.h"
#include "base/error.h"
#include "base/local_ptr.h"
#include "base/log.h"
#include "base/result.h"
#include "base/time.h"
#include "config/read_file.h"
#include "coro/task.h"
#include "net/deadline.h"
#include "net/dns_resolver.h"
#include "net/options.h"
#include "net/shard.h"
#include "net/tls_context.h"
#include "pipeline/fetch.h"
#include "providers/vendor.h"
#include "server/endpoint_slices.h"
#include "server/member_source.h"
#include "upstream/options.h"
#include "upstream/upstream.h"

namespace sluice::server {

namespace {

constexpr uint16_t kOk = 200;
constexpr uint16_t kGone = 410;
constexpr uint32_t kListBytesMax = 64U * 1024 * 1024;
constexpr size_t kEventBytesMax = 4UL * 1024 * 1024;
constexpr size_t kTokenBytesMax = 64UL * 1024;
constexpr Duration kListTimeout = Duration::seconds(30);
// The API ends a watch when we want it; what is silent for longer than that is dead.
constexpr Duration kWatchMargin = Duration::seconds(10);
constexpr double kJitter = 0.25;
constexpr uint32_t kDoublingsMax = 10;

std::string trimmed(std::string text) {
    text.erase(text.find_last_not_of(" \t\r\n") + 1);
    return text;
}

}  // namespace

KubernetesSource::KubernetesSource(net::Shard& control,
                                   net::DnsResolver& resolver,
                                   std::string pool,
                                   balance::DiscoveryOptions options,
                                   MemberSink& sink)
    : MemberSource(std::move(pool), std::move(options), sink),
      control_(control),
      name_source_(control, resolver),
      names_(control.proactor(), &name_source_, {}),
      signal_(control.proactor().ready()),
      scope_(control.proactor().ready()),
      slices_(MemberSource::options().port_name) {}

void KubernetesSource::start() {
    scope_.spawn(run());
}

void KubernetesSource::stop() {
    is_stopped_ = true;
    names_.close();
    signal_.raise();
}

std::optional<Error> KubernetesSource::reason_to_stop() {
    if (!is_stopped_) {
        return std::nullopt;
    }
    return Error{.kind = ErrorKind::shutting_down,
                 .source = ErrorSource::gateway,
                 .where = "the source ends"};
}

coro::Task<void> KubernetesSource::run() {
    Next next = Next::list;
    while (!is_stopped_) {
        if (next == Next::list) {
            next = co_await list();
        } else if (next == Next::watch) {
            next = co_await watch();
        } else {
            co_await wait();
            next = slices_.version().empty() ? Next::list : Next::watch;
        }
    }
    if (api_) {
        api_->pool().retire();
        api_ = {};
    }
}

// --- The API.

// A new one after each failure: authorities are replaced, too.
Status KubernetesSource::open() {
    if (api_ && failures_ == 0) {
        return {};
    }
    if (api_) {
        api_->pool().retire();
    }
    upstream::UpstreamOptions options;
    options.name = "kubernetes";
    options.base_url = MemberSource::options().api_url;
    net::TlsContext tls;
    if (options.base_url.starts_with("https://")) {
        options.tls.ca_file = MemberSource::options().ca_file;
        net::TlsTrustStores stores;
        net::TlsContextResult made = net::TlsContext::make_client(
            options.tls, stores, control_.proactor().ring().wall_clock_ns());
        if (!made.context) {
            return fail({.kind = ErrorKind::tls_verify,
                         .source = ErrorSource::gateway,
                         .where = "the authority cannot be used"});
        }
        tls = std::move(made.context);
    }
    const upstream::Surroundings surroundings = {
        .proactor = control_.proactor(),
        .resolver = names_,
        .tls_blocks = tls_blocks_,
        .sockets = {},
        .limits = {},
    };
    const upstream::ConnectCounters counters = {.ok = connected_, .failed = refused_};
    api_ = LocalPtr(new upstream::Upstream(surroundings, options, tls, counters));
    return {};
}

coro::Task<Result<pipeline::FetchedReply>> KubernetesSource::ask(const std::string& query,
                                                                 bool is_watch) {
    CO_TRY_VOID(open());
    std::string authorization;
    if (!options().token_file.empty()) {
        auto token = config::read_file(options().token_file, kTokenBytesMax);
        if (!token) {
            co_return fail(Error{.kind = ErrorKind::unauthorized,
                                 .source = ErrorSource::gateway,
                                 .where = "the token cannot be read"});
        }
        authorization = "Bearer " + trimmed(*std::move(token));
    }
    const std::string target = std::string(api_->url().path_prefix) +
                               "/apis/discovery.k8s.io/v1/namespaces/" + options().name_space +
                               "/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3D" +
                               options().name + query;
    std::array<providers::HeaderLine, 2> headers = {
        {{.name = "accept", .value = "application/json"},
         {.name = "authorization", .value = authorization}}};
    pipeline::FetchRequest request;
    request.target = target;
    request.headers = std::span(headers).first(authorization.empty() ? 1 : 2);
    request.reply_bytes_max = kListBytesMax;
    request.timeout = kListTimeout;
    if (is_watch) {
        request.sink = this;
        request.timeout = Duration::milliseconds(options().refresh_ms_max) + kWatchMargin;
    }
    co_return co_await pipeline::fetch(control_.proactor(), *this, *api_, request);
}

coro::Task<KubernetesSource::Next> KubernetesSource::list() {
    const std::string query;
    Result<pipeline::FetchedReply> reply = co_await ask(query, false);
    if (reply && reply->status == kOk) {
        if (const Status taken = slices_.take_list(reply->body); !taken) {
            reply = fail(taken.error());
        }
    }
    if (!reply || reply->status != kOk) {
        complain(reply);
        co_return Next::wait;
    }
    failures_ = 0;
    tell(slices_.members());
    co_return Next::watch;
}

coro::Task<KubernetesSource::Next> KubernetesSource::watch() {
    constexpr uint32_t kMsPerSecond = 1'000;
    line_.clear();
    has_expired_ = false;
    const std::string query =
        "&watch=1&allowWatchBookmarks=true&resourceVersion=" + slices_.version() +
        "&timeoutSeconds=" + std::to_string(std::max(options().refresh_ms_max / kMsPerSecond, 1U));
    const Instant began = control_.proactor().now();
    const Result<pipeline::FetchedReply> reply = co_await ask(query, true);
    // Watches that end at once are not begun again at once.
    const bool was_short =
        control_.proactor().now() - began < Duration::milliseconds(options().refresh_ms_min);
    if (has_expired_ || (reply && reply->status == kGone)) {
        slices_.forget_version();
        co_return was_short ? Next::wait : Next::list;
    }
    if (!reply || reply->status != kOk) {
        complain(reply);
        co_return Next::wait;
    }
    failures_ = 0;
    co_return was_short ? Next::wait : Next::watch;
}

// Events are lines. What came together is told together. After one that cannot be taken only a list
// tells what is.
Status KubernetesSource::on_piece(std::string_view piece) {
    bool has_changed = false;
    while (!piece.empty()) {
        const size_t end = piece.find('\n');
        line_ += piece.substr(0, end);
        if (line_.size() > kEventBytesMax) {
            slices_.forget_version();
            return fail({.kind = ErrorKind::body_too_large,
                         .source = ErrorSource::upstream,
                         .where = "an event of a watch is too large"});
        }
        if (end == piece.npos) {
            break;
        }
        piece.remove_prefix(end + 1);
        const std::string line = std::exchange(line_, {});
        if (line.empty()) {
            continue;
        }
        const Result<EndpointSlices::Event> event = slices_.take_event(line);
        if (!event) {
            slices_.forget_version();
            return fail(event.error());
        }
        has_changed = has_changed || *event == EndpointSlices::Event::changed;
        if (*event == EndpointSlices::Event::expired) {
            has_expired_ = true;
            return fail({.kind = ErrorKind::closed_early,
                         .source = ErrorSource::upstream,
                         .where = "the watch begins too long ago"});
        }
    }
    failures_ = 0;
    if (has_changed && !is_stopped_) {
        tell(slices_.members());
    }
    return {};
}

// --- Failures.

void KubernetesSource::complain(const Result<pipeline::FetchedReply>& reply) {
    if (is_stopped_) {
        return;
    }
    if (failures_++ == 0) {
        SLUICE_LOG(warning, "discovery",
                   "the API of Kubernetes cannot be asked; members before stay", {"pool", pool()},
                   {"service", options().name}, {"status", reply ? reply->status : 0},
                   {"error", reply ? "none" : error_kind_name(reply.error().kind)},
                   {"where", reply ? "" : reply.error().where});
    }
}

coro::Task<void> KubernetesSource::wait() {
    const uint32_t doublings = std::min(failures_ == 0 ? 0 : failures_ - 1, kDoublingsMax);
    const uint64_t wait_ms = std::min<uint64_t>(uint64_t{options().refresh_ms_min} << doublings,
                                                options().refresh_ms_max);
    const double part = 1 - kJitter + 2 * kJitter * control_.prng().unit();
    net::Deadline deadline(control_.proactor(), signal_);
    deadline.set(
        Duration::microseconds(static_cast<int64_t>(part * static_cast<double>(wait_ms) * 1'000)));
    while (!deadline.has_passed() && !is_stopped_) {
        co_await signal_.wait();
    }
}

}  // namespace sluice::server
