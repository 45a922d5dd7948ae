// cost_meter: the header of whole answers, and models without a price.
#include "pipeline/processors/cost_meter.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "http/h1_writer.h"
#include "pipeline/exchange_record.h"
#include "pipeline/processor.h"
#include "unit/pipeline/priced_snapshot.h"
#include "unit/pipeline/processors/step_test.h"

namespace sluice::pipeline {
namespace {

constexpr std::string_view kPrices =
    R"({"m-1": {"input_cost_per_token": 2.5e-06, "output_cost_per_token": 1e-05}})";
constexpr std::string_view kNothing = "\r\n";
constexpr std::string_view kHeader = "x-sluice-cost-usd";

class CostMeterTest : public StepTest {
protected:
    CostMeterTest() {
        record_.service = snapshot_.service();
        record_.attempts = 1;
    }
    // With a context that has the prices.
    std::string asked(std::string_view body) {
        EXPECT_EQ(request(kChat, "").kind(), Verdict::Kind::proceed);
        context_->snapshot = &snapshot_.get();
        context_->body.take_text(body);
        const Verdict verdict = step_->on_request(*context_);
        return verdict.told() == nullptr ? "" : std::string(verdict.told()->code);
    }
    std::string head_of_answer(std::string_view type) {
        step_->on_response_head(*context_, {.status = 200, .content_type = type});
        http::HeadWriter writer(arena_);
        writer.status_line(200);
        context_->response_fields.write(writer);
        const std::string head(writer.finish().value_or(""));
        return head.substr(head.find("\r\n") + 2);
    }

    PricedSnapshot snapshot_{"openai", kPrices};
};

TEST_F(CostMeterTest, TellsTheCostOfAWholeAnswer) {
    make("cost_meter", CostMeterOptions{.response_header = std::string(kHeader)});
    EXPECT_TRUE(factory_->needs().response_text);
    EXPECT_FALSE(factory_->needs().body);
    EXPECT_EQ(asked("{}"), "");
    EXPECT_EQ(head_of_answer("application/json"), kNothing) << "no usage";
    record_.usage = {.prompt_tokens = 7, .completion_tokens = 3, .is_known = true};
    EXPECT_EQ(head_of_answer("application/json"), "x-sluice-cost-usd: 0.0000475\r\n\r\n");
}

TEST_F(CostMeterTest, TellsNothingOfStreamsAndOfUnknownPrices) {
    make("cost_meter", CostMeterOptions{.response_header = std::string(kHeader)});
    EXPECT_EQ(asked("{}"), "");
    record_.usage = {.prompt_tokens = 7, .completion_tokens = 3, .is_known = true};
    record_.is_stream = true;
    EXPECT_EQ(head_of_answer("text/event-stream"), kNothing);
    record_.is_stream = false;
    record_.model = "other";
    EXPECT_EQ(head_of_answer("application/json"), kNothing);
}

TEST_F(CostMeterTest, RefusesModelsWithoutAPriceWhereItIsTold) {
    make("cost_meter", CostMeterOptions{.unknown_model = UnknownModel::refuse});
    EXPECT_TRUE(factory_->needs().body);
    EXPECT_EQ(asked(R"({"model":"m-1"})"), "");
    EXPECT_EQ(asked(R"({"model":"other"})"), "model_without_price");
    EXPECT_EQ(asked(R"({"mode\u006c":"other"})"), "model_without_price");
    EXPECT_EQ(asked(R"({"input":"x"})"), "") << "nothing to be priced";
    record_.model = "cheap";
    record_.upstream_model = "m-1";
    EXPECT_EQ(asked(R"({"model":"cheap"})"), "") << "by the upstream's name";
    make("cost_meter", CostMeterOptions{});
    EXPECT_EQ(asked(R"({"model":"other"})"), "");
}

}  // namespace
}  // namespace sluice::pipeline
