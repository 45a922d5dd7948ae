// Limits of keys, tenants and the step's own: who is refused by which, what the client is told, and
// what is there again afterwards.
#include "pipeline/processors/rate_limit.h"

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "access/scope_set.h"
#include "base/arena.h"
#include "base/error.h"
#include "pipeline/limit_words.h"
#include "pipeline/processor.h"
#include "pipeline/processor_options.h"
#include "pipeline/processor_table.h"
#include "unit/pipeline/processors/keys_fixture.h"

namespace sluice::pipeline {
namespace {

using testing::HasSubstr;

class RateLimitTest : public KeysTest {
protected:
    // The configured step; its own limits are kept where the control thread would keep them.
    void configure(const RateLimitOptions& options, access::ScopeKind kind) {
        processor_ = {.name = "limits", .type = "rate_limit", .config = options};
        if (options.has_own_limits()) {
            auto set = std::make_shared<access::ScopeSet>(kind, options.scopes_max, kMoment);
            set->configure(options.limits, kMoment);
            scopes_["limits"] = std::move(set);
        }
        factory_ = find_processor_type("rate_limit")->compile(processor_, {.scopes = &scopes_});
    }
    void configure() { configure({}, access::ScopeKind::gateway); }

    Verdict begin(Asking& asking) {
        step_ = &factory_->make(asking.arena);
        return step_->on_request(asking.context);
    }
    void end(Asking& asking) {
        asking.context.now = now_;
        step_->on_end(asking.context);
        step_->~Processor();
    }
    // A whole exchange; its refusal's message, or "".
    std::string run(Asking& asking) {
        const Verdict verdict = begin(asking);
        std::string message;
        if (verdict.kind() == Verdict::Kind::refuse) {
            message = verdict.told()->message;
            asking.record.error = verdict.error();
        } else {
            asking.record.status = 200;
        }
        end(asking);
        return message;
    }

    ProcessorOptions processor_;
    ScopeSets scopes_;
    std::unique_ptr<ProcessorFactory> factory_;
    Processor* step_ = nullptr;
};

constexpr std::string_view kBody =
    R"({"model":"m","max_tokens":100,"messages":[{"role":"user","content":"Hello"}]})";

TEST_F(RateLimitTest, NamesTheLimitOfTheKey) {
    access::KeyRecord record = key("ci", "sk-0123456789-0123456789");
    record.limits = {.requests_per_minute = 60, .requests_burst = 2};
    load({record});
    configure();
    EXPECT_EQ(run(ask_as("ci")), "");
    EXPECT_EQ(run(ask_as("ci")), "");
    Asking& asking = ask_as("ci");
    const Verdict verdict = begin(asking);
    ASSERT_EQ(verdict.kind(), Verdict::Kind::refuse);
    EXPECT_EQ(verdict.error().kind, ErrorKind::rate_limited);
    EXPECT_EQ(verdict.told()->status, 429);
    EXPECT_EQ(verdict.told()->code, "rate_limit_exceeded");
    EXPECT_EQ(verdict.told()->message,
              "Rate limit reached for key 'ci' on requests_per_minute: Limit 60, Remaining 0, "
              "Requested 1. Please try again in 1s.");
    EXPECT_EQ(asking.record.limit, "requests_per_minute");
    EXPECT_EQ(asking.record.limit_scope, "key");
    end(asking);
    // What it says is true: a moment earlier is too early.
    pass(verdict.told()->retry_after - Duration::milliseconds(2));
    EXPECT_NE(run(ask_as("ci")), "");
    pass(Duration::milliseconds(2));
    EXPECT_EQ(run(ask_as("ci")), "");
}

TEST_F(RateLimitTest, TenantsShareAcrossKeys) {
    access::KeyRecord a = key("a", "sk-aaaaaaaaaaaaaaaaaaaaa");
    access::KeyRecord b = key("b", "sk-bbbbbbbbbbbbbbbbbbbbb");
    a.tenant = b.tenant = "team";
    load({a, b}, {{.name = "team", .limits = {.requests_per_day = 2}}});
    configure();
    EXPECT_EQ(run(ask_as("a")), "");
    EXPECT_EQ(run(ask_as("b")), "");
    EXPECT_THAT(run(ask_as("a")), HasSubstr("tenant 'team' on requests_per_day"));
}

TEST_F(RateLimitTest, CountsForWhatItIsToldTo) {
    configure({.limits = {.requests_per_hour = 1}, .per = LimitPer::model},
              access::ScopeKind::model);
    Asking& other = ask();
    other.record.model = "other";
    EXPECT_EQ(run(ask()), "");
    EXPECT_THAT(run(ask()), HasSubstr("model 'm' on requests_per_hour: Limit 1"));
    EXPECT_EQ(run(other), "");
}

TEST_F(RateLimitTest, ARefusalUsesNothingOfAnyScope) {
    access::KeyRecord record = key("ci", "sk-0123456789-0123456789");
    record.limits = {.requests_per_minute = 10};
    load({record});
    configure({.limits = {.requests_per_hour = 1}, .per = LimitPer::all},
              access::ScopeKind::gateway);
    EXPECT_EQ(run(ask_as("ci")), "");
    for (int i = 0; i < 20; ++i) {
        EXPECT_NE(run(ask_as("ci")), "");
    }
    const auto& rate =
        ask_as("ci").context.key->limits->rate(access::LimitName::requests_per_minute);
    EXPECT_EQ(rate.peek(now_, 0).remaining, 9);
}

TEST_F(RateLimitTest, WhatAnotherStepRefusesHasUsedNothing) {
    access::KeyRecord record = key("ci", "sk-0123456789-0123456789");
    record.limits = {.requests_per_day = 1};
    load({record});
    configure();
    Asking& asking = ask_as("ci");
    EXPECT_EQ(begin(asking).kind(), Verdict::Kind::proceed);
    asking.record.error = {.kind = ErrorKind::invalid_field, .source = ErrorSource::client};
    asking.record.is_refused_by_step = true;
    end(asking);
    EXPECT_EQ(run(ask_as("ci")), "");
    EXPECT_NE(run(ask_as("ci")), "");
}

TEST_F(RateLimitTest, TakesTokensByEstimateAndCorrectsThem) {
    access::KeyRecord record = key("ci", "sk-0123456789-0123456789");
    record.limits = {.tokens_per_day = 1000};
    load({record});
    configure();
    const auto left = [this] {
        return ask_as("ci")
            .context.key->limits->rate(access::LimitName::tokens_per_day)
            .peek(now_, 0)
            .remaining;
    };
    Asking& answered = ask_as("ci");
    answered.context.body.take_text(kBody);
    EXPECT_EQ(begin(answered).kind(), Verdict::Kind::proceed);
    const int64_t estimate = 1000 - left();
    EXPECT_GT(estimate, 100);
    EXPECT_LT(estimate, 120);
    EXPECT_EQ(told(answered.context, "x-ratelimit-limit-tokens"), "1000");
    EXPECT_EQ(told(answered.context, "x-ratelimit-remaining-tokens"),
              std::to_string(1000 - estimate));
    answered.record.status = 200;
    answered.record.usage = {.prompt_tokens = 9, .completion_tokens = 31, .is_known = true};
    end(answered);
    EXPECT_EQ(left(), 960);

    Asking& failed = ask_as("ci");
    failed.context.body.take_text(kBody);
    EXPECT_EQ(begin(failed).kind(), Verdict::Kind::proceed);
    failed.record.error = {.kind = ErrorKind::reset, .source = ErrorSource::upstream};
    end(failed);
    EXPECT_EQ(left(), 960) << "a failure has used nothing";

    Asking& large = ask_as("ci");
    large.context.body.take_text(R"({"model":"m","max_tokens":5000,"messages":[]})");
    const Verdict verdict = begin(large);
    ASSERT_EQ(verdict.kind(), Verdict::Kind::refuse);
    EXPECT_THAT(std::string(verdict.told()->message), HasSubstr("Request too large for key 'ci'"));
    EXPECT_LT(verdict.told()->retry_after.ns(), 0);
    end(large);
}

TEST_F(RateLimitTest, GivesRoomBackOnceAndAlways) {
    configure({.limits = {.concurrency_max = 1}, .per = LimitPer::upstream},
              access::ScopeKind::provider);
    Asking& first = ask();
    EXPECT_EQ(begin(first).kind(), Verdict::Kind::proceed);
    Processor* const held = step_;
    EXPECT_THAT(run(ask()), HasSubstr("provider 'up' on concurrency: Limit 1"));
    step_ = held;
    end(first);
    Asking& second = ask();
    EXPECT_EQ(begin(second).kind(), Verdict::Kind::proceed);
    step_->~Processor();  // Without an end.
    EXPECT_EQ(run(ask()), "");
}

TEST_F(RateLimitTest, OnlyTheFirstOfTwoStepsCountsForTheKey) {
    access::KeyRecord record = key("ci", "sk-0123456789-0123456789");
    record.limits = {.requests_per_day = 10};
    load({record});
    configure();
    Asking& asking = ask_as("ci");
    EXPECT_EQ(run(asking), "");
    EXPECT_EQ(run(asking), "");
    EXPECT_EQ(asking.context.key->limits->rate(access::LimitName::requests_per_day)
                  .peek(now_, 0)
                  .remaining,
              9);
}

TEST_F(RateLimitTest, WaitsOnlyWhereItCanHelpInTime) {
    const auto kind = [this](uint32_t wait_max_ms) {
        configure({.limits = {.requests_per_minute = 60, .requests_burst = 1},
                   .per = LimitPer::all,
                   .on_limit = OnLimit::wait,
                   .wait_max_ms = wait_max_ms},
                  access::ScopeKind::gateway);
        EXPECT_EQ(run(ask()), "");
        Asking& asking = ask();
        const Verdict::Kind found = begin(asking).kind();
        end(asking);
        return found;
    };
    EXPECT_EQ(kind(1'500), Verdict::Kind::wait);
    EXPECT_EQ(kind(500), Verdict::Kind::refuse);
}

TEST(ResetText, IsWrittenAsTheVendorDoes) {
    Arena arena;
    const auto text = [&](int64_t ms) { return reset_text(Duration::milliseconds(ms), arena); };
    EXPECT_EQ(text(0), "0ms");
    EXPECT_EQ(text(17), "17ms");
    EXPECT_EQ(text(1'000), "1s");
    EXPECT_EQ(text(8'640), "8.64s");
    EXPECT_EQ(text(360'000), "6m0s");
    EXPECT_EQ(text(86'399'500), "23h59m59.5s");
    EXPECT_EQ(reset_text(Duration::nanoseconds(1), arena), "1ms");
}

}  // namespace
}  // namespace sluice::pipeline
