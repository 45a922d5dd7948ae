// Each upstream has a timer of its own; a question begins when the one before it has ended.
#include "server/engine_scraper.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "balance/options.h"
#include "balance/pool.h"
#include "balance/target.h"
#include "balance/target_state.h"
#include "base/error.h"
#include "base/intrusive_list.h"
#include "base/local_ptr.h"
#include "base/log.h"
#include "base/result.h"
#include "base/time.h"
#include "coro/signal.h"
#include "coro/task.h"
#include "net/proactor.h"
#include "net/shard.h"
#include "net/timer_wheel.h"
#include "pipeline/fetch.h"
#include "pipeline/llm_target.h"
#include "pipeline/snapshot.h"
#include "pipeline/target_pool.h"
#include "providers/engine_load.h"
#include "upstream/patience.h"
#include "upstream/upstream.h"

namespace sluice::server {

namespace {

constexpr double kJitter = 0.1;
// Engines with many models and histograms have some hundred kilobytes.
constexpr uint32_t kReplyBytesMax = 4 * 1024 * 1024;
constexpr uint16_t kOk = 200;
// After failures in a row it is asked for twice as seldom each time, up to so many times.
constexpr uint32_t kBackoffMax = 5;
constexpr Duration kIntervalMax = Duration::seconds(60);

}  // namespace

struct EngineScraper::Subject : LocallyCounted {
    explicit Subject(EngineScraper& scraper) : owner(scraper), timer(&on_timer, this) {}

    EngineScraper& owner;
    balance::EngineMetricsOptions options;
    LocalPtr<pipeline::Snapshot> snapshot;  // Keeps the rest.
    const pipeline::TargetPool* pool = nullptr;
    const pipeline::LlmTarget* target = nullptr;
    std::vector<balance::TargetState*> states;
    net::Timer timer;
    uint32_t failures = 0;  // In a row.
    bool is_retired = false;
};

// Of one question. It ends with the scraper, whatever it waits for.
class EngineScraper::Patience final : public upstream::Patience, public ListNode {
public:
    explicit Patience(const EngineScraper& scraper)
        : scraper_(scraper), signal_(scraper.shard_.proactor().ready()) {}

    coro::Signal& signal() override { return signal_; }
    std::optional<Error> reason_to_stop() override {
        if (!scraper_.is_stopped_) {
            return std::nullopt;
        }
        return Error{.kind = ErrorKind::shutting_down,
                     .source = ErrorSource::gateway,
                     .where = "the gateway ends"};
    }

private:
    const EngineScraper& scraper_;
    coro::Signal signal_;
};

EngineScraper::EngineScraper(net::Shard& shard) : shard_(shard), scope_(shard.proactor().ready()) {}

EngineScraper::~EngineScraper() = default;

// --- Who is asked, and when.

void EngineScraper::use(const LocalPtr<pipeline::Snapshot>& snapshot) {
    const std::vector<SubjectPtr> before = std::exchange(subjects_, {});
    Index old;
    for (const SubjectPtr& subject : before) {
        old.emplace(Key(subject->target->upstream.get(), subject->pool->name), subject.get());
    }
    Index made;
    for (const std::unique_ptr<pipeline::TargetPool>& pool : snapshot->pools) {
        if (pool->pool == nullptr || !pool->pool->options().engine_metrics.enabled) {
            continue;
        }
        for (size_t i = 0; i < pool->pool->targets().size(); ++i) {
            const pipeline::LlmTarget& target = pool->targets[i];
            if (target.upstream->options().is_simulated()) {
                continue;
            }
            Subject*& subject = made[Key(target.upstream.get(), pool->name)];
            if (subject == nullptr) {
                subjects_.push_back(make_subject(snapshot, *pool, target, old));
                subject = subjects_.back().get();
            }
            // Targets that differ in their model only are asked once.
            subject->states.push_back(pool->pool->targets()[i].state.get());
        }
    }
    for (const SubjectPtr& subject : before) {
        subject->is_retired = true;
        subject->timer.cancel();
    }
}

EngineScraper::SubjectPtr EngineScraper::make_subject(const LocalPtr<pipeline::Snapshot>& snapshot,
                                                      const pipeline::TargetPool& pool,
                                                      const pipeline::LlmTarget& target,
                                                      const Index& before) {
    SubjectPtr subject(new Subject(*this));
    subject->options = pool.pool->options().engine_metrics;
    subject->snapshot = snapshot;
    subject->pool = &pool;
    subject->target = &target;
    const auto old = before.find(Key(target.upstream.get(), pool.name));
    subject->failures = old == before.end() ? 0 : old->second->failures;
    // Not of all at once.
    const Duration interval = Duration::milliseconds(subject->options.interval_ms);
    arm(*subject, Duration::nanoseconds(static_cast<int64_t>(shard_.prng().unit() *
                                                             static_cast<double>(interval.ns()))));
    return subject;
}

void EngineScraper::stop() {
    is_stopped_ = true;
    for (const SubjectPtr& subject : subjects_) {
        subject->is_retired = true;
        subject->timer.cancel();
    }
    subjects_.clear();
    for (Patience* one = running_.front(); one != nullptr; one = running_.next(*one)) {
        one->signal().raise();
    }
}

void EngineScraper::arm(Subject& subject, Duration interval) {
    const double part = 1 - kJitter + 2 * kJitter * shard_.prng().unit();
    const auto wait =
        Duration::nanoseconds(static_cast<int64_t>(part * static_cast<double>(interval.ns())));
    shard_.proactor().timers().arm(subject.timer, shard_.proactor().now() + wait);
}

void EngineScraper::on_timer(net::Timer& timer) {
    auto& subject = timer.owner_as<Subject>();
    subject.owner.scope_.spawn(subject.owner.ask(SubjectPtr(&subject)));
}

// --- Asking.

coro::Task<void> EngineScraper::ask(SubjectPtr subject) {
    Patience patience(*this);
    running_.push_back(patience);
    pipeline::FetchRequest request;
    request.target = subject->options.path;
    request.reply_bytes_max = kReplyBytesMax;
    request.timeout = Duration::milliseconds(subject->options.timeout_ms);
    const Result<pipeline::FetchedReply> reply =
        co_await pipeline::fetch(shard_.proactor(), patience, *subject->target->upstream, request);
    if (!subject->is_retired && !is_stopped_) {
        conclude(*subject, reply);
    }
}

void EngineScraper::conclude(Subject& subject, const Result<pipeline::FetchedReply>& reply) {
    const std::optional<providers::EngineLoad> load =
        reply && reply->status == kOk ? providers::read_engine_load(reply->body) : std::nullopt;
    if (load) {
        for (balance::TargetState* const state : subject.states) {
            state->set_engine(load->waiting, load->running, load->kv_share,
                              shard_.proactor().now());
        }
        subject.failures = 0;
    } else if (subject.failures++ == 0) {
        SLUICE_LOG(
            warning, "balance", "a target tells no load", {"pool", subject.pool->name},
            {"llm", subject.target->name}, {"status", reply ? reply->status : 0},
            {"error", reply ? "no metrics that are known" : error_kind_name(reply.error().kind)});
    }
    const Duration interval = Duration::milliseconds(subject.options.interval_ms);
    const auto factor = int64_t{1} << std::min(subject.failures, kBackoffMax);
    arm(subject, std::max(interval, std::min(interval * factor, kIntervalMax)));
}

}  // namespace sluice::server
