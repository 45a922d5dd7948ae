// What the cache costs: making a key, a hit on the owner's shard, a hit that crosses shards with
// the turns and system calls of both, an event that is recorded, a store that evicts. Time and
// allocations per operation; runs over the kernel's ring.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include "allocation_count.h"
#include "base/arena.h"
#include "base/error.h"
#include "base/slice_queue.h"
#include "base/time.h"
#include "cache/cache_key.h"
#include "cache/live_reply.h"
#include "cache/lookup.h"
#include "cache/options.h"
#include "cache/reply.h"
#include "cache/response_cache.h"
#include "cache/shared_cache.h"
#include "coro/signal.h"
#include "json/tree.h"
#include "net/proactor.h"
#include "net/shard.h"

namespace sluice::cache {
namespace {

constexpr size_t kKibibyte = 1024;
constexpr Duration kHour = Duration::seconds(3600);

std::string request(size_t bytes, size_t number) {
    constexpr std::string_view kSentence =
        R"(The quick brown fox said \"no\" to the lazy dog, and went home.\n)";
    std::string text;
    while (text.size() + 150 < bytes) {
        text += kSentence;
    }
    return R"({"model":"m","stream":true,"messages":[{"role":"user","content":")" + text +
           R"("}],"temperature":0,"seed":)" + std::to_string(number) + "}";
}

KeyRef made_key(const KeyMaker& maker, const std::string& body) {
    Arena arena;
    const auto tree = json::Value::parse(body, arena, ErrorSource::client);
    return maker.make(
        {.operation = "chat", .target = "openai", .tenant = "tenant", .model = "m", .variant = ""},
        **tree);
}

ReplyRef made_reply(size_t bytes) {
    const std::string body(bytes, 'x');
    const std::string_view view = body;
    return Reply::make({.content_type = "application/json", .note = ""}, {&view, 1}, {});
}

void count_allocations(benchmark::State& state, uint64_t before) {
    state.counters["allocations"] = benchmark::Counter(
        static_cast<double>(allocation_count() - before), benchmark::Counter::kAvgIterations);
}

void make_key(benchmark::State& state) {
    const KeyMaker maker("0123456789abcdef0123456789abcdef");
    const std::string body = request(static_cast<size_t>(state.range(0)), 1);
    Arena arena;
    const auto tree = json::Value::parse(body, arena, ErrorSource::client);
    const KeyIdentity identity = {
        .operation = "chat", .target = "openai", .tenant = "tenant", .model = "m", .variant = ""};
    const uint64_t before = allocation_count();
    for (auto _ : state) {
        benchmark::DoNotOptimize(maker.make(identity, **tree));
    }
    count_allocations(state, before);
    state.SetBytesProcessed(static_cast<int64_t>(body.size()) * state.iterations());
}
BENCHMARK(make_key)->Arg(kKibibyte)->Arg(100 * kKibibyte);

// Two shards on one thread, with entries that each of them owns.
class Shards {
public:
    explicit Shards(size_t key_bytes) {
        options_.enabled = true;
        options_.bytes_max = 1UL << 30U;
        group_ = std::make_unique<CacheGroup>(shard_group_, options_);
        for (uint32_t i = 0; i < 2; ++i) {
            shards_.push_back(std::move(net::Shard::create(i, {}, i).value()));
            shard_group_.set(*shards_.back());
        }
        for (uint32_t i = 0; i < 2; ++i) {
            parts_.push_back(std::make_unique<SharedCache>(*shards_[i], *group_));
        }
        const KeyMaker maker("0123456789abcdef0123456789abcdef");
        for (size_t i = 0; i < kKeysBytes / key_bytes; ++i) {
            const std::string body = request(key_bytes, i);
            KeyRef asked = made_key(maker, body);
            const uint32_t owner = owner_of(asked->shard_hash(), 2);
            parts_[owner]->store(made_key(maker, body), made_reply(4 * kKibibyte), kHour);
            keys_[owner].push_back(std::move(asked));
        }
    }
    ~Shards() {
        parts_.clear();
        while (!shards_.empty()) {
            shards_.pop_back();
        }
    }
    Shards(const Shards&) = delete;
    Shards& operator=(const Shards&) = delete;

    SharedCache& part(size_t index) { return *parts_[index]; }
    net::Shard& shard(size_t index) { return *shards_[index]; }
    const KeyRef& key_owned_by(size_t shard) {
        const std::vector<KeyRef>& keys = keys_[shard];
        return keys[next_++ % keys.size()];
    }

private:
    // More than the second-level cache holds.
    static constexpr size_t kKeysBytes = 8UL << 20U;

    CacheOptions options_;
    net::ShardGroup shard_group_{2};
    std::unique_ptr<CacheGroup> group_;
    std::vector<std::unique_ptr<net::Shard>> shards_;
    std::vector<std::unique_ptr<SharedCache>> parts_;
    std::vector<KeyRef> keys_[2];
    size_t next_ = 0;
};

void take_reply(benchmark::State& state, const Lookup& lookup) {
    if (lookup.state() != LookupState::hit) {
        state.SkipWithError("not a hit");
        return;
    }
    SliceQueue to;
    to.push_back(slice_of(lookup.reply(), 0, lookup.reply()->body().size()));
    benchmark::DoNotOptimize(to.front().data());
}

void hit_here(benchmark::State& state) {
    Shards shards(static_cast<size_t>(state.range(0)));
    coro::Signal signal(shards.shard(0).proactor().ready());
    const uint64_t before = allocation_count();
    for (auto _ : state) {
        Lookup lookup(shards.part(0), signal);
        lookup.ask(shards.key_owned_by(0), {});
        take_reply(state, lookup);
    }
    count_allocations(state, before);
}
BENCHMARK(hit_here)->Arg(kKibibyte)->Arg(100 * kKibibyte);

// `together` lookups of one turn, answered by a shard that has nothing else to do: with one, every
// system call of both shards is for it alone, the dearest that a hit can be.
void hit_across(benchmark::State& state, size_t together) {
    Shards shards(static_cast<size_t>(state.range(0)));
    net::Proactor& asker = shards.shard(0).proactor();
    net::Proactor& owner = shards.shard(1).proactor();
    coro::Signal signal(asker.ready());
    std::vector<std::optional<Lookup>> lookups(together);
    const uint64_t before = allocation_count();
    for (auto _ : state) {
        for (std::optional<Lookup>& lookup : lookups) {
            lookup.emplace(shards.part(0), signal).ask(shards.key_owned_by(1), {});
        }
        asker.turn(Duration());  // Sends the questions.
        owner.turn(Duration());  // Answers them.
        owner.turn(Duration());  // Sends the answers.
        asker.turn(Duration());
        for (std::optional<Lookup>& lookup : lookups) {
            if (lookup) {
                take_reply(state, *lookup);
            }
            lookup.reset();
        }
    }
    count_allocations(state, before);
    state.SetItemsProcessed(static_cast<int64_t>(together) * state.iterations());
}
// The turns of hit_across() with nothing to ask: what of its time is the loop's and the kernel's.
void turns_without_a_question(benchmark::State& state) {
    Shards shards(kKibibyte);
    for (auto _ : state) {
        shards.shard(0).proactor().turn(Duration());
        shards.shard(1).proactor().turn(Duration());
        shards.shard(1).proactor().turn(Duration());
        shards.shard(0).proactor().turn(Duration());
    }
}
BENCHMARK(turns_without_a_question);

void hit_across_alone(benchmark::State& state) {
    hit_across(state, 1);
}
void hit_across_16_together(benchmark::State& state) {
    hit_across(state, 16);
}
BENCHMARK(hit_across_alone)->Arg(kKibibyte)->Arg(100 * kKibibyte);
BENCHMARK(hit_across_16_together)->Arg(kKibibyte);

void record_event(benchmark::State& state) {
    const std::string event(300, 'x');
    RecordingBudget budget{.bytes_max = UINT64_MAX};
    constexpr int kEvents = 200;
    const uint64_t before = allocation_count();
    for (auto _ : state) {
        Recording recording(budget, 1 << 20);
        recording.begin({.form = ReplyForm::stream, .content_type = "t", .note = ""}, Instant());
        for (int i = 0; i < kEvents; ++i) {
            recording.append(event, Instant());
        }
        benchmark::DoNotOptimize(recording.finish());
    }
    count_allocations(state, before);
    state.SetItemsProcessed(kEvents * state.iterations());
}
BENCHMARK(record_event);

void store_and_evict(benchmark::State& state) {
    ResponseCache store({.bytes_max = 1 << 22, .entries_max = 1000, .entry_bytes_max = 1 << 20});
    const KeyMaker maker("s");
    std::vector<KeyRef> keys;
    keys.reserve(5000);
    for (size_t i = 0; i < 5000; ++i) {
        keys.push_back(made_key(maker, request(200, i)));
    }
    const ReplyRef reply = made_reply(kKibibyte);
    size_t next = 0;
    const uint64_t before = allocation_count();
    for (auto _ : state) {
        benchmark::DoNotOptimize(
            store.store(keys[next++ % keys.size()], reply, Instant::from_ns(1), kHour));
    }
    count_allocations(state, before);
}
BENCHMARK(store_and_evict);

}  // namespace
}  // namespace sluice::cache

BENCHMARK_MAIN();
