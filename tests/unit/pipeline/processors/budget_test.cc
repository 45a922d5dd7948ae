// Money: what is reserved, what it did cost, and who is told.
#include "pipeline/processors/budget.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "access/budget.h"
#include "access/options.h"
#include "base/error.h"
#include "pipeline/processor.h"
#include "pipeline/processor_options.h"
#include "pipeline/processor_table.h"
#include "unit/pipeline/priced_snapshot.h"
#include "unit/pipeline/processors/keys_fixture.h"

namespace sluice::pipeline {
namespace {

using access::kPicodollarsPerDollar;
using testing::HasSubstr;

// A dollar for a thousand tokens of an answer, and nothing for prompts.
constexpr std::string_view kPrices =
    R"({"m":{"litellm_provider":"openai","input_cost_per_token":0,"output_cost_per_token":0.001}})";

class BudgetTest : public KeysTest {
protected:
    void SetUp() override {
        KeysTest::SetUp();
        processor_ = {.name = "money", .type = "budget", .config = BudgetOptions()};
        factory_ = find_processor_type("budget")->compile(processor_, {});
        access::KeyRecord record = key("ci", "sk-0123456789-0123456789");
        record.budget = {.hard_picodollars = kPicodollarsPerDollar,
                         .soft_picodollars = kPicodollarsPerDollar / 2,
                         .period = access::BudgetPeriod::month};
        load({record});
    }

    Asking& asking_for(int tokens) {
        Asking& asking = ask_as("ci");
        asking.record.service = snapshot_.service();
        asking.context.snapshot = &snapshot_.get();
        asking.context.body.take_text(R"({"model":"m","messages":[],"max_tokens":)" +
                                      std::to_string(tokens) + "}");
        return asking;
    }
    Verdict begin(Asking& asking) {
        step_ = &factory_->make(asking.arena);
        return step_->on_request(asking.context);
    }
    void end(Asking& asking, std::optional<int64_t> cost) {
        asking.record.is_priced = cost.has_value();
        asking.record.cost_pico_usd = cost.value_or(0);
        step_->on_end(asking.context);
        step_->~Processor();
    }
    access::BudgetStatus status() {
        return ask_as("ci").context.key->limits->budget().status(kMoment.unix_s());
    }

    PricedSnapshot snapshot_{"openai", kPrices};
    ProcessorOptions processor_;
    std::unique_ptr<ProcessorFactory> factory_;
    Processor* step_ = nullptr;
};

TEST_F(BudgetTest, ReservesAndSettles) {
    EXPECT_TRUE(factory_->needs().body);
    Asking& asking = asking_for(300);
    EXPECT_EQ(begin(asking).kind(), Verdict::Kind::proceed);
    EXPECT_EQ(status().reserved_picodollars, 3 * kPicodollarsPerDollar / 10);
    EXPECT_EQ(told(asking.context, "x-sluice-budget"), "");
    end(asking, 7);
    EXPECT_EQ(status().reserved_picodollars, 0);
    EXPECT_EQ(status().spent_picodollars, 7);
}

TEST_F(BudgetTest, ParallelRequestsDoNotSlipUnderTheLimit) {
    Asking& first = asking_for(700);
    EXPECT_EQ(begin(first).kind(), Verdict::Kind::proceed);
    EXPECT_EQ(told(first.context, "x-sluice-budget"), "soft");
    Processor* const held = step_;
    Asking& second = asking_for(400);
    const Verdict verdict = begin(second);
    ASSERT_EQ(verdict.kind(), Verdict::Kind::refuse);
    EXPECT_EQ(verdict.error().kind, ErrorKind::over_budget);
    EXPECT_EQ(verdict.told()->status, 429);
    EXPECT_EQ(verdict.told()->type, "insufficient_quota");
    EXPECT_EQ(verdict.told()->code, "insufficient_quota");
    EXPECT_THAT(std::string(verdict.told()->message),
                HasSubstr("the budget of key 'ci' is 1 dollars, of which 0.3 are left"));
    EXPECT_EQ(second.record.limit, "budget");
    end(second, std::nullopt);
    step_ = held;
    end(first, std::nullopt);
    EXPECT_EQ(status().reserved_picodollars, 0);
    EXPECT_EQ(status().spent_picodollars, 7 * kPicodollarsPerDollar / 10)
        << "nobody has said what it cost, so what was expected counts";
}

TEST_F(BudgetTest, CountsWithoutPricesToo) {
    snapshot_.get().prices = nullptr;
    Asking& first = asking_for(300);
    EXPECT_EQ(begin(first).kind(), Verdict::Kind::proceed);
    EXPECT_EQ(status().reserved_picodollars, 0);
    end(first, kPicodollarsPerDollar + 1);
    Asking& second = asking_for(1);
    EXPECT_EQ(begin(second).kind(), Verdict::Kind::refuse);
    end(second, std::nullopt);
}

TEST_F(BudgetTest, NobodyHasNoBudget) {
    Asking& asking = ask();
    EXPECT_EQ(begin(asking).kind(), Verdict::Kind::proceed);
    end(asking, 5);
}

}  // namespace
}  // namespace sluice::pipeline
