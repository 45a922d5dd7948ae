// What knowing the cost of an exchange costs: the price found by name in a table of the size of
// LiteLLM's, the bill, and the entry handed to the ledger. Time and allocations per operation.
//
// "write_sqlite" is what the ledger's own thread does, for the choice of batches and of
// `synchronous` (decision 21); its file is in the folder for temporary files.
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <benchmark/benchmark.h>
#include <stdlib.h>

#include "allocation_count.h"
#include "base/log.h"
#include "ledger/entry.h"
#include "ledger/lane.h"
#include "ledger/ledger.h"
#include "ledger/options.h"
#include "ledger/store.h"
#include "providers/canonical.h"
#include "providers/cost.h"
#include "providers/price_table.h"

namespace sluice {
namespace {

constexpr uint32_t kModels = 3'000;
constexpr int64_t kStartNs = 1'795'867'200'000'000'000;  // 2026-11-28T12:00:00Z

std::string model_name(uint32_t i) {
    return "anthropic.claude-sonnet-" + std::to_string(i) + "-20250929-v1:0";
}

providers::PriceTable make_table() {
    std::string file = "{";
    for (uint32_t i = 0; i < kModels; ++i) {
        file += i == 0 ? "\"" : ",\"";
        file += model_name(i) +
                R"(":{"input_cost_per_token":3e-6,"output_cost_per_token":1.5e-5,)"
                R"("cache_read_input_token_cost":3e-7,"cache_creation_input_token_cost":3.75e-6,)"
                R"("input_cost_per_token_above_200k_tokens":6e-6})";
    }
    providers::PriceTable table;
    std::vector<providers::PriceComplaint> complaints;
    if (!table.add_file(file + "}", complaints) || table.size() != kModels) {
        std::abort();
    }
    return table;
}

void report(benchmark::State& state, uint64_t allocations_before) {
    state.counters["allocations"] =
        benchmark::Counter(static_cast<double>(allocation_count() - allocations_before),
                           benchmark::Counter::kAvgIterations);
}

// Another model each time, as the cache of one core sees them at worst.
void find_price(benchmark::State& state) {
    const providers::PriceTable table = make_table();
    std::vector<std::string> names;
    names.reserve(kModels);
    for (uint32_t i = 0; i < kModels; ++i) {
        names.push_back(model_name(i * 7 % kModels));
    }
    const auto prefixes = providers::price_prefixes("bedrock");
    const uint64_t before = allocation_count();
    size_t next = 0;
    for (auto _ : state) {
        benchmark::DoNotOptimize(table.find({.prefixes = prefixes, .upstream_model = names[next]}));
        next = next + 1 == kModels ? 0 : next + 1;
    }
    report(state, before);
}

void find_no_price(benchmark::State& state) {
    const providers::PriceTable table = make_table();
    const auto prefixes = providers::price_prefixes("vllm");
    const uint64_t before = allocation_count();
    for (auto _ : state) {
        benchmark::DoNotOptimize(
            table.find({.prefixes = prefixes, .upstream_model = "a-model-of-our-own"}));
    }
    report(state, before);
}

void compute_cost(benchmark::State& state) {
    const providers::PriceTable table = make_table();
    const providers::Price* const price = table.find(model_name(1));
    const providers::Usage usage = {.prompt_tokens = 250'000,
                                    .completion_tokens = 500,
                                    .cached_tokens = 100'000,
                                    .cache_write_tokens = 20'000};
    const uint64_t before = allocation_count();
    for (auto _ : state) {
        benchmark::DoNotOptimize(providers::compute_cost(price, usage, {}));
    }
    report(state, before);
}

// Takes everything and keeps nothing.
class NoStore final : public ledger::Store {
public:
    ledger::Written write(std::span<const ledger::Entry>) override { return ledger::Written::done; }
    std::optional<uint32_t> prune(int64_t, uint32_t) override { return 0; }
    std::string_view error() const override { return ""; }
};

ledger::Entry sample_entry(uint64_t n) {
    ledger::Entry entry;
    entry.started_at_ns = kStartNs + static_cast<int64_t>(n);
    entry.id = ledger::EntryId::make(entry.started_at_ns, n);
    entry.key_id = std::string_view("key-0123456789");
    entry.tenant = std::string_view("research");
    entry.operation = std::string_view("chat");
    entry.model = std::string_view("gpt-4o");
    entry.provider = std::string_view("openai_chat");
    entry.upstream_model = std::string_view("gpt-4o-2024-08-06");
    entry.status = 200;
    entry.input_tokens = 1'000;
    entry.output_tokens = 200;
    entry.cost_pico = 4'500'000'000;
    entry.is_priced = true;
    return entry;
}

// An entry as an exchange makes and adds it, with a writer that takes them away.
void add_entry(benchmark::State& state) {
    ledger::LedgerOptions options;
    options.queue_entries_max = 65'536;
    ledger::Ledger ledger(std::make_unique<NoStore>(), options, nullptr, LogFormat::human);
    ledger::Lane& lane = ledger.add_lane();
    ledger.start();
    const uint64_t before = allocation_count();
    uint64_t n = 0;
    for (auto _ : state) {
        benchmark::DoNotOptimize(lane.add(sample_entry(++n)));
    }
    report(state, before);
    ledger.stop();
    state.counters["dropped"] =
        benchmark::Counter(static_cast<double>(ledger.dropped()) / static_cast<double>(n));
}

void write_sqlite(benchmark::State& state) {
    const auto rows = static_cast<uint64_t>(state.range(0));
    std::string pattern = (std::filesystem::temp_directory_path() / "sluice-XXXXXX").string();
    const std::filesystem::path folder = mkdtemp(pattern.data());
    ledger::LedgerOptions options;
    options.path = (folder / "usage.db").string();
    auto store = ledger::open_store(options);
    uint64_t n = 0;
    std::vector<ledger::Entry> batch(rows);
    for (auto _ : state) {
        for (ledger::Entry& entry : batch) {
            entry = sample_entry(++n);
        }
        if (!store || (*store)->write(batch) != ledger::Written::done) {
            state.SkipWithError("the file cannot be written");
            break;
        }
    }
    state.SetItemsProcessed(static_cast<int64_t>(n));
    store->reset();
    std::filesystem::remove_all(folder);
}

BENCHMARK(find_price);
BENCHMARK(find_no_price);
BENCHMARK(compute_cost);
BENCHMARK(add_entry);
BENCHMARK(write_sqlite)->Arg(1)->Arg(100)->Arg(1'000)->UseRealTime();

}  // namespace
}  // namespace sluice

BENCHMARK_MAIN();
