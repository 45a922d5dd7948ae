// Eight threads against one pool: the ledger ends at exactly 0, there is one probe, no limit is
// exceeded. These run under the thread sanitizer as well.
#include "support/threads.h"

#include <array>
#include <atomic>
#include <barrier>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "balance/balancer.h"
#include "balance/charge.h"
#include "balance/options.h"
#include "balance/pool.h"
#include "balance/prefix_index.h"
#include "balance/target_state.h"
#include "balance/waiting_room.h"
#include "base/priority.h"
#include "base/prng.h"
#include "base/time.h"
#include "unit/balance/pool_support.h"

namespace sluice::balance {
namespace {

using test::kThreads;
using test::on_all_threads;

Outcome random_outcome(Prng& prng) {
    Outcome outcome = {.verdict = Verdict::success};
    if (prng.chance(0.3)) {
        outcome.verdict = static_cast<Verdict>(prng.below(4));
    }
    outcome.retry_after = Duration::milliseconds(prng.below(20));
    outcome.per_token = Duration::milliseconds(prng.below(30));
    outcome.cached_tokens = static_cast<int32_t>(prng.below(2'000)) - 1;
    outcome.prompt_tokens = 2'000;
    return outcome;
}

// What one shard does: selections by any strategy that end in any way, at any time.
class Shard {
public:
    Shard(const Pool& pool, uint64_t seed) : pool_(pool), prng_(seed), blocks_(30) {}

    // Whether one was finished.
    bool step(Instant now) {
        if (held_.size() < 30 && prng_.chance(0.5)) {
            begin(now);
            return false;
        }
        return !held_.empty() && end(now);
    }

private:
    void begin(Instant now) {
        const uint64_t conversation = prng_.below(50) + 1;
        for (size_t b = 0; b < blocks_.size(); ++b) {
            blocks_[b] = conversation * 0x9e3779b97f4a7c15ULL * (b + 1);
        }
        Ask ask = {.prompt_tokens = prng_.below(3'000),
                   .output_tokens = prng_.below(500),
                   .blocks = blocks_,
                   .affinity = conversation};
        ask.overrides = &find_balancer(static_cast<Strategy>(prng_.below(10)));
        Selection selection = pool_.select(ask, now, prng_);
        if (selection) {
            held_.push_back(std::move(selection));
        }
    }

    bool end(Instant now) {
        const uint32_t at = prng_.below(static_cast<uint32_t>(held_.size()));
        std::swap(held_[at], held_.back());
        Charge charge = std::move(held_.back().charge);
        held_.pop_back();
        if (prng_.chance(0.7)) {
            charge.on_first_token(now);
        }
        if (prng_.chance(0.2)) {
            return false;  // Dropped.
        }
        charge.finish(random_outcome(prng_), now);
        return true;
    }

    const Pool& pool_;
    Prng prng_;
    std::vector<uint64_t> blocks_;
    std::vector<Selection> held_;
};

TEST(Threads, TheLedgerEndsAtZeroWhateverHappens) {
    for (const size_t size : {6U, 90U}) {
        PoolOptions options = pool_options(Strategy::prefix_affinity, size);
        options.allow_override = true;
        options.adaptive_limit.enabled = true;
        options.hedge.enabled = true;
        options.breaker.open_ms = 20;
        options.outliers.ejection_ms = 20;
        for (size_t i = 0; i < size; ++i) {
            options.targets[i].concurrent_max = i % 3 == 0 ? 10 : 0;
            options.targets[i].cache_tokens = 100'000;
        }
        const auto pool = make_pool(options);
        std::atomic<int64_t> clock_ms = 0;
        std::atomic<uint64_t> served = 0;
        on_all_threads([&](int thread) {
            Shard shard(*pool, static_cast<uint64_t>(thread) + 1);
            for (int i = 0; i < 6'000; ++i) {
                const Instant now = after_ms(clock_ms.fetch_add(1));
                if (thread == 0 && i % 100 == 0) {
                    pool->judge(now);
                }
                served.fetch_add(shard.step(now) ? 1 : 0);
            }
        });
        EXPECT_GT(served.load(), 0U);
        for (size_t i = 0; i < size; ++i) {
            EXPECT_TRUE(is_ledger_empty(state_of(*pool, i))) << i;
            EXPECT_FALSE(state_of(*pool, i).breaker.status().is_probing) << i;
        }
    }
}

TEST(Threads, OneProbeAtATime) {
    PoolOptions options = pool_options(Strategy::random, 1);
    options.breaker.open_ms = 10;
    options.breaker.open_ms_max = 10;
    const auto pool = make_pool(options);
    TargetState& state = state_of(*pool, 0);
    std::atomic<int64_t> clock_ms = 0;
    std::atomic<int> probing = 0;
    std::atomic<int> probes = 0;
    for (int i = 0; i < 5; ++i) {
        state.breaker.on_fault(options.breaker, kStart, 1);
    }
    on_all_threads([&](int thread) {
        Prng prng(static_cast<uint64_t>(thread) + 1);
        for (int i = 0; i < 30'000; ++i) {
            const Instant now = after_ms(clock_ms.fetch_add(1) / 8);
            Selection selection = pool->select({.prompt_tokens = 1}, now, prng);
            if (!selection) {
                continue;
            }
            // It never closes, as no two probes succeed in a row.
            ASSERT_TRUE(selection.charge.is_probe());
            ASSERT_EQ(probing.fetch_add(1), 0);
            probes.fetch_add(1);
            if (prng.chance(0.5)) {
                std::this_thread::yield();
            }
            probing.fetch_sub(1);
            const uint32_t fate = prng.below(3);
            if (fate == 0) {
                selection.charge.finish({.verdict = Verdict::neutral}, now);
            } else if (fate == 1) {
                selection.charge.finish({.verdict = Verdict::fault}, now);
            }
        }
    });
    EXPECT_GT(probes.load(), 0);
    EXPECT_FALSE(state.breaker.status().is_probing);
}

TEST(Threads, LimitsAreNotExceeded) {
    PoolOptions options = pool_options(Strategy::least_connections, 3);
    for (TargetOptions& target : options.targets) {
        target.concurrent_max = 2;
    }
    const auto pool = make_pool(options);
    std::array<std::atomic<int>, 3> inside = {};
    std::atomic<int> entered = 0;
    on_all_threads([&](int thread) {
        Prng prng(static_cast<uint64_t>(thread) + 1);
        for (int i = 0; i < 20'000; ++i) {
            const Selection selection = pool->select({.prompt_tokens = 1}, kStart, prng);
            if (selection) {
                ASSERT_LE(inside[selection.target].fetch_add(1) + 1, 2);
                entered.fetch_add(1);
                inside[selection.target].fetch_sub(1);
            } else {
                ASSERT_EQ(selection.without, Without::no_room);
            }
        }
    });
    EXPECT_GT(entered.load(), 0);
}

// What one shard does with requests that wait: they come at any time, look for a target when they
// are called, and end at any time; it hears of its own when it is rung.
class QueueShard {
public:
    struct Totals {
        std::atomic<int> served = 0;
        std::atomic<int> refused = 0;
        std::atomic<int> pushed_out = 0;
        std::array<std::atomic<bool>, kThreads> rung = {};
    };
    QueueShard(const Pool& pool, Totals& totals, int index)
        : pool_(pool),
          room_(pool.room()),
          totals_(totals),
          index_(static_cast<uint32_t>(index)),
          prng_(index_ + 1) {}

    void run(int requests) {
        while (requests > 0 || !guests_.empty() || !held_.empty()) {
            if (requests > 0 && guests_.size() < 8 && prng_.chance(0.5)) {
                --requests;
                enter();
            }
            if (totals_.rung[index_].exchange(false)) {
                while (room_->take_news(index_) != nullptr) {
                }
            }
            for (size_t i = 0; i < guests_.size();) {
                i += stands(*guests_[i]) ? 1 : 0;
            }
            if (!held_.empty() && prng_.chance(0.7)) {
                held_.pop_back();
                tell(room_->look());
            }
            std::this_thread::yield();
        }
    }

private:
    class Guest final : public WaitingRoom::Waiter {
    public:
        explicit Guest(const WaitingRoom::Facts& facts) : Waiter(facts) {}
        void on_news() override {}
    };

    void tell(const WaitingRoom::Told& told) {
        for (const uint32_t shard : told.list()) {
            totals_.rung[shard].store(true);
        }
    }
    void enter() {
        auto guest = std::make_unique<Guest>(
            WaitingRoom::Facts{.priority = static_cast<Priority>(prng_.below(3)),
                               .tenant = prng_.below(5),
                               .prompt_tokens = prng_.below(500),
                               .shard = index_});
        const auto entry = room_->enter(*guest, 24, Duration::seconds(3'000), kStart);
        tell(entry.told);
        if (entry.refusal != WaitingRoom::Refusal::none) {
            totals_.refused.fetch_add(1);
        } else {
            guests_.push_back(std::move(guest));
        }
    }
    // False when it has gone.
    bool stands(Guest& guest) {
        const WaitingRoom::Standing standing = room_->standing(guest);
        bool is_served = false;
        if (standing.is_called) {
            Selection selection = pool_.select({.prompt_tokens = 1}, kStart, prng_);
            is_served = static_cast<bool>(selection);
            if (is_served) {
                held_.push_back(std::move(selection.charge));
            } else {
                tell(room_->pass(guest, 0));
            }
        } else if (standing.is_watcher) {
            tell(room_->look());
        }
        if (!is_served && !standing.is_pushed_out) {
            return true;
        }
        (is_served ? totals_.served : totals_.pushed_out).fetch_add(1);
        tell(room_->leave(guest, is_served, kStart));
        std::erase_if(guests_, [&](const auto& each) { return each.get() == &guest; });
        return false;
    }

    const Pool& pool_;
    const std::shared_ptr<WaitingRoom> room_;
    Totals& totals_;
    const uint32_t index_;
    Prng prng_;
    std::vector<std::unique_ptr<Guest>> guests_;
    std::vector<Charge> held_;
};

TEST(Threads, EverybodyWhoWaitsIsServedOnceOrHasToGo) {
    constexpr int kRequests = 300;
    PoolOptions options = pool_options(Strategy::least_connections, 2);
    for (TargetOptions& target : options.targets) {
        target.concurrent_max = 3;
    }
    const auto pool = make_pool(options);
    QueueShard::Totals totals;
    on_all_threads([&](int thread) { QueueShard(*pool, totals, thread).run(kRequests); });
    EXPECT_EQ(totals.served + totals.refused + totals.pushed_out, kThreads * kRequests);
    EXPECT_GT(totals.served.load(), 0);
    EXPECT_FALSE(pool->room()->has_waiting());
    EXPECT_TRUE(is_ledger_empty(state_of(*pool, 0)) && is_ledger_empty(state_of(*pool, 1)));
}

TEST(Threads, WhoeverIsTooLateForOneTierGetsTheNext) {
    PoolOptions options = pool_options(Strategy::least_connections, 2);
    options.targets[0].concurrent_max = 1;
    options.targets[1].priority = 1;
    const auto pool = make_pool(options);
    std::atomic<int> refused = 0;
    on_all_threads([&](int thread) {
        Prng prng(static_cast<uint64_t>(thread) + 1);
        for (int i = 0; i < 20'000; ++i) {
            if (!pool->select({.prompt_tokens = 1}, kStart, prng)) {
                refused.fetch_add(1);
            }
        }
    });
    EXPECT_EQ(refused.load(), 0);
}

TEST(Threads, TurnsAreExactOverAllShards) {
    PoolOptions options = pool_options(Strategy::round_robin, 5);
    options.targets[2].weight = 4;
    const auto pool = make_pool(options);
    on_all_threads([&](int thread) {
        Prng prng(static_cast<uint64_t>(thread) + 1);
        for (int i = 0; i < 4'000; ++i) {
            pool->select({}, kStart, prng);
        }
    });
    EXPECT_EQ(selections(*pool), (std::vector<uint64_t>{4'000, 4'000, 16'000, 4'000, 4'000}));
}

TEST(Threads, APrefixIndexIsReadWhileItIsWritten) {
    PrefixIndex index({.targets = 4, .cache_tokens = 200'000, .bytes_max = 1U << 20U});
    std::array<uint16_t, 4> ids = {};
    for (uint16_t& id : ids) {
        id = index.claim(50'000);
    }
    std::atomic<uint64_t> hits_seen = 0;
    on_all_threads([&](int thread) {
        Prng prng(static_cast<uint64_t>(thread) + 1);
        std::array<PrefixIndex::Hit, PrefixIndex::kHitsMax> hits;
        std::vector<uint64_t> blocks(40);
        for (int i = 0; i < 3'000; ++i) {
            const uint64_t conversation = prng.below(100) + 1;
            for (size_t b = 0; b < blocks.size(); ++b) {
                blocks[b] = conversation * 0x9e3779b97f4a7c15ULL * (b + 1);
            }
            const PrefixIndex::Found found = index.find(blocks, hits);
            for (size_t h = 0; h < found.count; ++h) {
                ASSERT_LE(hits[h].blocks, blocks.size());
                hits_seen.fetch_add(1, std::memory_order_relaxed);
            }
            index.insert(ids[conversation % 4], blocks, 2'560);
            if (thread == 0 && i % 500 == 0) {
                index.clear(ids[prng.below(4)]);
            }
        }
    });
    EXPECT_GT(hits_seen.load(), 0U);
    // The models hold about what they may, after whatever races.
    for (const uint16_t id : ids) {
        EXPECT_LE(index.cache(id).held_tokens(), 50'000 * 2);
        EXPECT_GE(index.cache(id).held_tokens(), -50'000);
    }
}

// As many targets as threads, and each round begins for all of them at once.
TEST(PoolThreads, WhoChoosesAtTheSameMomentDoesNotChooseTheSame) {
    constexpr int kRounds = 400;
    for (const Strategy strategy : {Strategy::least_connections, Strategy::least_loaded}) {
        const auto pool = make_pool(pool_options(strategy, kThreads));
        std::barrier together(kThreads);
        std::atomic<int> doubled = 0;
        on_all_threads([&](int thread) {
            Prng prng(static_cast<uint64_t>(thread) + 1);
            for (int round = 0; round < kRounds; ++round) {
                together.arrive_and_wait();
                Selection own =
                    pool->select({.prompt_tokens = 100, .output_tokens = 50}, kStart, prng);
                together.arrive_and_wait();
                const TargetState& state = *pool->targets()[own.target].state;
                doubled.fetch_add(state.requests.load() == 1 ? 0 : 1);
                together.arrive_and_wait();
                own.charge.finish({}, kStart);
            }
        });
        EXPECT_EQ(doubled.load(), 0);
    }
}

}  // namespace
}  // namespace sluice::balance
