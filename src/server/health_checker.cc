// Who is asked when, asking, and what follows from the answer.
#include "server/health_checker.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "balance/ewma.h"
#include "balance/options.h"
#include "balance/pool.h"
#include "balance/target.h"
#include "balance/target_state.h"
#include "base/arena.h"
#include "base/arena_list.h"
#include "base/error.h"
#include "base/intrusive_list.h"
#include "base/local_ptr.h"
#include "base/log.h"
#include "base/result.h"
#include "base/time.h"
#include "coro/signal.h"
#include "coro/task.h"
#include "http/url.h"
#include "net/proactor.h"
#include "net/shard.h"
#include "net/timer_wheel.h"
#include "pipeline/credential_keeper.h"
#include "pipeline/fetch.h"
#include "pipeline/llm_target.h"
#include "pipeline/service.h"
#include "pipeline/snapshot.h"
#include "pipeline/target_pool.h"
#include "providers/vendor.h"
#include "upstream/key_ring.h"
#include "upstream/patience.h"
#include "upstream/upstream.h"

namespace sluice::server {

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
// The first check comes soon, but not of all at once.
constexpr Duration kFirstMax = Duration::seconds(2);
constexpr int64_t kDoubtFactor = 6;
constexpr double kJitter = 0.1;
// Lists of models of routers are long.
constexpr uint32_t kReplyBytesMax = 8 * 1024 * 1024;
constexpr uint16_t kFirstServerError = 500;

// Where a check is sent; empty: the upstream is not checked.
std::string_view path_of(const balance::HealthOptions& options,
                         const pipeline::LlmTarget& target,
                         Arena& arena) {
    constexpr std::string_view kVersion = "/v1";
    const providers::Vendor& vendor = target.service->vendor();
    std::string_view prefix = target.upstream->url().path_prefix;
    if (options.check == balance::HealthScope::none || target.upstream->options().is_simulated()) {
        return {};
    }
    if (!options.path.empty()) {
        return options.path;
    }
    if (!vendor.health_path.empty()) {
        if (prefix.ends_with(kVersion)) {
            prefix.remove_suffix(kVersion.size());
        }
        return http::join_target(arena, prefix, vendor.health_path);
    }
    if (options.check != balance::HealthScope::all) {
        return {};
    }
    const std::string_view models =
        target.service->path(providers::Operation::models, {}, false, arena);
    return models.empty() ? models : http::join_target(arena, prefix, models);
}

}  // namespace

// Of one check. It ends with the checker, whatever it waits for.
class HealthChecker::Patience final : public upstream::Patience, public ListNode {
public:
    explicit Patience(const HealthChecker& checker)
        : checker_(checker), signal_(checker.shard_.proactor().ready()) {}

    coro::Signal& signal() override { return signal_; }
    std::optional<Error> reason_to_stop() override {
        if (!checker_.is_stopped_) {
            return std::nullopt;
        }
        return Error{.kind = ErrorKind::shutting_down,
                     .source = ErrorSource::gateway,
                     .where = "the gateway ends"};
    }

private:
    const HealthChecker& checker_;
    coro::Signal signal_;
};

HealthChecker::HealthChecker(net::Shard& shard)
    : shard_(shard), scope_(shard.proactor().ready()), timer_(&on_timer, this) {}

// --- Who is asked.

HealthChecker::SubjectPtr HealthChecker::make_subject(const LocalPtr<pipeline::Snapshot>& snapshot,
                                                      const pipeline::TargetPool& pool,
                                                      const pipeline::LlmTarget& target) const {
    SubjectPtr subject(new Subject);
    subject->pool = pool.name;
    subject->llm = target.name;
    subject->options = pool.pool->options().health;
    subject->snapshot = snapshot;
    subject->target = &target;
    const Duration longest =
        std::min(Duration::milliseconds(subject->options.interval_ms), kFirstMax);
    const double part = shard_.prng().unit();
    subject->due =
        shard_.proactor().now() +
        Duration::nanoseconds(static_cast<int64_t>(part * static_cast<double>(longest.ns())));
    return subject;
}

// Another one behind the same address has failed nothing yet.
std::string_view HealthChecker::instance_of(const Subject& subject) {
    return subject.target->upstream->options().instance;
}

void HealthChecker::use(const LocalPtr<pipeline::Snapshot>& snapshot) {
    const std::vector<SubjectPtr> before = std::exchange(subjects_, {});
    for (const std::unique_ptr<pipeline::TargetPool>& pool : snapshot->pools) {
        if (pool->pool == nullptr) {
            continue;
        }
        std::unordered_map<std::string_view, Subject*> own;  // By the names of upstreams.
        for (size_t i = 0; i < pool->pool->targets().size(); ++i) {
            const pipeline::LlmTarget& target = pool->targets[i];
            balance::TargetState* const state = pool->pool->targets()[i].state.get();
            Arena arena;
            if (path_of(pool->pool->options().health, target, arena).empty()) {
                state->set_health(true, shard_.proactor().now());
                state->health_since_ms.store(0, kRelaxed);
                continue;
            }
            Subject*& subject = own[target.name];
            if (subject == nullptr) {
                subjects_.push_back(make_subject(snapshot, *pool, target));
                subject = subjects_.back().get();
            }
            subject->states.push_back(state);
        }
    }
    using Key = std::pair<std::string_view, std::string_view>;  // Into the subjects.
    std::map<Key, const Subject*> known;
    for (const SubjectPtr& old : before) {
        known.emplace(Key(old->pool, old->llm), old.get());
        old->is_retired = true;
    }
    for (const SubjectPtr& subject : subjects_) {
        const auto old = known.find(Key(subject->pool, subject->llm));
        if (old != known.end() && instance_of(*old->second) == instance_of(*subject)) {
            // Members come and go all the time: that is no reason to ask all others how they are.
            const Duration interval = Duration::milliseconds(subject->options.interval_ms);
            subject->due = std::min(old->second->due, shard_.proactor().now() + interval);
            subject->was_checked = old->second->was_checked;
            subject->failures = old->second->failures;
            subject->successes = old->second->successes;
        }
    }
    arm();
}

void HealthChecker::stop() {
    is_stopped_ = true;
    timer_.cancel();
    subjects_.clear();
    for (Patience* one = running_.front(); one != nullptr; one = running_.next(*one)) {
        one->signal().raise();
    }
}

// --- When.

void HealthChecker::arm() {
    Instant next = Instant::never();
    for (const SubjectPtr& subject : subjects_) {
        next = subject->is_running ? next : std::min(next, subject->due);
    }
    if (next == Instant::never()) {
        timer_.cancel();
    } else {
        shard_.proactor().timers().arm(timer_, next);
    }
}

void HealthChecker::on_timer(net::Timer& timer) {
    timer.owner_as<HealthChecker>().look();
}

void HealthChecker::look() {
    const Instant now = shard_.proactor().now();
    for (const SubjectPtr& subject : subjects_) {
        if (!subject->is_running && subject->due <= now) {
            subject->is_running = true;
            scope_.spawn(check(subject));
        }
    }
    arm();
}

// --- Asking.

coro::Task<void> HealthChecker::check(SubjectPtr subject) {
    const Instant began = shard_.proactor().now();
    {
        Patience patience(*this);
        running_.push_back(patience);
        const Result<pipeline::FetchedReply> reply = co_await ask(*subject, patience);
        if (!subject->is_retired && !is_stopped_) {
            conclude(*subject, reply, shard_.proactor().now() - began);
        }
    }
    subject->is_running = false;
    if (!is_stopped_) {
        arm();
    }
}

coro::Task<Result<pipeline::FetchedReply>> HealthChecker::ask(const Subject& subject,
                                                              Patience& patience) {
    net::Proactor& proactor = shard_.proactor();
    const pipeline::Service& service = *subject.target->service;
    Arena arena;
    ArenaList<providers::HeaderLine> headers(arena);
    pipeline::FetchRequest request;
    request.target = path_of(subject.options, *subject.target, arena);
    request.reply_bytes_max = kReplyBytesMax;
    request.timeout = Duration::milliseconds(subject.options.timeout_ms);
    // A server of one's own says how it is to everybody.
    const bool is_open = subject.options.path.empty() && !service.vendor().health_path.empty();
    if (!is_open) {
        if (pipeline::CredentialKeeper* const keeper = service.credentials()) {
            CO_TRY_VOID(co_await keeper->ensure(proactor, patience));
        }
        service.add_fields(headers, service.keys().choose({}, 0, proactor.now()).key);
    }
    request.headers = headers.view();
    co_return co_await pipeline::fetch(proactor, patience, *subject.target->upstream, request);
}

// --- What follows.

// Refused keys and limits of requests are another matter: what says so is there.
bool HealthChecker::is_well(const Subject& subject, uint16_t status) const {
    constexpr uint16_t kFirstSuccess = 200;
    constexpr uint16_t kFirstClientError = 400;
    if (subject.options.path.empty()) {
        return status < kFirstServerError;
    }
    return status >= kFirstSuccess && status < kFirstClientError;
}

void HealthChecker::conclude(Subject& subject,
                             const Result<pipeline::FetchedReply>& reply,
                             Duration took) {
    const Instant now = shard_.proactor().now();
    const bool says_something = reply || reply.error().source == ErrorSource::upstream;
    const bool well = reply && is_well(subject, reply->status);
    const bool was_well = subject.states.front()->is_healthy.load(kRelaxed);
    if (says_something) {
        subject.successes = well ? subject.successes + 1 : 0;
        subject.failures = well ? 0 : subject.failures + 1;
    }
    const bool turns_bad = was_well && subject.failures >= subject.options.failures_max;
    const bool turns_good = !was_well && subject.successes >= subject.options.successes_min;
    const bool is_now_well = turns_good || (was_well && !turns_bad);
    for (balance::TargetState* const state : subject.states) {
        if (!says_something) {
            continue;
        }
        state->set_health(is_now_well, now);
        state->checked_ms.store(balance::ms_of(now), kRelaxed);
        state->check_us.store(static_cast<uint32_t>(took.us()), kRelaxed);
        state->check_error.store(reply ? 0 : static_cast<uint16_t>(reply.error().kind), kRelaxed);
        state->check_status.store(reply ? reply->status : 0, kRelaxed);
    }
    if (turns_bad) {
        SLUICE_LOG(warning, "health", "a target was found dead", {"pool", subject.pool},
                   {"llm", subject.llm}, {"status", reply ? reply->status : 0},
                   {"error", reply ? "none" : error_kind_name(reply.error().kind)});
    } else if (turns_good) {
        SLUICE_LOG(info, "health", "a target is well again", {"pool", subject.pool},
                   {"llm", subject.llm});
    }
    const bool is_in_doubt = says_something && well != is_now_well;
    const Duration interval = Duration::milliseconds(subject.options.interval_ms);
    // First checks come close together; what follows is spread over the interval.
    const double unit = shard_.prng().unit();
    const double part = subject.was_checked ? 1 - kJitter + 2 * kJitter * unit : unit;
    subject.was_checked = true;
    const int64_t wait_ns = interval.ns() / (is_in_doubt ? kDoubtFactor : 1);
    subject.due =
        now + Duration::nanoseconds(static_cast<int64_t>(part * static_cast<double>(wait_ns)));
}

}  // namespace sluice::server
