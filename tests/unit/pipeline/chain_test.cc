// Chains: the order of phases, what comes of each verdict, and that every step that began ends
// once.
#include "pipeline/chain.h"

#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/result.h"
#include "coro/scope.h"
#include "coro/signal.h"
#include "coro/task.h"
#include "http/header_map.h"
#include "http/message.h"
#include "http/types.h"
#include "pipeline/client_call.h"
#include "pipeline/condition.h"
#include "pipeline/exchange_record.h"
#include "pipeline/processor.h"
#include "pipeline/processor_options.h"
#include "pipeline/processor_table.h"
#include "pipeline/processors/headers.h"
#include "providers/provider_error.h"

namespace sluice::pipeline {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

enum class Act : uint8_t { proceed, wait, answer, refuse, fail, leave, edit };

// What a step of these tests does, and where it writes down that it was asked.
struct Script {
    std::vector<std::string>* seen = nullptr;
    std::string name = {};
    Act on_head = Act::proceed;
    Act on_request = Act::proceed;
    Act after_wait = Act::proceed;
    Needs needs = {};
    coro::Signal* signal = nullptr;
};

class Scripted final : public Processor {
public:
    explicit Scripted(const Script& script) : script_(script) { note("make"); }
    ~Scripted() override { note("destroy"); }

    Verdict on_head(ProcessorContext& context) override {
        note("head");
        return act(script_.on_head, context);
    }
    Verdict on_request(ProcessorContext& context) override {
        note("request");
        return act(script_.on_request, context);
    }
    coro::Task<Verdict> wait(ProcessorContext& context) override {
        note("wait");
        co_await script_.signal->wait();
        note("woken");
        co_return act(script_.after_wait, context);
    }
    coro::Task<Status> answer(ProcessorContext& /*context*/) override {
        note("answer");
        co_return Status();
    }
    void on_response_head(ProcessorContext& /*context*/, const ResponseView& /*view*/) override {
        note("response");
    }
    void on_response_body(ProcessorContext& /*context*/, std::string_view bytes) override {
        note("body " + std::string(bytes));
    }
    void on_end(ProcessorContext& /*context*/) override { note("end"); }

private:
    void note(std::string_view what) const {
        script_.seen->push_back(script_.name + " " + std::string(what));
    }
    static Verdict act(Act act, ProcessorContext& context) {
        switch (act) {
            case Act::proceed:
                break;
            case Act::wait:
                return Verdict::wait();
            case Act::answer:
                return Verdict::answer();
            case Act::refuse:
                return context.refuse(
                    ErrorKind::forbidden,
                    {.status = 403, .code = "no", .param = "user", .message = "Not you."});
            case Act::fail:
                return Verdict::failed({.kind = ErrorKind::unavailable, .where = "it is away"});
            case Act::leave:
                return Verdict::failed({.kind = ErrorKind::cancelled, .where = "the client left"});
            case Act::edit:
                context.body.take_text(R"({"messages":[{},{},{}]})");
                break;
        }
        return Verdict::proceed();
    }

    const Script& script_;
};

class ScriptedFactory final : public ProcessorFactory {
public:
    explicit ScriptedFactory(const Script& script) : script_(script) {}
    Needs needs() const override { return script_.needs; }
    Processor& make(Arena& arena) const override {
        return *new (arena.allocate(sizeof(Scripted), alignof(Scripted))) Scripted(script_);
    }

private:
    const Script& script_;
};

class ChainTest : public testing::Test {
protected:
    ChainTest() { head_.headers = http::HeaderMap(fields_); }

    // A step that does what `script` says, where `when` holds.
    const ChainStep* step(Script script,
                          std::string_view when = "",
                          OnFailure on_failure = OnFailure::fail) {
        script.seen = &seen_;
        script.signal = &signal_;
        scripts_.push_back(std::make_unique<Script>(std::move(script)));
        const Script& kept = *scripts_.back();
        options_.push_back(std::make_unique<ProcessorOptions>());
        options_.back()->name = kept.name;
        options_.back()->on_failure = on_failure;
        auto condition = Condition::parse(when);
        EXPECT_TRUE(condition) << when;
        steps_.push_back(std::make_unique<ChainStep>(options_.back().get(), *std::move(condition),
                                                     std::make_unique<ScriptedFactory>(kept)));
        return steps_.back().get();
    }
    const ChainStep* named(std::string name) {
        Script script;
        script.name = std::move(name);
        return step(std::move(script));
    }

    ChainRun& begin(const Chain& chain) {
        run_ = std::make_unique<ChainRun>(chain, arena_, record_);
        run_->context().head = &head_;
        run_->context().call = client_call(http::Method::post, "/v1/chat/completions");
        return *run_;
    }

    // Runs the request's phases as far as they come.
    void request() {
        is_done_ = false;
        scope_.spawn(go());
    }
    coro::Task<void> go() {
        const Result<bool> answers = co_await run_->run_request();
        error_ = answers ? Error{.kind = ErrorKind::none} : answers.error();
        answers_ = answers && *answers;
        is_done_ = true;
    }
    coro::Task<void> answer_it() { answered_ = (co_await run_->answer()).has_value(); }

    std::vector<std::string> take_seen() { return std::exchange(seen_, {}); }

    Arena arena_;
    ExchangeRecord record_;
    http::HeaderField fields_[4];
    http::RequestHead head_;
    std::vector<std::string> seen_;
    std::vector<std::unique_ptr<Script>> scripts_;
    std::vector<std::unique_ptr<ProcessorOptions>> options_;
    std::vector<std::unique_ptr<ChainStep>> steps_;
    coro::ReadyQueue queue_;
    coro::TaskScope scope_{queue_};
    coro::Signal signal_{queue_};
    std::unique_ptr<ChainRun> run_;
    Error error_{.kind = ErrorKind::none};
    bool answers_ = false;
    bool answered_ = false;
    bool is_done_ = false;
};

TEST_F(ChainTest, TakesEachStepThroughItsPhases) {
    const Chain chain({named("a"), named("b")});
    begin(chain);
    request();
    ASSERT_TRUE(is_done_);
    EXPECT_FALSE(answers_);
    EXPECT_EQ(error_.kind, ErrorKind::none);
    EXPECT_THAT(take_seen(),
                ElementsAre("a make", "a head", "a request", "b make", "b head", "b request"));
    run_->on_response_head({});
    run_->on_body("x");
    EXPECT_THAT(take_seen(), ElementsAre("a response", "b response", "a body x", "b body x"));
    run_->end();
    EXPECT_THAT(take_seen(), ElementsAre("b end", "b destroy", "a end", "a destroy"));
    run_->end();
    run_->on_response_head({});
    run_.reset();
    EXPECT_THAT(take_seen(), IsEmpty());
}

TEST_F(ChainTest, EndsStepsOfARunThatIsJustDropped) {
    const Chain chain({named("a"), named("b")});
    begin(chain);
    request();
    take_seen();
    run_.reset();
    EXPECT_THAT(take_seen(), ElementsAre("b end", "b destroy", "a end", "a destroy"));
}

TEST_F(ChainTest, ARefusalEndsTheRequestWithItsWords) {
    const Chain chain({named("a"),
                       step({.name = "b", .on_request = Act::refuse}, "", OnFailure::skip),
                       named("c")});
    begin(chain);
    request();
    EXPECT_EQ(error_.kind, ErrorKind::forbidden);
    EXPECT_EQ(error_.source, ErrorSource::client);
    ASSERT_NE(run_->told(), nullptr);
    EXPECT_EQ(run_->told()->status, 403);
    EXPECT_EQ(run_->told()->param, "user");
    EXPECT_EQ(run_->told()->message, "Not you.");
    take_seen();
    // It began, so it sees how the exchange ends.
    run_->on_response_head({});
    EXPECT_THAT(take_seen(), ElementsAre("a response", "b response"));
    run_.reset();
    EXPECT_THAT(take_seen(), ElementsAre("b end", "b destroy", "a end", "a destroy"));
}

TEST_F(ChainTest, AFailureFailsTheRequest) {
    const Chain chain({step({.name = "a", .on_request = Act::fail}), named("b")});
    begin(chain);
    request();
    EXPECT_EQ(error_.kind, ErrorKind::unavailable);
    ASSERT_NE(run_->told(), nullptr);
    EXPECT_EQ(run_->told()->status, 502);
    EXPECT_EQ(run_->told()->code, "processor_failed");
    EXPECT_EQ(run_->told()->message, "The processor 'a' of this route failed: it is away.");
    EXPECT_THAT(take_seen(), ElementsAre("a make", "a head", "a request"));
}

TEST_F(ChainTest, AFailureIsSkippedWhereThatIsWanted) {
    const Chain chain({step({.name = "a", .on_head = Act::fail}, "", OnFailure::skip),
                       step({.name = "b", .on_request = Act::fail}, "", OnFailure::skip),
                       named("c")});
    begin(chain);
    request();
    EXPECT_EQ(error_.kind, ErrorKind::none);
    EXPECT_EQ(run_->told(), nullptr);
    EXPECT_THAT(take_seen(),
                ElementsAre("a make", "a head", "a end", "a destroy", "b make", "b head",
                            "b request", "b end", "b destroy", "c make", "c head", "c request"));
    run_.reset();
    EXPECT_THAT(take_seen(), ElementsAre("c end", "c destroy"));
}

TEST_F(ChainTest, AClientThatLeftIsNoFailureOfAStep) {
    const Chain chain(
        {step({.name = "a", .on_request = Act::leave}, "", OnFailure::skip), named("b")});
    begin(chain);
    request();
    EXPECT_EQ(error_.kind, ErrorKind::cancelled);
    EXPECT_EQ(run_->told(), nullptr);
    EXPECT_THAT(take_seen(), ElementsAre("a make", "a head", "a request"));
}

TEST_F(ChainTest, AsksAConditionOnce) {
    const Chain chain(
        {step({.name = "few"}, "messages == 0"), step({.name = "edit", .on_request = Act::edit}),
         step({.name = "never"}, "messages == 0"), step({.name = "many"}, "messages == 3")});
    ChainRun& run = begin(chain);
    run.context().body.take_text("{}");
    request();
    EXPECT_THAT(take_seen(),
                ElementsAre("few make", "few head", "few request", "edit make", "edit head",
                            "edit request", "many make", "many head", "many request"));
    run.on_response_head({});
    EXPECT_THAT(take_seen(), ElementsAre("few response", "edit response", "many response"));
}

TEST_F(ChainTest, WaitsForAStep) {
    const Chain chain({step({.name = "a", .on_request = Act::wait}), named("b")});
    begin(chain);
    request();
    EXPECT_FALSE(is_done_);
    EXPECT_THAT(take_seen(), ElementsAre("a make", "a head", "a request", "a wait"));
    signal_.raise();
    queue_.run();
    EXPECT_TRUE(is_done_);
    EXPECT_THAT(take_seen(), ElementsAre("a woken", "b make", "b head", "b request"));
}

TEST_F(ChainTest, WhatAWaitComesToCounts) {
    const Chain chain(
        {step({.name = "a", .on_request = Act::wait, .after_wait = Act::refuse}), named("b")});
    begin(chain);
    request();
    signal_.raise();
    queue_.run();
    EXPECT_EQ(error_.kind, ErrorKind::forbidden);
    EXPECT_NE(run_->told(), nullptr);
}

TEST_F(ChainTest, AStepMayAnswer) {
    const Chain chain({named("a"), step({.name = "b", .on_request = Act::answer}), named("c")});
    begin(chain);
    request();
    EXPECT_TRUE(answers_);
    take_seen();
    scope_.spawn(answer_it());
    EXPECT_TRUE(answered_);
    EXPECT_THAT(take_seen(), ElementsAre("b answer"));
    run_.reset();
    EXPECT_THAT(take_seen(), ElementsAre("b end", "b destroy", "a end", "a destroy"));
}

TEST_F(ChainTest, KnowsWhichStepsMayRunBeforeTheBody) {
    const ChainStep* const a = named("a");
    const ChainStep* const b = step({.name = "b"}, "has_header(\"x\")");
    const ChainStep* const reader = step({.name = "reader", .needs = {.body = true}});
    const ChainStep* const picky = step({.name = "picky"}, "model == \"m\"");
    const Chain first({a, b, reader, picky});
    EXPECT_TRUE(first.needs().body);
    EXPECT_FALSE(first.needs().response_body);
    EXPECT_EQ(first.early_steps(first), 2U);
    EXPECT_EQ(first.early_steps(Chain({a, b})), 2U);
    EXPECT_EQ(first.early_steps(Chain({a, reader})), 1U);
    EXPECT_EQ(first.early_steps(Chain({b, a})), 0U);
    EXPECT_EQ(Chain({picky, a}).early_steps(Chain({picky, a})), 0U);
}

TEST_F(ChainTest, GoesOnWithTheChosenChain) {
    const ChainStep* const a = named("a");
    const ChainStep* const b = step({.name = "b"}, "has_header(\"x\")");
    const Chain first({a, b, named("c")});
    const Chain second({a, b, named("d"), named("e")});
    ChainRun& run = begin(first);
    ASSERT_TRUE(run.run_early(first.early_steps(second)));
    EXPECT_THAT(take_seen(), ElementsAre("a make", "a head"));
    // What was decided stays, even if it would be decided otherwise now.
    ASSERT_TRUE(head_.headers.add("x", "1"));
    run.choose(second);
    request();
    EXPECT_THAT(take_seen(), ElementsAre("a request", "d make", "d head", "d request", "e make",
                                         "e head", "e request"));
    run_.reset();
    EXPECT_THAT(take_seen(),
                ElementsAre("e end", "e destroy", "d end", "d destroy", "a end", "a destroy"));
}

TEST_F(ChainTest, RefusesEarly) {
    const Chain chain({step({.name = "a", .on_head = Act::refuse}), named("b")});
    ChainRun& run = begin(chain);
    EXPECT_FALSE(run.run_early(1));
    EXPECT_NE(run.told(), nullptr);
    run_.reset();
    EXPECT_THAT(take_seen(), ElementsAre("a make", "a head", "a end", "a destroy"));
}

TEST_F(ChainTest, CountsFactsAgainAfterEveryEdit) {
    const Chain chain({named("a")});
    ProcessorContext& context = begin(chain).context();
    for (int round = 0; round < 4; ++round) {
        // The same lengths again and again, so that a text may lie where an older one did.
        context.body.take_text(R"({"messages":[{},{}]})");
        EXPECT_EQ(context.facts().messages, 2U);
        context.body.take_text(R"({"messages":[{}   ]})");
        EXPECT_EQ(context.facts().messages, 1U);
        context.body.take_text(R"({"messages":[      ]})");
        EXPECT_EQ(context.facts().messages, 0U);
    }
}

TEST(ChainSet, MakesChainsOfConfiguredProcessors) {
    std::vector<ProcessorOptions> options(2);
    options[0].name = "one";
    options[0].type = "headers";
    options[0].config = HeadersOptions{};
    options[1].name = "two";
    options[1].type = "headers";
    options[1].config = HeadersOptions{};
    options[1].when = "stream";
    ChainSet set(options, {});
    const std::vector<std::string> both = {"two", "one"};
    const std::vector<std::string> none;
    const Chain* const chain = set.chain(both);
    ASSERT_NE(chain, nullptr);
    ASSERT_EQ(chain->steps().size(), 2U);
    EXPECT_EQ(chain->steps()[0]->options, &options[1]);
    EXPECT_TRUE(chain->needs().body);
    EXPECT_EQ(set.chain(none), nullptr);
    EXPECT_EQ(chain->early_steps(*set.chain(both)), 0U);
}

}  // namespace
}  // namespace sluice::pipeline
