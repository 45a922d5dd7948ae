// The step that keeps answers: which requests it takes, what it stores, and the client's words.
#include "pipeline/processors/cache.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "gtest/gtest.h"
#include "pipeline/chain.h"
#include "pipeline/exchange_record.h"
#include "pipeline/guard_options.h"
#include "pipeline/processor.h"
#include "pipeline/processor_options.h"
#include "unit/pipeline/processors/sharing_fixture.h"

namespace sluice::pipeline {

namespace {

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kEventStream = "text/event-stream";
constexpr std::string_view kBody = R"({"model":"m","messages":[{"role":"user","content":"x"}]})";

using Kind = Verdict::Kind;

class CacheStepTest : public SharingTest {
protected:
    // One exchange: what the step says, and, where the upstream is asked, `reply`.
    CacheOutcome run(std::string_view body,
                     std::string_view reply = R"({"a":1})",
                     std::string_view control = {},
                     std::string_view variant = {}) {
        Made made(*this, body, false);
        if (!control.empty()) {
            made.add_field("cache-control", control);
        }
        if (!variant.empty()) {
            made.add_field("x-variant", variant);
        }
        made.record.tenant = tenant_;
        CacheStep step(options_, resources());
        const Verdict verdict = step.on_request(made.context);
        said_ = verdict.kind();
        sent_ = std::string(made.context.body.text());
        if (verdict.kind() == Kind::proceed) {
            made.record.error.kind = error_;
            made.answer(step, reply, kJson);
        } else {
            step.on_end(made.context);
        }
        return made.record.cache;
    }

    CacheStepOptions options_;
    std::string_view tenant_;
    ErrorKind error_ = ErrorKind::none;
    std::optional<Kind> said_;
    std::string sent_;
};

TEST_F(CacheStepTest, StoresAndAnswers) {
    EXPECT_EQ(run(kBody), CacheOutcome::store);
    EXPECT_EQ(run(kBody), CacheOutcome::hit);
    EXPECT_EQ(said_, Kind::answer);
    EXPECT_EQ(part_->statistics().entries, 1U);
}

TEST_F(CacheStepTest, KeepsNoFailures) {
    error_ = ErrorKind::closed_early;
    EXPECT_EQ(run(kBody), CacheOutcome::miss);
    error_ = ErrorKind::none;
    EXPECT_EQ(run(kBody, R"({"cut":)"), CacheOutcome::miss);
    EXPECT_EQ(part_->statistics().entries, 0U);
    EXPECT_EQ(part_->flights(), 0U);
}

TEST_F(CacheStepTest, TakesItsWordOutOfTheBody) {
    EXPECT_EQ(run(R"({"cache_enabled":true,"model":"m"})"), CacheOutcome::store);
    EXPECT_EQ(sent_, R"({"model":"m"})");
    EXPECT_EQ(run(R"({"model":"m","cache_enabled":false})"), CacheOutcome::bypass);
    EXPECT_EQ(sent_, R"({"model":"m"})");
    EXPECT_EQ(run(R"({"model":"m"})"), CacheOutcome::hit);
    EXPECT_EQ(sent_, R"({"model":"m"})");
}

TEST_F(CacheStepTest, GoesByTheFieldsOfTheRequest) {
    EXPECT_EQ(run(kBody, R"({"n":1})", "no-store"), CacheOutcome::miss);
    EXPECT_EQ(run(kBody, R"({"n":2})", "max-age=5, x-unknown"), CacheOutcome::store);
    EXPECT_EQ(run(kBody, R"({"n":3})", "No-Cache"), CacheOutcome::store);
    EXPECT_EQ(run(kBody, R"({"n":4})", "max-age=60"), CacheOutcome::hit);
    EXPECT_EQ(run(kBody, R"({"n":5})", "no-store"), CacheOutcome::hit);
    EXPECT_EQ(run(kBody, R"({"n":6})", "no-store, no-cache"), CacheOutcome::bypass);
    EXPECT_EQ(run(kBody, R"({"n":7})", "only-if-cached"), CacheOutcome::hit);
    EXPECT_EQ(run(R"({"model":"m"})", R"({"n":8})", "only-if-cached"), CacheOutcome::miss);
    EXPECT_EQ(said_, Kind::refuse);
    world_.run_for(Duration::seconds(61));
    shard_->proactor().turn(Duration());
    EXPECT_EQ(run(kBody, R"({"n":9})", "max-age=60"), CacheOutcome::store);
}

TEST_F(CacheStepTest, TellsTenantsAndVariantsApart) {
    options_.vary_headers = {"x-variant"};
    tenant_ = "a";
    EXPECT_EQ(run(kBody, "{}", {}, "1"), CacheOutcome::store);
    EXPECT_EQ(run(kBody, "{}", {}, "2"), CacheOutcome::store);
    tenant_ = "b";
    EXPECT_EQ(run(kBody, "{}", {}, "1"), CacheOutcome::store);
    options_.shared_over_tenants = true;  // Not where the cache is by tenant.
    EXPECT_EQ(run(kBody, "{}", {}, "1"), CacheOutcome::hit);
    open_cache({.enabled = true, .per_tenant = false});
    EXPECT_EQ(run(kBody, "{}", {}, "1"), CacheOutcome::store);
    tenant_ = "a";
    EXPECT_EQ(run(kBody, "{}", {}, "1"), CacheOutcome::hit);
}

// A chain with a cache behind a guard of these words.
class GuardedChain {
public:
    explicit GuardedChain(std::vector<std::string> words, std::string when = "") {
        options_ = {{.name = "guard",
                     .type = "guard",
                     .when = std::move(when),
                     .config = GuardOptions{.words = std::move(words)}},
                    {.name = "cache", .type = "cache", .config = CacheStepOptions()}};
        chains_ = ChainSet(options_, {});
        const std::string names[] = {"guard", "cache"};
        chain = chains_.chain(names);
    }
    const Chain* chain = nullptr;

private:
    std::vector<ProcessorOptions> options_;
    ChainSet chains_;
};

TEST_F(CacheStepTest, AnswersThatOtherRulesLetPassAreNotGiven) {
    const GuardedChain before({"one"});
    const GuardedChain same({"one"});
    const GuardedChain more({"one", "two"});
    const GuardedChain joined({"onetwo"});
    const GuardedChain sometimes({"one"}, "messages > 1");
    route_.chain = before.chain;
    EXPECT_EQ(run(kBody), CacheOutcome::store);
    route_.chain = same.chain;
    EXPECT_EQ(run(kBody), CacheOutcome::hit) << "a reload that changes nothing loses nothing";
    for (const GuardedChain* const other : {&more, &joined, &sometimes}) {
        route_.chain = other->chain;
        EXPECT_EQ(run(kBody), CacheOutcome::store);
        EXPECT_EQ(run(kBody), CacheOutcome::hit);
    }
    route_.chain = nullptr;
    EXPECT_EQ(run(kBody), CacheOutcome::store);
}

TEST_F(CacheStepTest, PassesByWhatIsNotForIt) {
    options_.deterministic_only = true;
    EXPECT_EQ(run(kBody), CacheOutcome::bypass);
    EXPECT_EQ(run(R"({"temperature":0.0})"), CacheOutcome::store);
    EXPECT_EQ(run(R"({"seed":1})"), CacheOutcome::store);
    EXPECT_EQ(run("[]"), CacheOutcome::none);
    options_.deterministic_only = false;
    open_cache({.enabled = false});
    EXPECT_EQ(run(kBody), CacheOutcome::bypass);
    Made models(*this, kBody, false);
    models.context.call = {};
    CacheStep step(options_, resources());
    EXPECT_EQ(step.on_request(models.context).kind(), Kind::proceed);
    EXPECT_EQ(models.record.cache, CacheOutcome::none);
}

// The chunk that the client does not see is part of the entry, so that others may have it.
TEST_F(CacheStepTest, RecordsAHiddenUsageChunk) {
    constexpr std::string_view kWord = "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n";
    constexpr std::string_view kUsage = "data: {\"choices\":[],\"usage\":{\"total_tokens\":3}}\n\n";
    constexpr std::string_view kDone = "data: [DONE]\n\n";
    Made made(*this, kBody, true);
    CacheStep step(options_, resources());
    ASSERT_EQ(step.on_request(made.context).kind(), Kind::proceed);
    EXPECT_TRUE(made.context.records_usage);
    step.on_response_head(made.context, {.status = 200, .content_type = kEventStream});
    step.on_response_body(made.context, kWord.substr(0, 9));
    step.on_response_body(made.context, kWord.substr(9));
    step.on_hidden_body(made.context, kUsage);
    made.answer(step, kDone, kEventStream);
    EXPECT_EQ(made.record.cache, CacheOutcome::store);
    for (const std::string_view asks : {"true", "false"}) {
        const std::string body = R"({"model":"m","messages":[{"role":"user","content":"x"}],)"
                                 R"("stream":true,"stream_options":{"include_usage":)" +
                                 std::string(asks) + "}}";
        Made again(*this, body, true);
        CacheStep other(options_, resources());
        EXPECT_EQ(other.on_request(again.context).kind(), Kind::answer) << asks;
        other.on_end(again.context);
    }
}

}  // namespace

}  // namespace sluice::pipeline
