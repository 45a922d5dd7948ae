// What a long prompt costs before it is sent: checked, parsed, hashed by its beginnings, counted
// and given to one of 16 targets that may have part of it. Nothing of it is copied: what is
// allocated for a prompt of 400 KB would be seen.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include "allocation_count.h"
#include "balance/balancer.h"
#include "balance/charge.h"
#include "balance/options.h"
#include "balance/pool.h"
#include "balance/prefix_hash.h"
#include "base/arena.h"
#include "base/error.h"
#include "base/memory_pool.h"
#include "base/prng.h"
#include "base/result.h"
#include "base/time.h"
#include "http/types.h"
#include "json/tree.h"
#include "json/validator.h"
#include "pipeline/client_call.h"
#include "pipeline/request_shape.h"

namespace sluice {
namespace {

constexpr Instant kStart = Instant::from_ns(1'000'000'000'000);
constexpr size_t kTargets = 16;
constexpr size_t kPieceBytes = 16'384;
constexpr std::string_view kModel = "m";

// A conversation of so many turns, about `bytes` long, that ends in its own way.
std::string conversation(size_t bytes, size_t turns, size_t ending) {
    std::string body = R"({"model":"m","stream":true,"messages":[)";
    for (size_t i = 0; i < turns; ++i) {
        body += i == 0 ? "" : ",";
        body += R"({"role":")";
        body += i % 2 == 0 ? "user" : "assistant";
        body += R"(","content":")";
        while (body.size() < bytes * (i + 1) / turns) {
            body += "and then some words, ";
        }
        body += i + 1 == turns ? std::to_string(ending) : "";
        body += R"("})";
    }
    return body + "]}";
}

std::unique_ptr<balance::Pool> make_pool() {
    balance::PoolOptions options;
    options.strategy = balance::Strategy::prefix_affinity;
    for (size_t i = 0; i < kTargets; ++i) {
        options.targets.push_back({.llm = "target-" + std::to_string(i)});
    }
    const std::vector<uint32_t> capabilities(kTargets, ~0U);
    return std::make_unique<balance::Pool>(std::move(options), capabilities, nullptr, kStart, 1);
}

bool is_valid(std::string_view body) {
    json::Validator validator;
    Status status;
    for (size_t at = 0; at < body.size() && status; at += kPieceBytes) {
        status = validator.feed(body.substr(at, kPieceBytes));
    }
    return status && validator.finish();
}

void place(benchmark::State& state) {
    const MemoryPool memory;  // The shard's; an arena takes from it.
    const auto pool = make_pool();
    const auto bytes = static_cast<size_t>(state.range(0));
    const auto turns = static_cast<size_t>(state.range(1));
    const std::string bodies[] = {conversation(bytes, turns, 1), conversation(bytes, turns, 2)};
    const pipeline::ClientCall call =
        pipeline::client_call(http::Method::post, "/v1/chat/completions");
    const uint64_t seed = balance::prefix_seed(kModel, {});
    Prng prng(3);
    Instant now = kStart + Duration::seconds(1);
    uint64_t before = 0;
    uint64_t rounds = 0;
    for (auto _ : state) {
        before = ++rounds == 3 ? allocation_count() : before;  // What is kept is there by then.
        const std::string& body = bodies[rounds % 2];
        Arena arena;
        const Result<const json::Value*> tree =
            is_valid(body) ? json::Value::parse(body, arena, ErrorSource::client)
                           : fail({.kind = ErrorKind::invalid_json});
        if (!tree) {
            state.SkipWithError("the body is not valid");
            return;
        }
        const pipeline::RequestShape shape = pipeline::shape_of(**tree, call, true, seed, arena);
        const balance::Selection selection = pool->select({.prompt_tokens = shape.prompt_tokens,
                                                           .output_tokens = shape.output_tokens,
                                                           .needs = shape.needs,
                                                           .blocks = shape.blocks},
                                                          now, prng);
        benchmark::DoNotOptimize(selection.target);
        now = now + Duration::milliseconds(10);
    }
    state.counters["allocations"] = benchmark::Counter(
        static_cast<double>(allocation_count() - before), benchmark::Counter::kAvgIterations);
    state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes));
}
BENCHMARK(place)->Args({8'192, 8})->Args({409'600, 1})->Args({409'600, 400});

}  // namespace
}  // namespace sluice

BENCHMARK_MAIN();
