// What a choice costs: each strategy over 16 targets, also while another core chooses in the same
// pool; over 4,000 targets, with the 99th percentile; and hashing prompts for it.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include "allocation_count.h"
#include "balance/balancer.h"
#include "balance/charge.h"
#include "balance/options.h"
#include "balance/pool.h"
#include "balance/pool_state.h"
#include "balance/prefix_hash.h"
#include "balance/target.h"
#include "balance/target_state.h"  // IWYU pragma: keep, it is behind a pointer
#include "balance/waiting_room.h"
#include "base/priority.h"
#include "base/prng.h"
#include "base/time.h"

namespace sluice::balance {
namespace {

constexpr Instant kStart = Instant::from_ns(1'000'000'000'000);
constexpr size_t kBlocks = 32;  // A prompt of 8 KB.
constexpr Duration kPerToken = Duration::milliseconds(10);

void report(benchmark::State& state, uint64_t allocations_before) {
    state.counters["allocations"] =
        benchmark::Counter(static_cast<double>(allocation_count() - allocations_before),
                           benchmark::Counter::kAvgIterations);
}

std::unique_ptr<Pool> make_pool(Strategy strategy, size_t count) {
    PoolOptions options;
    options.strategy = strategy;
    for (size_t i = 0; i < count; ++i) {
        options.targets.push_back({.llm = "target-" + std::to_string(i)});
        options.targets.back().input_usd_per_million = static_cast<double>(i % 5);
        options.targets.back().output_usd_per_million = static_cast<double>(i % 7);
    }
    const std::vector<uint32_t> capabilities(count, ~0U);
    auto pool = std::make_unique<Pool>(std::move(options), capabilities, nullptr, kStart, 1);
    // A fleet at work, where everything has been measured.
    Prng prng(1);
    for (size_t i = 0; i < count * 8; ++i) {
        Selection selection =
            pool->select({.prompt_tokens = 500, .output_tokens = 100}, kStart, prng);
        selection.charge.on_first_token(kStart + Duration::milliseconds(200 + prng.below(100)));
        selection.charge.finish({.verdict = Verdict::success, .per_token = kPerToken},
                                kStart + Duration::milliseconds(400));
    }
    return pool;
}

// Prompts of conversations, a few of which have been seen.
class Prompts {
public:
    Prompts() : blocks_(kConversations * kBlocks) {
        Prng prng(7);
        for (uint64_t& block : blocks_) {
            block = prng.next();
        }
    }
    Ask next(Prng& prng) const {
        const size_t conversation = prng.below(kConversations);
        const std::span<const uint64_t> all(blocks_);
        return {.prompt_tokens = 2'000,
                .output_tokens = 200,
                .blocks = all.subspan(conversation * kBlocks, kBlocks),
                .affinity = conversation + 1};
    }

private:
    static constexpr size_t kConversations = 1'000;
    std::vector<uint64_t> blocks_;
};

// A fleet at work: four requests in flight at each target, of which half have begun to answer. What
// is measured is choosing and charging; that others end lies between, as in a gateway.
void select_at_work(benchmark::State& state, Strategy strategy, size_t count) {
    constexpr size_t kBatch = 32;
    static std::unique_ptr<Pool> pool;
    if (state.thread_index() == 0) {
        pool = make_pool(strategy, count);
    }
    const Prompts prompts;
    Prng prng(static_cast<uint64_t>(state.thread_index()) + 3);
    Instant now = kStart + Duration::seconds(1);
    std::vector<Selection> in_flight(count * 4);
    size_t oldest = 0;
    // The first rounds fill it; before the loop, another thread may still be making the pool.
    const auto end_some = [&] {
        for (size_t i = 0; i < kBatch; ++i) {
            Selection& ends = in_flight[(oldest + i) % in_flight.size()];
            ends.charge.finish({.verdict = Verdict::success, .per_token = kPerToken}, now);
            Selection& begins = in_flight[(oldest + i + in_flight.size() / 2) % in_flight.size()];
            begins.charge.on_first_token(now);
        }
    };
    uint64_t before = 0;
    while (state.KeepRunningBatch(kBatch)) {
        before = before == 0 ? allocation_count() : before;
        end_some();
        const auto begin = std::chrono::steady_clock::now();
        for (size_t i = 0; i < kBatch; ++i) {
            in_flight[(oldest + i) % in_flight.size()] =
                pool->select(prompts.next(prng), now, prng);
            now = now + Duration::milliseconds(1);
        }
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
        state.SetIterationTime(took.count());
        oldest = (oldest + kBatch) % in_flight.size();
    }
    report(state, before);
}

// Times of single choices; a clock is read around each, which costs some 40 ns.
void select_of_many(benchmark::State& state, Strategy strategy) {
    const auto pool = make_pool(strategy, 4'000);
    const Prompts prompts;
    Prng prng(3);
    Instant now = kStart + Duration::seconds(1);
    std::vector<int64_t> took_ns;
    took_ns.reserve(10'000'000);
    const uint64_t before = allocation_count();
    for (auto _ : state) {
        const Ask ask = prompts.next(prng);
        const auto begin = std::chrono::steady_clock::now();
        const Selection selection = pool->select(ask, now, prng);
        const auto end = std::chrono::steady_clock::now();
        if (took_ns.size() < took_ns.capacity()) {
            took_ns.push_back((end - begin).count());
        }
        now = now + Duration::microseconds(10);
    }
    report(state, before);
    std::ranges::sort(took_ns);
    state.counters["p99_ns"] = static_cast<double>(took_ns[took_ns.size() * 99 / 100]);
}

// Nobody asks the same twice: every choice reads and writes places of the index that were used last
// long ago. What it costs after millions of prompts is what it cost at first, as nothing grows; run
// it with --benchmark_min_time=30 for ten millions.
void select_of_strangers(benchmark::State& state) {
    const auto pool = make_pool(Strategy::prefix_affinity, 16);
    Prng prng(3);
    Prng text(11);
    Instant now = kStart + Duration::seconds(1);
    std::vector<uint64_t> blocks(kBlocks);
    const uint64_t before = allocation_count();
    for (auto _ : state) {
        for (uint64_t& block : blocks) {
            block = text.next();
        }
        const Selection selection = pool->select(
            {.prompt_tokens = 2'000, .output_tokens = 200, .blocks = blocks}, now, prng);
        benchmark::DoNotOptimize(selection.target);
        now = now + Duration::microseconds(10);
    }
    report(state, before);
}

void serve_one(const Pool& pool, Prng& prng, Instant& now) {
    Selection selection = pool.select({.prompt_tokens = 2'000, .output_tokens = 200}, now, prng);
    now = now + Duration::microseconds(10);
    selection.charge.on_first_token(now + Duration::milliseconds(300));
    selection.charge.finish({.verdict = Verdict::success, .per_token = kPerToken},
                            now + Duration::milliseconds(500));
}

void whole_request(benchmark::State& state) {
    const auto pool = make_pool(Strategy::latency_weighted, 16);
    Prng prng(3);
    Instant now = kStart + Duration::seconds(1);
    const uint64_t before = allocation_count();
    for (auto _ : state) {
        serve_one(*pool, prng, now);
    }
    report(state, before);
}

// The same with what a queue asks of a request that need not wait: a look before and after.
void whole_request_beside_a_queue(benchmark::State& state) {
    const auto pool = make_pool(Strategy::latency_weighted, 16);
    Prng prng(3);
    Instant now = kStart + Duration::seconds(1);
    const uint64_t before = allocation_count();
    for (auto _ : state) {
        bool is_waited_for = pool->state().room.has_waiting();
        serve_one(*pool, prng, now);
        is_waited_for |= pool->state().room.has_waiting();
        benchmark::DoNotOptimize(is_waited_for);
    }
    report(state, before);
}

class Guest final : public WaitingRoom::Waiter {
public:
    explicit Guest(const WaitingRoom::Facts& facts) : Waiter(facts) {}
    void on_news() override {}
};

// One of many that wait is served, and another one comes.
void turn_in_a_queue(benchmark::State& state) {
    constexpr size_t kWaiting = 1'000;
    WaitingRoom room;
    Prng prng(5);
    std::vector<std::unique_ptr<Guest>> guests;
    Instant now = kStart;
    const auto enter = [&](Guest& guest) {
        room.enter(guest, kWaiting, Duration::seconds(1'000'000), now);
    };
    for (size_t i = 0; i < kWaiting; ++i) {
        guests.push_back(std::make_unique<Guest>(
            WaitingRoom::Facts{.priority = static_cast<Priority>(prng.below(3)),
                               .tenant = prng.below(100),
                               .prompt_tokens = prng.below(4'000)}));
        enter(*guests.back());
    }
    for (auto _ : state) {
        room.look();
        auto* called = static_cast<Guest*>(room.take_news(0));
        while (!room.standing(*called).is_called) {
            called = static_cast<Guest*>(room.take_news(0));  // One that is to watch.
        }
        now = now + Duration::microseconds(10);
        room.leave(*called, true, now);
        // The next one is called, and finds nothing.
        while (auto* const next = static_cast<Guest*>(room.take_news(0))) {
            room.pass(*next, 0);
        }
        enter(*called);
    }
    for (const auto& guest : guests) {
        room.leave(*guest, false, now);
    }
}

void nobody(benchmark::State& state) {
    const auto pool = make_pool(Strategy::latency_weighted, static_cast<size_t>(state.range(0)));
    Prng prng(3);
    const Ask ask = {.tried = {}};
    const uint64_t before = allocation_count();
    for (const Target& target : pool->targets()) {
        target.state->mode = Mode::drained;
    }
    for (auto _ : state) {
        const Selection selection = pool->select(ask, kStart, prng);
        benchmark::DoNotOptimize(selection.without);
    }
    report(state, before);
}

void hash_prompt(benchmark::State& state) {
    const auto bytes = static_cast<size_t>(state.range(0));
    std::string text(bytes, ' ');
    Prng prng(3);
    for (char& c : text) {
        c = static_cast<char>('a' + prng.below(26));
    }
    std::vector<uint64_t> blocks(bytes / kPrefixBlockBytes);
    const uint64_t before = allocation_count();
    for (auto _ : state) {
        PrefixHasher hasher(1, blocks);
        hasher.add(text);
        benchmark::DoNotOptimize(blocks.data());
        benchmark::ClobberMemory();
    }
    report(state, before);
    state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes));
}

void register_all() {
    for (const Strategy strategy :
         {Strategy::latency_weighted, Strategy::round_robin, Strategy::random, Strategy::p2c,
          Strategy::least_loaded, Strategy::least_connections, Strategy::cost_optimized,
          Strategy::prefix_affinity, Strategy::consistent_hash, Strategy::priority}) {
        const std::string name(name_of(strategy));
        benchmark::RegisterBenchmark(("select_of_16/" + name).c_str(), select_at_work, strategy,
                                     size_t{16})
            ->UseManualTime();
        benchmark::RegisterBenchmark(("select_of_4000/" + name).c_str(), select_of_many, strategy);
    }
    benchmark::RegisterBenchmark("select_of_16_by_two", select_at_work, Strategy::latency_weighted,
                                 size_t{16})
        ->UseManualTime()
        ->Threads(2);
    benchmark::RegisterBenchmark("select_of_16_strangers", select_of_strangers);
    benchmark::RegisterBenchmark("whole_request", whole_request);
    benchmark::RegisterBenchmark("whole_request_beside_a_queue", whole_request_beside_a_queue);
    benchmark::RegisterBenchmark("turn_in_a_queue", turn_in_a_queue);
    benchmark::RegisterBenchmark("nobody", nobody)->Arg(16)->Arg(4'000);
    benchmark::RegisterBenchmark("hash_prompt", hash_prompt)->Arg(8'192)->Arg(409'600);
}

}  // namespace
}  // namespace sluice::balance

int main(int argc, char** argv) {
    sluice::balance::register_all();
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
