// Stories of lookups on several shards of a simulated world: who hits, leads, joins and waits, and
// what becomes of each when somebody leaves. tests/sim/cache_run.cc draws the rest.
#include "cache/shared_cache.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/slice_queue.h"
#include "base/time.h"
#include "cache/cache_key.h"
#include "cache/lookup.h"
#include "cache/options.h"
#include "cache/reply.h"
#include "cache/response_cache.h"
#include "coro/signal.h"
#include "gtest/gtest.h"
#include "net/shard.h"
#include "sim/sim.h"
#include "unit/cache/made.h"

namespace sluice::cache {

namespace {

constexpr uint32_t kShards = 3;
constexpr Duration kHour = Duration::seconds(3600);
constexpr AskOptions kPieces = {.wants_pieces = true};
constexpr uint64_t kAll = 1 << 30;
constexpr Error kCut = {.kind = ErrorKind::closed_early, .where = "the upstream was cut"};

CacheOptions small_options() {
    CacheOptions options;
    options.enabled = true;
    options.entry_bytes_max = 20'000;
    options.wait_max_ms = 5'000;
    options.joiners_max = 3;
    return options;
}

class SharedCacheTest : public testing::Test {
protected:
    // Somebody who asks on a shard.
    struct Asker {
        Asker(SharedCacheTest& test, uint32_t shard)
            : signal(test.shards_[shard]->proactor().ready()),
              lookup(*test.parts_[shard], signal) {}
        LookupState state() const { return lookup.state(); }
        std::string take() {
            SliceQueue to;
            lookup.take(kAll, to);
            return to.to_string();
        }
        coro::Signal signal;
        Lookup lookup;
    };

    SharedCacheTest() {
        for (uint32_t i = 0; i < kShards; ++i) {
            shards_.push_back(std::move(net::Shard::create(i, {}, i).value()));
            shard_group_.set(*shards_.back());
            world_.add_shard(shards_.back()->proactor());
        }
        for (uint32_t i = 0; i < kShards; ++i) {
            parts_.push_back(std::make_unique<SharedCache>(*shards_[i], group_));
        }
    }
    void TearDown() override {
        settle();
        for (const auto& part : parts_) {
            EXPECT_EQ(part->flights(), 0U);
            EXPECT_EQ(part->lookups(), 0U);
            EXPECT_EQ(part->recording_bytes(), 0U);
        }
        parts_.clear();
        for (const auto& shard : shards_) {
            world_.remove_shard(shard->proactor());
        }
        while (!shards_.empty()) {
            shards_.pop_back();  // Last in, first out: their memory pools nest.
        }
        world_.check_end();
        for (const std::string& violation : world_.violations()) {
            ADD_FAILURE() << violation;
        }
    }

    // Lets all messages arrive.
    void settle(Duration time = Duration::milliseconds(10)) {
        for (const auto& shard : shards_) {
            world_.wake_shard(shard->proactor());
        }
        world_.run_for(time);
    }
    // A key that `shard` owns.
    KeyRef key_of(uint32_t shard, std::string_view tenant = "t", std::string_view model = "m") {
        for (;; ++next_key_) {
            KeyRef key = made_key(maker_, next_key_, tenant, model);
            if (owner_of(key->shard_hash(), kShards) == shard) {
                ++next_key_;
                return key;
            }
        }
    }
    std::unique_ptr<Asker> ask(uint32_t shard, const KeyRef& key, const AskOptions& options = {}) {
        auto asker = std::make_unique<Asker>(*this, shard);
        asker->lookup.ask(key, options);
        settle();
        return asker;
    }
    void answer(Asker& leader, std::string_view body, Keep keep = Keep::stored) {
        ASSERT_EQ(leader.state(), LookupState::leads);
        leader.lookup.begin({.form = ReplyForm::stream, .content_type = "t", .note = ""});
        leader.lookup.append(body);
        leader.lookup.finish(keep, kHour);
        settle();
    }

    sim::World world_{1};
    net::ShardGroup shard_group_{kShards};
    CacheGroup group_{shard_group_, small_options()};
    std::vector<std::unique_ptr<net::Shard>> shards_;
    std::vector<std::unique_ptr<SharedCache>> parts_;
    KeyMaker maker_{"s"};
    size_t next_key_ = 0;
};

TEST_F(SharedCacheTest, AMissLeadsAndItsAnswerIsHitOnEveryShard) {
    for (uint32_t owner = 0; owner < kShards; ++owner) {
        const KeyRef key = key_of(owner);
        const auto leader = ask(0, key);
        answer(*leader, "hello");
        const Reply* reply = nullptr;
        for (uint32_t shard = 0; shard < kShards; ++shard) {
            const auto asker = ask(shard, key);
            ASSERT_EQ(asker->state(), LookupState::hit);
            EXPECT_EQ(asker->lookup.reply()->body(), "hello");
            EXPECT_EQ(asker->lookup.reply()->head().form, ReplyForm::stream);
            EXPECT_GT(asker->lookup.age(), Duration());
            // One object for all of them.
            EXPECT_TRUE(reply == nullptr || reply == asker->lookup.reply().get());
            reply = asker->lookup.reply().get();
        }
        EXPECT_EQ(parts_[owner]->statistics().entries, 1U);
    }
    EXPECT_EQ(group_.statistics().hits, 9U);
    EXPECT_EQ(group_.statistics().misses, 3U);
    EXPECT_EQ(group_.statistics().stores, 3U);
}

TEST_F(SharedCacheTest, TheOwnersShardAnswersItselfAtOnce) {
    const KeyRef key = key_of(1);
    parts_[2]->store(key, made_reply("x"), kHour);
    settle();
    Asker asker(*this, 1);
    asker.lookup.ask(key, {});
    EXPECT_EQ(asker.state(), LookupState::hit);
}

TEST_F(SharedCacheTest, OneLeadsAndTheOthersWaitForItsAnswer) {
    const KeyRef key = key_of(1);
    const auto leader = ask(0, key);
    const auto near = ask(0, key);
    const auto at_owner = ask(1, key);
    const auto far = ask(2, key);
    for (const auto* asker : {&near, &at_owner, &far}) {
        EXPECT_EQ((*asker)->state(), LookupState::joined);
    }
    EXPECT_EQ(leader->lookup.joiners(), 3U);
    answer(*leader, "shared");
    for (const auto* asker : {&near, &at_owner, &far}) {
        ASSERT_EQ((*asker)->state(), LookupState::hit);
        EXPECT_EQ((*asker)->lookup.reply()->body(), "shared");
    }
    EXPECT_EQ(group_.statistics().stores, 1U);
}

TEST_F(SharedCacheTest, AJoinerReadsWhatHasPassedAndGoesOnLive) {
    const KeyRef key = key_of(1);
    const auto leader = ask(0, key, kPieces);
    leader->lookup.begin({.form = ReplyForm::stream, .content_type = "t", .note = ""});
    leader->lookup.append("one ");
    const auto joiner = ask(2, key, kPieces);
    ASSERT_EQ(joiner->state(), LookupState::joined);
    ASSERT_TRUE(joiner->lookup.reader().head());
    EXPECT_EQ(joiner->take(), "one ");
    leader->lookup.append("two ");
    leader->lookup.append("three ");
    EXPECT_EQ(joiner->take(), "");
    settle();
    EXPECT_EQ(joiner->take(), "two three ");
    const auto later = ask(1, key, kPieces);
    EXPECT_EQ(later->take(), "one two three ");
    leader->lookup.append("end");
    leader->lookup.finish(Keep::stored, kHour);
    settle();
    EXPECT_EQ(joiner->take(), "end");
    EXPECT_TRUE(joiner->lookup.reader().is_over());
    EXPECT_EQ(later->take(), "end");
    EXPECT_EQ(ask(2, key)->lookup.reply()->body(), "one two three end");
}

TEST_F(SharedCacheTest, WhatIsOnlyForJoinersIsNotKept) {
    const KeyRef key = key_of(2);
    const auto leader = ask(0, key);
    const auto waiter = ask(1, key);
    answer(*leader, "once", Keep::only_for_joiners);
    ASSERT_EQ(waiter->state(), LookupState::hit);
    EXPECT_EQ(waiter->lookup.reply()->body(), "once");
    EXPECT_EQ(ask(0, key)->state(), LookupState::leads);
    EXPECT_EQ(group_.statistics().entries, 0U);
}

TEST_F(SharedCacheTest, WhenTheLeaderLeavesAWaiterLeads) {
    const KeyRef key = key_of(1);
    auto leader = ask(0, key);
    auto first = ask(2, key);
    auto second = ask(1, key);
    leader.reset();
    settle();
    const bool first_leads = first->state() == LookupState::leads;
    Asker& next = first_leads ? *first : *second;
    Asker& other = first_leads ? *second : *first;
    EXPECT_EQ(next.state(), LookupState::leads);
    EXPECT_EQ(other.state(), LookupState::joined);
    answer(next, "after all");
    ASSERT_EQ(other.state(), LookupState::hit);
    EXPECT_EQ(other.lookup.reply()->body(), "after all");
}

TEST_F(SharedCacheTest, WhenTheLeaderFailsWhoReadsGetsTheErrorAndWhoWaitsLeads) {
    const KeyRef key = key_of(1);
    const auto leader = ask(0, key, kPieces);
    const auto reads = ask(2, key, kPieces);
    const auto waits = ask(2, key);
    leader->lookup.begin({.form = ReplyForm::stream, .content_type = "t", .note = ""});
    leader->lookup.append("begin");
    settle();
    EXPECT_EQ(reads->take(), "begin");
    leader->lookup.fail(kCut);
    settle();
    ASSERT_TRUE(reads->lookup.reader().error());
    EXPECT_EQ(reads->lookup.reader().error()->kind, ErrorKind::closed_early);
    EXPECT_EQ(waits->state(), LookupState::leads);
    waits->lookup.fail(kCut);
}

TEST_F(SharedCacheTest, AWaitIsBounded) {
    const KeyRef key = key_of(1);
    const auto leader = ask(0, key);
    const auto waiter = ask(2, key);
    settle(Duration::milliseconds(4'900));
    EXPECT_EQ(waiter->state(), LookupState::joined);
    settle(Duration::milliseconds(200));
    EXPECT_EQ(waiter->state(), LookupState::missed);
    EXPECT_EQ(leader->lookup.joiners(), 0U);
    answer(*leader, "late");
    EXPECT_EQ(waiter->state(), LookupState::missed);
    EXPECT_EQ(ask(2, key)->state(), LookupState::hit);
}

TEST_F(SharedCacheTest, WhoReadsHasNoLimitOnTheWait) {
    const KeyRef key = key_of(1);
    const auto leader = ask(0, key, kPieces);
    leader->lookup.begin({.form = ReplyForm::stream, .content_type = "t", .note = ""});
    leader->lookup.append("a");
    const auto reads = ask(2, key, kPieces);
    EXPECT_EQ(reads->take(), "a");
    settle(Duration::seconds(20));
    EXPECT_EQ(reads->state(), LookupState::joined);
    leader->lookup.append("b");
    leader->lookup.finish(Keep::stored, kHour);
    settle();
    EXPECT_EQ(reads->take(), "b");
    EXPECT_TRUE(reads->lookup.reader().is_over());
}

TEST_F(SharedCacheTest, WhoLeavesBeforeTheAnswerIsNotALeader) {
    const KeyRef key = key_of(1);
    {
        Asker asker(*this, 0);
        asker.lookup.ask(key, {});
        EXPECT_EQ(asker.state(), LookupState::asked);
    }
    settle();
    EXPECT_EQ(parts_[1]->flights(), 0U);
    EXPECT_EQ(ask(2, key)->state(), LookupState::leads);
}

TEST_F(SharedCacheTest, WhoLeavesBeforeHeHasJoinedIsNotCounted) {
    const KeyRef key = key_of(1);
    const auto leader = ask(2, key);
    {
        Asker asker(*this, 0);
        asker.lookup.ask(key, kPieces);
    }
    settle();
    EXPECT_EQ(leader->lookup.joiners(), 0U);
    answer(*leader, "x");
}

TEST_F(SharedCacheTest, ALateJoinerOfALongStreamGoesAlone) {
    const KeyRef key = key_of(1);
    const auto leader = ask(0, key, kPieces);
    leader->lookup.begin({.form = ReplyForm::stream, .content_type = "t", .note = ""});
    leader->lookup.append("x");
    const auto joiner = ask(1, key, kPieces);
    const auto waiter = ask(2, key);
    std::string got = joiner->take();
    for (int i = 0; i < 50; ++i) {
        leader->lookup.append(std::string(1000, 'y'));
        settle();
        got += joiner->take();
    }
    EXPECT_EQ(waiter->state(), LookupState::missed);
    EXPECT_EQ(ask(2, key, kPieces)->state(), LookupState::missed);
    EXPECT_TRUE(leader->lookup.is_recording());
    leader->lookup.finish(Keep::stored, kHour);
    settle();
    got += joiner->take();
    EXPECT_EQ(got, "x" + std::string(50'000, 'y'));
    EXPECT_TRUE(joiner->lookup.reader().is_over());
    EXPECT_EQ(group_.statistics().entries, 0U);
}

TEST_F(SharedCacheTest, NobodyRecordsWhatIsTooLongForAnybody) {
    const KeyRef key = key_of(1);
    const auto leader = ask(0, key);
    leader->lookup.begin({.content_type = "t", .note = ""});
    leader->lookup.append(std::string(30'000, 'y'));
    EXPECT_TRUE(leader->lookup.is_recording()) << "somebody may be joining";
    settle();
    EXPECT_FALSE(leader->lookup.is_recording());
    EXPECT_EQ(ask(2, key)->state(), LookupState::missed);
    leader->lookup.finish(Keep::stored, kHour);
}

TEST_F(SharedCacheTest, JoinersAreLimited) {
    const KeyRef key = key_of(0);
    const auto leader = ask(0, key);
    std::vector<std::unique_ptr<Asker>> askers;
    askers.reserve(4);
    for (uint32_t i = 0; i < 4; ++i) {
        askers.push_back(ask(i % kShards, key));
    }
    EXPECT_EQ(askers[2]->state(), LookupState::joined);
    EXPECT_EQ(askers[3]->state(), LookupState::missed);
    answer(*leader, "x");
}

TEST_F(SharedCacheTest, AFreshAnswerIsAskedForAndReplacesTheOldOne) {
    const KeyRef key = key_of(1);
    parts_[0]->store(key, made_reply("old"), kHour);
    settle();
    const auto leader = ask(0, key, {.reads_store = false});
    answer(*leader, "new");
    EXPECT_EQ(ask(2, key)->lookup.reply()->body(), "new");
}

TEST_F(SharedCacheTest, WithoutCoalescingAMissIsAMiss) {
    const KeyRef key = key_of(1);
    EXPECT_EQ(ask(0, key, {.coalesces = false})->state(), LookupState::missed);
    const auto leader = ask(0, key);
    EXPECT_EQ(ask(2, key, {.coalesces = false})->state(), LookupState::missed);
    answer(*leader, "x");
    EXPECT_EQ(ask(2, key, {.coalesces = false})->state(), LookupState::hit);
}

TEST_F(SharedCacheTest, AnInvalidationReachesAllShardsAndCallsUnderWay) {
    std::vector<KeyRef> keys;
    for (uint32_t shard = 0; shard < kShards; ++shard) {
        keys.push_back(key_of(shard, "alice"));
        parts_[0]->store(keys.back(), made_reply("x"), kHour);
        parts_[0]->store(key_of(shard, "bob"), made_reply("x"), kHour);
    }
    const KeyRef flying = key_of(2, "alice");
    const auto leader = ask(0, flying);
    const auto waiter = ask(1, flying);
    coro::Signal signal(shards_[1]->proactor().ready());
    Invalidation invalidation(*parts_[1], signal);
    parts_[1]->invalidate(invalidation, {.tenant = "alice"});
    EXPECT_FALSE(invalidation.is_done());
    settle();
    EXPECT_TRUE(invalidation.is_done());
    EXPECT_EQ(invalidation.removed(), 3U);
    EXPECT_EQ(group_.statistics().entries, 3U);
    // Who comes now does not get the answer that was asked for before.
    const auto next = ask(1, flying);
    EXPECT_EQ(next->state(), LookupState::leads);
    answer(*leader, "before");
    EXPECT_EQ(waiter->lookup.reply()->body(), "before");
    EXPECT_EQ(ask(0, flying)->state(), LookupState::joined);
    answer(*next, "after");
    EXPECT_EQ(ask(0, flying)->lookup.reply()->body(), "after");
}

TEST_F(SharedCacheTest, AnInvalidationMayBeForgotten) {
    coro::Signal signal(shards_[1]->proactor().ready());
    {
        Invalidation invalidation(*parts_[1], signal);
        parts_[1]->invalidate(invalidation, {});
    }
    settle();
}

TEST_F(SharedCacheTest, EntriesMoveToWhoeverOwnsThem) {
    constexpr size_t kEntries = 20;
    for (size_t i = 0; i < kEntries; ++i) {
        parts_[0]->store(made_key(maker_, 1000 + i), made_reply("x"), kHour);
    }
    settle();
    std::vector<StoredEntry> entries;
    for (const auto& part : parts_) {
        part->export_to(entries);
    }
    EXPECT_EQ(entries.size(), kEntries);
    coro::Signal signal(shards_[0]->proactor().ready());
    Invalidation invalidation(*parts_[0], signal);
    parts_[0]->invalidate(invalidation, {});
    settle();
    size_t taken = 0;
    for (const auto& part : parts_) {
        taken += part->import_from(entries);
    }
    EXPECT_EQ(taken, kEntries);
    EXPECT_EQ(ask(1, made_key(maker_, 1003))->state(), LookupState::hit);
}

}  // namespace

}  // namespace sluice::cache
