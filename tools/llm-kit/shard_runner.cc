// Threads, the reports of their start, signals.
#include "llm-kit/shard_runner.h"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <ctime>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <signal.h>

#include "base/result.h"
#include "base/time.h"
#include "llm-kit/machine.h"
#include "net/proactor.h"
#include "net/ring.h"
#include "net/shard.h"

namespace sluice::llm_kit {

namespace {

constexpr uint64_t kDescriptorsWanted = 200'000;
// How late a shard may notice that it has to stop.
constexpr Duration kTurnWaitMax = Duration::milliseconds(100);

// Shards report their start here, good or bad.
class Starts {
public:
    explicit Starts(uint32_t shards) : ports_(shards) {}

    void report(uint32_t shard, std::vector<uint16_t> ports, std::string failure) {
        const std::lock_guard lock(mutex_);
        ++reported_;
        ports_[shard] = std::move(ports);
        failure_ = failure.empty() ? failure_ : std::move(failure);
        changed_.notify_one();
    }
    void wait_for_all() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return reported_ >= ports_.size(); });
    }
    // After that.
    std::span<const std::vector<uint16_t>> ports() const { return ports_; }
    const std::string& failure() const { return failure_; }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    uint32_t reported_ = 0;
    std::vector<std::vector<uint16_t>> ports_;
    std::string failure_;
};

struct Run {
    const ShardPlan& plan;
    Starts starts;
    std::atomic<bool> stop = false;
};

void run_shard(Run& run, uint32_t index) {
    const ShardPlan& plan = run.plan;
    use_sharp_timers();
    if (index < plan.cpus.size() && !pin_thread(plan.cpus[index])) {
        run.starts.report(index, {}, fmt::format("cannot bind to core {}", plan.cpus[index]));
        return;
    }
    net::ProactorOptions proactor_options;
    proactor_options.batch_window_us = plan.batch_us;
    const Result<std::unique_ptr<net::Shard>> shard =
        net::Shard::create(index, proactor_options, plan.seed + index);
    if (!shard) {
        run.starts.report(index, {}, net::ring_error_text(shard.error()));
        return;
    }
    const std::unique_ptr<ShardService> service = plan.make(**shard);
    std::vector<uint16_t> ports;
    std::string wrong = service->start(ports);
    run.starts.report(index, std::move(ports), std::move(wrong));
    net::Proactor& proactor = (*shard)->proactor();
    bool is_stopping = false;
    while (!is_stopping || !service->is_over() || proactor.objects() != 0) {
        proactor.turn(kTurnWaitMax);
        if (!is_stopping && run.stop.load(std::memory_order_relaxed)) {
            is_stopping = true;
            service->stop();
        }
    }
}

void wait_for_end(const ShardPlan& plan, const sigset_t& signals) {
    const timespec pause = {.tv_sec = plan.progress_every.ns() / 1'000'000'000,
                            .tv_nsec = plan.progress_every.ns() % 1'000'000'000};
    const bool has_progress = plan.on_progress != nullptr;
    while (has_progress && ::sigtimedwait(&signals, nullptr, &pause) < 0) {
        plan.on_progress();
    }
    int caught = 0;
    if (!has_progress) {
        ::sigwait(&signals, &caught);
    }
}

}  // namespace

std::string run_shards(const ShardPlan& plan) {
    // Blocked before any thread is made, so that waiting here receives them.
    sigset_t signals;
    ::sigemptyset(&signals);
    ::sigaddset(&signals, SIGINT);
    ::sigaddset(&signals, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit(kDescriptorsWanted);

    Run run = {.plan = plan, .starts = Starts(plan.shards)};
    std::vector<std::thread> threads;
    threads.reserve(plan.shards);
    for (uint32_t i = 0; i < plan.shards; ++i) {
        threads.emplace_back([&run, i] { run_shard(run, i); });
    }
    run.starts.wait_for_all();
    if (run.starts.failure().empty()) {
        plan.on_started(run.starts.ports());
        wait_for_end(plan, signals);
    }
    run.stop.store(true, std::memory_order_relaxed);
    for (std::thread& thread : threads) {
        thread.join();
    }
    return run.starts.failure();
}

}  // namespace sluice::llm_kit
