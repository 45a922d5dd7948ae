// The response cache between real threads, for the thread sanitizer above all: shards that lead,
// join, fail and leave at once. Every answer is the whole answer to the key that was asked for.
#include <algorithm>
#include <array>
#include <atomic>
#include <barrier>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/arena.h"
#include "base/error.h"
#include "base/prng.h"
#include "base/slice_queue.h"
#include "base/time.h"
#include "cache/cache_key.h"
#include "cache/lookup.h"
#include "cache/options.h"
#include "cache/reply.h"
#include "cache/shared_cache.h"
#include "coro/signal.h"
#include "gtest/gtest.h"
#include "json/tree.h"
#include "net/shard.h"

namespace sluice::cache {

namespace {

constexpr uint32_t kShards = 3;
constexpr uint32_t kLookupsEach = 1'500;
constexpr size_t kAtOnce = 6;
constexpr uint32_t kKeys = 12;
constexpr size_t kPieceBytes = 700;
constexpr Duration kTurn = Duration::microseconds(200);

std::string body_of(uint32_t key) {
    Prng prng(key);
    std::string body(1 + prng.below(20'000), '\0');
    std::ranges::generate(body, [&] { return static_cast<char>('a' + prng.below(26)); });
    return body;
}

KeyRef key_of(const KeyMaker& maker, uint32_t number) {
    Arena arena;
    const std::string body = "{\"n\":" + std::to_string(number) + "}";
    const auto tree = json::Value::parse(body, arena, ErrorSource::client);
    return maker.make(
        {.operation = "chat", .target = "x", .tenant = "t", .model = "m", .variant = ""}, **tree);
}

CacheOptions busy_options() {
    CacheOptions options;
    options.enabled = true;
    options.bytes_max = 100'000;
    options.wait_max_ms = 2'000;
    return options;
}

// What all threads see.
struct Process {
    net::ShardGroup shards{kShards};
    CacheGroup group{shards, busy_options()};
    KeyMaker maker{"s"};
    std::barrier<> together{kShards};
    std::atomic<uint32_t> busy = kShards;
    std::atomic<uint32_t> wrong = 0;
    std::atomic<uint32_t> hits = 0;
    std::atomic<uint32_t> joins = 0;
};

// One lookup, looked at in every turn of its shard.
class Asker {
public:
    Asker(Process& process, SharedCache& cache, coro::Signal& signal, Prng& prng)
        : process_(process), prng_(prng), key_(prng.below(kKeys)), lookup_(cache, signal) {
        lookup_.ask(key_of(process.maker, key_), {.wants_pieces = prng.chance(0.7)});
    }

    // True when it is over, for whatever reason.
    bool look() {
        if (prng_.chance(0.01)) {
            return true;
        }
        switch (lookup_.state()) {
            case LookupState::hit:
                ++process_.hits;
                judge(lookup_.reply()->body());
                return true;
            case LookupState::leads:
                return lead();
            case LookupState::joined:
                return follow();
            default:
                return lookup_.state() == LookupState::missed ||
                       lookup_.state() == LookupState::failed;
        }
    }

private:
    void judge(std::string_view body) {
        if (body != body_of(key_)) {
            ++process_.wrong;
        }
    }
    bool lead() {
        if (sent_ == 0) {
            body_ = body_of(key_);
            lookup_.begin({.form = ReplyForm::stream, .content_type = "text/plain", .note = ""});
        }
        const size_t size = std::min<size_t>(1 + prng_.below(kPieceBytes), body_.size() - sent_);
        lookup_.append(std::string_view(body_).substr(sent_, size));
        sent_ += size;
        if (sent_ == body_.size()) {
            lookup_.finish(Keep::stored, Duration::milliseconds(prng_.below(50)));
            return true;
        }
        return false;
    }
    bool follow() {
        if (lookup_.reader().available_bytes() > 0) {
            SliceQueue to;
            lookup_.take(UINT32_MAX, to);
            got_ += to.to_string();
        }
        if (lookup_.reader().is_over()) {
            ++process_.joins;
            judge(got_);
        }
        return lookup_.reader().has_ended();
    }

    Process& process_;
    Prng& prng_;
    const uint32_t key_;
    Lookup lookup_;
    std::string body_;
    size_t sent_ = 0;
    std::string got_;
};

void run_shard(Process& process, uint32_t index) {
    auto made = net::Shard::create(index, {}, index);
    ASSERT_TRUE(made);
    const std::unique_ptr<net::Shard> shard = std::move(*made);
    process.shards.set(*shard);
    auto cache = std::make_unique<SharedCache>(*shard, process.group);
    process.together.arrive_and_wait();
    coro::Signal signal(shard->proactor().ready());
    Prng& prng = shard->prng();
    uint32_t left = kLookupsEach;
    std::array<std::optional<Asker>, kAtOnce> askers;
    const auto is_working = [](const auto& asker) { return asker.has_value(); };
    bool is_busy = true;
    while (process.busy.load() > 0) {
        for (std::optional<Asker>& asker : askers) {
            if (!asker && left > 0) {
                --left;
                asker.emplace(process, *cache, signal, prng);
            }
            if (asker && asker->look()) {
                asker.reset();
            }
        }
        shard->proactor().turn(kTurn);
        if (is_busy && left == 0 && std::ranges::none_of(askers, is_working)) {
            is_busy = false;
            --process.busy;
        }
    }
    // What is still on its way to nobody: from each to its owner and back.
    for (int i = 0; i < 4; ++i) {
        process.together.arrive_and_wait();
        shard->proactor().turn(kTurn);
        shard->proactor().turn(kTurn);
    }
    process.together.arrive_and_wait();
    EXPECT_EQ(cache->flights(), 0U);
    EXPECT_EQ(cache->lookups(), 0U);
    EXPECT_EQ(cache->recording_bytes(), 0U);
    cache.reset();
    process.together.arrive_and_wait();
}

TEST(CacheThreads, EveryAnswerIsWholeAndNothingIsLeft) {
    Process process;
    std::vector<std::thread> threads;
    threads.reserve(kShards);
    for (uint32_t i = 0; i < kShards; ++i) {
        threads.emplace_back([&process, i] { run_shard(process, i); });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    EXPECT_EQ(process.wrong, 0U);
    EXPECT_GT(process.hits, 100U);
    EXPECT_GT(process.joins, 10U);
}

}  // namespace

}  // namespace sluice::cache
