// The example of docs/ADDING_A_PROCESSOR.md does what the page says, and the page shows its text.
#include "unit/pipeline/processors/example_processor.h"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/arena.h"
#include "base/error.h"
#include "pipeline/exchange_record.h"
#include "pipeline/processor.h"

namespace sluice::pipeline {
namespace {

// An exchange with a prompt of about 20 tokens, in the middle.
struct Exchange {
    explicit Exchange(const TokensInFlight::Plan& plan)
        : context(arena, record), step(std::make_unique<TokensInFlight>(plan)) {
        context.body.take_text(R"({"messages":[{"role":"user","content":)"
                               R"("One two three four five six seven eight nine ten and on."}]})");
    }

    Arena arena;
    ExchangeRecord record;
    ProcessorContext context;
    std::unique_ptr<TokensInFlight> step;
};

TEST(ExampleProcessor, BoundsWhatIsInFlight) {
    const TokensInFlightOptions options = {.tokens_max = 30};
    const TokensInFlight::Plan plan(options);
    Exchange first(plan);
    EXPECT_EQ(first.step->on_request(first.context).kind(), Verdict::Kind::proceed);
    EXPECT_GT(plan.tokens_held, 10U);
    first.step->on_response_head(first.context, {});
    EXPECT_TRUE(first.context.response_fields.removes("x-tokens-in-flight"));
    {
        Exchange second(plan);
        const Verdict verdict = second.step->on_request(second.context);
        EXPECT_EQ(verdict.kind(), Verdict::Kind::refuse);
        EXPECT_EQ(verdict.error().kind, ErrorKind::rate_limited);
        EXPECT_EQ(verdict.told()->status, 429);
    }
    first.step.reset();
    EXPECT_EQ(plan.tokens_held, 0U);
    Exchange third(plan);
    EXPECT_EQ(third.step->on_request(third.context).kind(), Verdict::Kind::proceed);
}

std::string read(const std::string& path) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody sets it.
    const char* const data = std::getenv("SLUICE_TEST_DATA");
    std::ifstream file(std::string(data == nullptr ? "tests/data" : data) + "/../" + path);
    EXPECT_TRUE(file) << path;
    return {std::istreambuf_iterator<char>(file), {}};
}

// The blocks of code on the page, one after the other, are the two files.
TEST(ExampleProcessor, StandsOnItsPage) {
    const std::string page = read("../docs/ADDING_A_PROCESSOR.md");
    const std::string files = read("unit/pipeline/processors/example_processor.h") +
                              read("unit/pipeline/processors/example_processor.cc");
    constexpr std::string_view kBegin = "```cpp\n";
    std::string shown;
    for (size_t at = page.find(kBegin); at != page.npos; at = page.find(kBegin, at)) {
        at += kBegin.size();
        const size_t end = page.find("```", at);
        ASSERT_NE(end, page.npos);
        shown += page.substr(at, end - at);
        at = end;
    }
    EXPECT_EQ(shown, files) << "docs/ADDING_A_PROCESSOR.md shows another text than the files";
}

}  // namespace
}  // namespace sluice::pipeline
