// The writer between lanes and a store that is scripted: batches, failures, drops, the end.
//
// Runs under the thread sanitizer as well.
#include "ledger/ledger.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/log.h"
#include "gtest/gtest.h"
#include "ledger/entry.h"
#include "ledger/lane.h"
#include "ledger/options.h"
#include "ledger/store.h"
#include "ledger_fixture.h"

namespace sluice::ledger {
namespace {

using test::sample_entry;

constexpr auto kPatience = std::chrono::seconds(20);

// What the store is to do, and what it was given. Outlives the ledger.
class Script {
public:
    Written write(std::span<const Entry> entries) {
        const std::unique_lock lock(mutex_);
        batches_.push_back(entries.size());
        const bool has_bad = std::ranges::any_of(entries, [this](const Entry& entry) {
            return bad_.contains(std::string(entry.id.bytes.begin(), entry.id.bytes.end()));
        });
        const Written answer = has_bad ? Written::refused : answer_;
        if (answer == Written::done) {
            for (const Entry& entry : entries) {
                ids_.insert(std::string(entry.id.bytes.begin(), entry.id.bytes.end()));
            }
            entries_ += entries.size();
        }
        changed_.notify_all();
        return answer;
    }
    uint32_t prune(uint32_t rows_max) {
        const std::unique_lock lock(mutex_);
        const uint32_t rows = std::min(old_rows_, rows_max);
        old_rows_ -= rows;
        changed_.notify_all();
        return rows;
    }

    void answer(Written answer) {
        const std::unique_lock lock(mutex_);
        answer_ = answer;
    }
    // Whatever holds it is refused as a whole.
    void refuse(const Entry& entry) {
        const std::unique_lock lock(mutex_);
        bad_.insert(std::string(entry.id.bytes.begin(), entry.id.bytes.end()));
    }
    void set_old_rows(uint32_t rows) { old_rows_ = rows; }
    template <class Condition>
    bool wait(Condition condition) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, kPatience, [&] { return condition(*this); });
    }
    bool wait_for_entries(size_t count) {
        return wait([count](const Script& script) { return script.entries_ >= count; });
    }
    // Without the lock: for conditions, and after the ledger has stopped.
    std::vector<size_t> batches_;
    size_t entries_ = 0;
    std::set<std::string> ids_;
    std::set<std::string> bad_;
    uint32_t old_rows_ = 0;

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    Written answer_ = Written::done;
};

class ScriptedStore final : public Store {
public:
    explicit ScriptedStore(Script& script) : script_(script) {}
    Written write(std::span<const Entry> entries) override { return script_.write(entries); }
    std::optional<uint32_t> prune(int64_t, uint32_t rows_max) override {
        return script_.prune(rows_max);
    }
    std::string_view error() const override { return "scripted"; }

private:
    Script& script_;
};

class LedgerTest : public testing::Test {
protected:
    Ledger& make() {
        ledger_ = std::make_unique<Ledger>(std::make_unique<ScriptedStore>(script_), options_,
                                           nullptr, LogFormat::human);
        lane_ = &ledger_->add_lane();
        return *ledger_;
    }

    Script script_;
    LedgerOptions options_ = [] {
        LedgerOptions options;
        options.batch_interval_ms = 1;
        return options;
    }();
    std::unique_ptr<Ledger> ledger_;
    Lane* lane_ = nullptr;
};

TEST_F(LedgerTest, WritesWhatIsAdded) {
    make().start();
    EXPECT_TRUE(lane_->add(sample_entry(1)));
    EXPECT_TRUE(script_.wait_for_entries(1));
    EXPECT_TRUE(lane_->add(sample_entry(2)));
    EXPECT_TRUE(script_.wait_for_entries(2));
    ledger_->stop();
    EXPECT_EQ(ledger_->counters().written, 2U);
    EXPECT_EQ(ledger_->dropped(), 0U);
}

TEST_F(LedgerTest, EntriesOfAWhileAreOneBatch) {
    options_.batch_interval_ms = 60'000;
    make().start();
    for (uint64_t n = 0; n < 50; ++n) {
        lane_->add(sample_entry(n));
    }
    ledger_->stop();  // Which does not wait for the while.
    EXPECT_EQ(script_.entries_, 50U);
    EXPECT_LE(script_.batches_.size(), 2U);
}

TEST_F(LedgerTest, AFullBatchIsNotWaitedFor) {
    options_.batch_interval_ms = 600'000;
    options_.batch_rows_max = 16;
    make().start();
    for (uint64_t n = 0; n < 16; ++n) {
        lane_->add(sample_entry(n));
    }
    EXPECT_TRUE(script_.wait_for_entries(16));
}

// The lane has seen a batch go by, and must not take that for entries that still wait.
TEST_F(LedgerTest, AFewEntriesWaitForTheInterval) {
    options_.batch_interval_ms = 600'000;
    options_.batch_rows_max = 16;
    make().start();
    for (uint64_t n = 0; n < 16; ++n) {
        lane_->add(sample_entry(n));
    }
    EXPECT_TRUE(script_.wait_for_entries(16));
    for (uint64_t n = 16; n < 24; ++n) {
        lane_->add(sample_entry(n));
    }
    ledger_->stop();
    EXPECT_EQ(script_.entries_, 24U);
    EXPECT_EQ(script_.batches_.size(), 2U);
}

TEST_F(LedgerTest, NoBatchIsLargerThanTheLimit) {
    options_.batch_rows_max = 10;
    make();
    Lane& other = ledger_->add_lane();
    for (uint64_t n = 0; n < 100; ++n) {
        lane_->add(sample_entry(n));
        other.add(sample_entry(1'000 + n));
    }
    ledger_->start();
    ledger_->stop();
    EXPECT_EQ(script_.ids_.size(), 200U);
    for (const size_t size : script_.batches_) {
        EXPECT_LE(size, 10U);
    }
}

TEST_F(LedgerTest, AFailedBatchIsTriedAgainUntilItWorks) {
    script_.answer(Written::later);
    make().start();
    lane_->add(sample_entry(1));
    EXPECT_TRUE(script_.wait([](const Script& script) { return script.batches_.size() >= 3; }));
    lane_->add(sample_entry(2));
    script_.answer(Written::done);
    EXPECT_TRUE(script_.wait_for_entries(2));
    ledger_->stop();
    EXPECT_EQ(script_.ids_.size(), 2U);
    EXPECT_EQ(script_.entries_, 2U);
    EXPECT_GE(ledger_->counters().failures, 3U);
    EXPECT_EQ(ledger_->counters().lost, 0U);
}

TEST_F(LedgerTest, AStoreThatStandsStillCostsEntriesAndNothingElse) {
    options_.queue_entries_max = 64;
    options_.batch_rows_max = 8;
    options_.flush_timeout_ms = 1;
    script_.answer(Written::later);
    make().start();
    lane_->add(sample_entry(0));
    EXPECT_TRUE(script_.wait([](const Script& script) { return !script.batches_.empty(); }));
    uint64_t fitted = 0;
    for (uint64_t n = 1; n <= 1'000; ++n) {
        fitted += lane_->add(sample_entry(n)) ? 1 : 0;
    }
    EXPECT_EQ(fitted, 64U);
    EXPECT_EQ(ledger_->dropped(), 1'000U - fitted);
    ledger_->stop();
    EXPECT_EQ(ledger_->counters().lost, 1U + fitted);
    EXPECT_EQ(script_.entries_, 0U);
}

TEST_F(LedgerTest, ARefusedBatchIsCountedAndTheNextOneIsWritten) {
    script_.answer(Written::refused);
    make().start();
    lane_->add(sample_entry(1));
    EXPECT_TRUE(script_.wait([](const Script& script) { return !script.batches_.empty(); }));
    script_.answer(Written::done);
    lane_->add(sample_entry(2));
    EXPECT_TRUE(script_.wait_for_entries(1));
    ledger_->stop();
    EXPECT_EQ(ledger_->counters().lost, 1U);
    EXPECT_EQ(ledger_->counters().written, 1U);
}

TEST_F(LedgerTest, OneBadRowTakesNoOtherWithIt) {
    constexpr uint64_t kRows = 50;
    script_.refuse(sample_entry(7));
    script_.refuse(sample_entry(kRows));
    script_.answer(Written::later);
    make();
    for (uint64_t n = 1; n <= kRows; ++n) {
        ASSERT_TRUE(lane_->add(sample_entry(n)));
    }
    ledger_->start();
    // Some of it has to be tried again, in the middle of it.
    EXPECT_TRUE(script_.wait([](const Script& script) { return script.batches_.size() > 4; }));
    script_.answer(Written::done);
    EXPECT_TRUE(script_.wait_for_entries(kRows - 2));
    ledger_->stop();
    EXPECT_EQ(script_.ids_.size(), kRows - 2);
    EXPECT_EQ(ledger_->counters().lost, 2U);
    EXPECT_EQ(ledger_->counters().written, kRows - 2);
}

TEST_F(LedgerTest, OldRowsGoInPieces) {
    options_.retention_days = 30;
    script_.set_old_rows(5'000);
    make().start();
    for (uint64_t n = 0; n < 10; ++n) {
        lane_->add(sample_entry(n));
        EXPECT_TRUE(script_.wait_for_entries(n + 1));
    }
    EXPECT_TRUE(script_.wait([](const Script& script) { return script.old_rows_ == 0; }));
    ledger_->stop();
    EXPECT_EQ(ledger_->counters().pruned, 5'000U);
}

TEST_F(LedgerTest, NothingIsPrunedWhereEverythingIsKept) {
    script_.set_old_rows(5);
    make().start();
    lane_->add(sample_entry(1));
    EXPECT_TRUE(script_.wait_for_entries(1));
    ledger_->stop();
    EXPECT_EQ(script_.old_rows_, 5U);
}

TEST_F(LedgerTest, StoppedWithoutAStartOrTwiceDoesNoHarm) {
    make().stop();
    ledger_->start();
    ledger_->stop();
    ledger_->stop();
}

TEST_F(LedgerTest, ManyShardsLoseNothing) {
    constexpr uint64_t kShards = 4;
    constexpr uint64_t kEach = 20'000;
    options_.queue_entries_max = 1'024;
    make();
    std::vector<Lane*> lanes;
    lanes.reserve(kShards);
    for (uint64_t i = 0; i < kShards; ++i) {
        lanes.push_back(&ledger_->add_lane());
    }
    ledger_->start();
    std::atomic<uint64_t> added = 0;
    std::vector<std::thread> shards;
    shards.reserve(kShards);
    for (uint64_t i = 0; i < kShards; ++i) {
        shards.emplace_back([&, i] {
            for (uint64_t n = 0; n < kEach; ++n) {
                added += lanes[i]->add(sample_entry(i * kEach + n)) ? 1 : 0;
            }
        });
    }
    for (std::thread& shard : shards) {
        shard.join();
    }
    ledger_->stop();
    EXPECT_EQ(script_.entries_, added.load());
    EXPECT_EQ(script_.ids_.size(), added.load());
    EXPECT_EQ(added.load() + ledger_->dropped(), kShards * kEach);
}

TEST(LedgerFileTest, WhatWasAddedIsInTheFileAfterTheStop) {
    const test::Folder folder;
    const LedgerOptions options = test::file_options(folder.file("usage.db"));
    auto ledger = Ledger::open(options, nullptr, LogFormat::human);
    ASSERT_TRUE(ledger) << ledger.error();
    Lane& lane = (*ledger)->add_lane();
    (*ledger)->start();
    for (uint64_t n = 0; n < 2'500; ++n) {
        EXPECT_TRUE(lane.add(sample_entry(n)));
    }
    (*ledger)->stop();
    EXPECT_EQ(test::ask_one(options, "SELECT COUNT(*) FROM sluice_usage"), "2500");
}

TEST(LedgerFileTest, ABadPlaceIsAnErrorAtOnce) {
    const test::Folder folder;
    LedgerOptions options = test::file_options(folder.file("none/usage.db"));
    EXPECT_FALSE(Ledger::open(options, nullptr, LogFormat::human));
    options.url = "postgresql://localhost/x";
    const auto both = Ledger::open(options, nullptr, LogFormat::human);
    ASSERT_FALSE(both);
    EXPECT_EQ(both.error(), "a path and a URL are set; the ledger is in one place");
}

}  // namespace
}  // namespace sluice::ledger
