// What asking costs: finding a key among many, admission over the limits of three scopes, and both
// of them while every other core asks the same. Time and allocations per request.
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include "access/admission.h"
#include "access/gcra.h"
#include "access/key_table.h"
#include "access/options.h"
#include "access/scope_limits.h"
#include "access/virtual_key.h"
#include "allocation_count.h"
#include "base/time.h"

namespace sluice::access {
namespace {

constexpr int64_t kMuch = 1'000'000'000;
constexpr int64_t kNowS = 1'795'902'330;
constexpr Instant kStart = Instant::from_ns(1'000'000'000'000'000);

void report(benchmark::State& state, uint64_t allocations_before) {
    state.counters["allocations"] =
        benchmark::Counter(static_cast<double>(allocation_count() - allocations_before),
                           benchmark::Counter::kAvgIterations);
}

std::string secret_of(int64_t number) {
    const std::string digits = std::to_string(number);
    return "sk-sluice-" + std::string(40 - digits.size(), 'A') + digits;
}

KeyTable table_of(int64_t count) {
    std::vector<KeyTable::KeyPtr> keys;
    for (int64_t i = 0; i < count; ++i) {
        KeyRecord record;
        record.hash = hash_secret(secret_of(i));
        record.models = {"gpt-4o", "gpt-4o-mini", "claude-*"};
        keys.push_back(std::make_shared<const VirtualKey>(VirtualKey{.record = std::move(record)}));
    }
    return KeyTable(std::move(keys));
}

void authenticate_one_of(benchmark::State& state) {
    constexpr size_t kAsked = 1'024;
    const KeyTable table = table_of(state.range(0));
    std::vector<std::string> secrets;
    secrets.reserve(kAsked);
    for (size_t i = 0; i < kAsked; ++i) {
        secrets.push_back(secret_of(static_cast<int64_t>(i * 7919) % state.range(0)));
    }
    size_t next = 0;
    const uint64_t before = allocation_count();
    for (auto _ : state) {
        const AccessVerdict verdict =
            authenticate(table, secrets[next++ % kAsked], kNowS, "claude-sonnet-4-5", "chat");
        if (!verdict.is_granted()) {
            state.SkipWithError("refused");
        }
    }
    report(state, before);
}

void hash_of_a_secret(benchmark::State& state) {
    const std::string secret = secret_of(1);
    const uint64_t before = allocation_count();
    for (auto _ : state) {
        benchmark::DoNotOptimize(hash_secret(secret));
    }
    report(state, before);
}

// One record of each kind, with limits that are never reached.
struct Scopes {
    Scopes() {
        key.configure({.requests_per_minute = kMuch,
                       .tokens_per_minute = kMuch,
                       .concurrency_max = kMuch / 1'000},
                      {.hard_picodollars = kPicodollarsMax}, kStart, kNowS);
        tenant.configure({.requests_per_day = 10 * kMuch}, {}, kStart, kNowS);
        model.configure({.tokens_per_minute = 10 * kMuch}, {}, kStart, kNowS);
    }
    WindowPhases phases;
    ScopeLimits key{ScopeKind::key, "k", phases};
    ScopeLimits tenant{ScopeKind::tenant, "t", phases};
    ScopeLimits model{ScopeKind::model, "m", phases};
};
Scopes shared_scopes;

void take_one_rate(benchmark::State& state) {
    Gcra limit(RatePeriod::minute, RateSpread::smooth);
    limit.configure({.limit = 10 * kMuch}, kStart);
    Instant now = kStart;
    const uint64_t before = allocation_count();
    for (auto _ : state) {
        now = now + Duration::nanoseconds(100);
        benchmark::DoNotOptimize(limit.try_take(now, 1));
    }
    report(state, before);
}

// Requests and tokens of a key, requests of a tenant, tokens of a model, besides concurrency and a
// budget; settled at the end, as an exchange is.
void admit_and_settle(benchmark::State& state) {
    const std::array scopes = {&shared_scopes.key, &shared_scopes.tenant, &shared_scopes.model};
    Instant now = kStart;
    const uint64_t before = allocation_count();
    for (auto _ : state) {
        now = now + Duration::nanoseconds(1'000);
        Admission admission;
        if (admission.admit(scopes,
                            {.now = now, .unix_s = kNowS, .tokens = 10, .cost_picodollars = 100})) {
            state.SkipWithError("refused");
        }
        admission.settle(now, kNowS, 5, 50);
    }
    report(state, before);
}

void refuse(benchmark::State& state) {
    const WindowPhases phases;
    ScopeLimits full(ScopeKind::key, "full", phases);
    full.configure({.requests_per_day = 1}, {}, kStart, kNowS);
    const std::array scopes = {&full, &shared_scopes.tenant, &shared_scopes.model};
    Admission first;
    first.admit(scopes, {.now = kStart, .unix_s = kNowS});
    const uint64_t before = allocation_count();
    for (auto _ : state) {
        Admission admission;
        benchmark::DoNotOptimize(admission.admit(scopes, {.now = kStart, .unix_s = kNowS}));
    }
    report(state, before);
}

BENCHMARK(hash_of_a_secret);
BENCHMARK(authenticate_one_of)->Arg(10)->Arg(1'000)->Arg(100'000);
BENCHMARK(take_one_rate);
BENCHMARK(admit_and_settle);
BENCHMARK(admit_and_settle)->Threads(2);
BENCHMARK(refuse);

}  // namespace
}  // namespace sluice::access

BENCHMARK_MAIN();
