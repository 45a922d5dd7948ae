// A small fleet under a virtual clock: one that fails at once must not become the one that gets
// everything, and one that has become slow must not hold up a share of all.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <queue>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "balance/balancer.h"
#include "balance/charge.h"
#include "balance/options.h"
#include "balance/pool.h"
#include "base/prng.h"
#include "base/time.h"
#include "unit/balance/pool_support.h"

namespace sluice::balance {
namespace {

// One engine: reads prompts one after the other, then writes without being disturbed.
struct Engine {
    double tokens_per_s = 8'000;
    bool is_black_hole = false;
    double free_at_s = 0;
};

struct Result {
    std::vector<uint64_t> selected;  // In the time that counts.
    std::vector<double> ttft_s;      // Of requests that were answered.
    uint64_t requests = 0;
    uint64_t failed = 0;  // After all retries.
};

class Fleet {
public:
    Fleet(Strategy strategy, size_t size) : options_(pool_options(strategy, size)), engines_(size) {
        pool_ = make_pool(options_);
    }

    Engine& engine(size_t i) { return engines_[i]; }
    const Pool& pool() const { return *pool_; }

    // Requests at a steady rate with arrivals by chance, each tried at up to three targets.
    Result run(double requests_per_s, double seconds, double count_from_s) {
        Result result;
        result.selected.resize(engines_.size());
        const double begin_s = now_s_;
        while (now_s_ < begin_s + seconds) {
            now_s_ += -std::log(1 - prng_.unit()) / requests_per_s;
            play_until(now_s_);
            while (judged_s_ + 10 < now_s_) {
                judged_s_ += 10;
                pool_->judge(at(judged_s_));
            }
            const bool counts = now_s_ >= begin_s + count_from_s;
            result.requests += counts ? 1 : 0;
            begin(now_s_, now_s_, {}, counts ? &result : nullptr);
        }
        now_s_ += 1'000;  // Everything ends, also behind a long queue.
        play_until(now_s_);
        return result;
    }

private:
    struct Event {
        double at_s;
        uint64_t order;
        std::function<void()> happens;
        bool operator<(const Event& other) const {
            return at_s != other.at_s ? at_s > other.at_s : order > other.order;
        }
    };

    static Instant at(double seconds) {
        return kStart + Duration::nanoseconds(static_cast<int64_t>(seconds * 1e9));
    }

    void play_until(double until_s) {
        while (!events_.empty() && events_.top().at_s <= until_s) {
            const auto happens = events_.top().happens;
            events_.pop();
            happens();
        }
    }

    void then(double at_s, std::function<void()> happens) {
        events_.push({at_s, order_++, std::move(happens)});
    }

    void begin(double now_s, double sent_s, std::vector<uint16_t> tried, Result* result) {
        constexpr uint32_t kPrompt = 1'000;
        const Ask ask = {.prompt_tokens = kPrompt, .output_tokens = 200, .tried = tried};
        auto selection = std::make_shared<Selection>(pool_->select(ask, at(now_s), prng_));
        if (!*selection) {
            if (result != nullptr) {
                ++result->failed;
            }
            return;
        }
        const uint16_t target = selection->target;
        if (result != nullptr) {
            ++result->selected[target];
        }
        Engine& engine = engines_[target];
        if (engine.is_black_hole) {
            then(now_s + 0.001, [=, this] {
                selection->charge.finish({.verdict = Verdict::fault}, at(now_s + 0.001));
                std::vector<uint16_t> more = tried;
                more.push_back(target);
                if (more.size() < 3) {
                    begin(now_s + 0.001, sent_s, more, result);
                } else if (result != nullptr) {
                    ++result->failed;
                }
            });
            return;
        }
        engine.free_at_s = std::max(engine.free_at_s, now_s) + kPrompt / engine.tokens_per_s;
        const double first_s = engine.free_at_s + 0.05;
        then(first_s, [=] {
            selection->charge.on_first_token(at(first_s));
            if (result != nullptr) {
                result->ttft_s.push_back(first_s - sent_s);
            }
        });
        then(first_s + 2, [=] {
            selection->charge.finish(
                {.verdict = Verdict::success, .per_token = Duration::milliseconds(10)},
                at(first_s + 2));
        });
    }

    PoolOptions options_;
    std::vector<Engine> engines_;
    std::unique_ptr<Pool> pool_;
    Prng prng_{17};
    std::priority_queue<Event> events_;
    uint64_t order_ = 0;
    double now_s_ = 0;
    double judged_s_ = 0;
};

constexpr Strategy kByLoad[] = {Strategy::latency_weighted, Strategy::least_loaded,
                                Strategy::least_connections, Strategy::p2c,
                                Strategy::prefix_affinity};

double percentile(std::vector<double> values, double share) {
    std::ranges::sort(values);
    return values[static_cast<size_t>(share * static_cast<double>(values.size() - 1))];
}

TEST(Fleet, ABlackHoleIsNotFedFromTheFirstSecondOn) {
    for (const Strategy strategy : kByLoad) {
        Fleet fleet(strategy, 8);
        fleet.engine(3).is_black_hole = true;
        const Result early = fleet.run(30, 5, 1);
        const auto all = static_cast<double>(early.requests);
        EXPECT_LE(static_cast<double>(early.selected[3]), all / 8) << name_of(strategy);
        EXPECT_EQ(early.failed, 0U) << name_of(strategy);
    }
}

TEST(Fleet, ABlackHoleGetsNextToNothing) {
    for (const Strategy strategy : kByLoad) {
        Fleet fleet(strategy, 8);
        fleet.engine(3).is_black_hole = true;
        const Result steady = fleet.run(30, 300, 10);
        const auto all = static_cast<double>(steady.requests);
        EXPECT_LE(static_cast<double>(steady.selected[3]), all * 0.005) << name_of(strategy);
        EXPECT_EQ(steady.failed, 0U) << name_of(strategy);
        for (size_t i = 0; i < 8; ++i) {
            EXPECT_TRUE(is_ledger_empty(state_of(fleet.pool(), i)));
        }
    }
}

TEST(Fleet, OneThatHasBecomeSlowHoldsUpFew) {
    for (const Strategy strategy : {Strategy::latency_weighted, Strategy::prefix_affinity}) {
        Fleet healthy(strategy, 7);
        const double without = percentile(healthy.run(30, 600, 60).ttft_s, 0.99);
        Fleet fleet(strategy, 8);
        fleet.engine(3).tokens_per_s = 1'600;
        const double with = percentile(fleet.run(30, 600, 60).ttft_s, 0.99);
        EXPECT_LE(with, without * 1.2) << name_of(strategy) << " " << with << " " << without;
    }
}

TEST(Fleet, OneThatIsWellAgainGetsItsShare) {
    for (const Strategy strategy : kByLoad) {
        Fleet fleet(strategy, 4);
        fleet.engine(1).is_black_hole = true;
        fleet.run(20, 60, 0);
        fleet.engine(1).is_black_hole = false;
        const Result after = fleet.run(20, 600, 400);
        const auto all = static_cast<double>(after.requests);
        EXPECT_GE(static_cast<double>(after.selected[1]), all / 4 * 0.7) << name_of(strategy);
    }
}

}  // namespace
}  // namespace sluice::balance
