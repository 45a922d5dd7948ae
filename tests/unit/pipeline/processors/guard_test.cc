// Guards: what of a request they look at, how they change it, and what they let through of an
// answer, in one piece and in many.
#include "pipeline/processors/guard.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/arena.h"
#include "http/types.h"
#include "json/tree.h"
#include "pipeline/client_call.h"
#include "pipeline/exchange_record.h"
#include "pipeline/guard_options.h"
#include "pipeline/json_text.h"
#include "pipeline/processor.h"
#include "pipeline/processor_options.h"
#include "pipeline/processor_table.h"
#include "pipeline/processors/guard_webhook.h"
#include "providers/canonical.h"
#include "providers/provider_error.h"
#include "providers/reply.h"
#include "providers/reply_filter.h"

namespace sluice::pipeline {
namespace {

using testing::HasSubstr;

// What came through a filter, in a form that is easy to compare.
class Heard final : public providers::ReplySink {
public:
    std::string text;
    std::string events;
    std::string error;

    void on_start(const providers::ReplyStart& start) override {
        events += "start(" + std::string(start.id.raw) + ") ";
    }
    void on_text(uint32_t /*choice*/, json::Text piece) override { text += piece.raw; }
    void on_reasoning(uint32_t /*choice*/, json::Text piece) override {
        text += "{" + std::string(piece.raw) + "}";
    }
    void on_thinking_block(uint32_t /*choice*/,
                           const providers::ThinkingBlock& /*block*/) override {
        events += "thinking ";
    }
    void on_refusal(uint32_t /*choice*/, json::Text piece) override { text += piece.raw; }
    void on_tool_call(uint32_t /*choice*/,
                      uint32_t /*call*/,
                      const providers::ToolCallStart& /*start*/) override {
        text += "|";
    }
    void on_arguments(uint32_t /*choice*/, uint32_t /*call*/, json::Text piece) override {
        text += piece.raw;
    }
    void on_logprobs(uint32_t /*choice*/, std::string_view /*json*/) override {
        events += "logprobs ";
    }
    void on_finish(uint32_t /*choice*/, providers::FinishReason /*reason*/) override {
        events += "finish ";
    }
    void on_usage(const providers::Usage& /*usage*/) override { events += "usage "; }
    void on_end() override { events += "end"; }
    void on_error(const providers::ProviderError& failure) override { error = failure.code; }
};

// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): as fixtures are.
class GuardTest : public testing::Test {
protected:
    GuardTest() : context_(arena_, record_) {
        context_.call = client_call(http::Method::post, "/v1/chat/completions");
    }
    ~GuardTest() override {
        if (step_ != nullptr) {
            step_->~Processor();
        }
    }

    Processor& guard(const GuardOptions& options) {
        if (step_ != nullptr) {
            step_->~Processor();
        }
        options_ = {.name = "guard", .type = "guard", .config = options};
        factory_ = find_processor_type("guard")->compile(options_, {});
        step_ = &factory_->make(arena_);
        return *step_;
    }

    // The body after the guard; its verdict is in verdict_.
    std::string_view body_after(const GuardOptions& options, std::string_view body) {
        context_.body = RequestBody(arena_);
        context_.body.take_text(body);
        const Verdict verdict = guard(options).on_request(context_);
        kind_ = verdict.kind();
        told_ = verdict.told();
        return context_.body.text();
    }

    // A streamed text in these pieces, which are escaped as in JSON.
    Heard heard(const GuardOptions& options, const std::vector<std::string>& pieces) {
        Heard to;
        providers::ReplyFilter& filter = *guard(options).reply_filter(context_);
        filter.lead_to(to);
        filter.on_start({.id = {"id"}});
        for (const std::string& piece : pieces) {
            filter.on_text(0, {piece});
        }
        filter.on_finish(0, providers::FinishReason::stop);
        filter.on_usage({});
        filter.on_end();
        return to;
    }

    Arena arena_;
    ExchangeRecord record_;
    ProcessorContext context_;
    ProcessorOptions options_;
    std::unique_ptr<ProcessorFactory> factory_;
    Processor* step_ = nullptr;
    Verdict::Kind kind_ = Verdict::Kind::proceed;
    const providers::ProviderError* told_ = nullptr;
};

GuardOptions redacting() {
    return {.words = {"zebra"}, .presets = {"email"}, .action = GuardAction::redact};
}

GuardOptions for_answers(GuardOptions options) {
    options.direction = GuardDirection::response;
    return options;
}

TEST_F(GuardTest, RedactsByRanges) {
    const std::string_view body =
        R"({ "model":"m", "zebra" : "zebra", "messages" : [ {"role":"system",)"
        R"("content":"a \u005aebra\n"},)"
        R"( {"role":"user","content":[{"type":"text",)"
        R"("text":"\ud83d\ude00 a@b.co \"zebra\""} ]}] })";
    EXPECT_EQ(body_after(redacting(), body),
              R"({ "model":"m", "zebra" : "zebra", "messages" : [ {"role":"system","content":"a [)"
              R"(redacted]\n"},)"
              R"( {"role":"user","content":[{"type":"text","text":"\ud83d\ude00 [redacted] \"[)"
              R"(redacted]\""} ]}] })");
    EXPECT_EQ(record_.guard.redacted, 3U);
    EXPECT_EQ(record_.guard.rule, "words");
}

TEST_F(GuardTest, LeavesOthersAlone) {
    const std::string_view body = R"({"messages":[{"role":"user","content":"nothing here"}]})";
    EXPECT_EQ(body_after(redacting(), body), body);
    EXPECT_FALSE(context_.body.has_changed());
    EXPECT_FALSE(record_.guard.has_matched());
}

TEST_F(GuardTest, LooksAtEveryDialect) {
    struct Case {
        std::string_view path;
        std::string_view body;
    };
    for (const auto& [path, body] : std::vector<Case>{
             {"/v1/messages", R"({"system":"zebra","messages":[]})"},
             {"/v1/messages", R"({"system":[{"type":"text","text":"zebra"}],"messages":[]})"},
             {"/v1/messages",
              R"({"messages":[{"role":"user","content":[{"type":"tool_result","content":[{)"
              R"("type":"text","text":"zebra"}]}]}]})"},
             {"/v1/completions", R"({"prompt":"zebra"})"},
             {"/v1/completions", R"({"prompt":["a","zebra"]})"},
             {"/v1/responses", R"({"input":"zebra"})"},
             {"/v1/responses", R"({"instructions":"zebra","input":[]})"},
             {"/v1/responses",
              R"({"input":[{"role":"user","content":[{"type":"input_text","text":"zebra"}]}]})"},
             {"/v1/responses", R"({"input":[{"type":"function_call_output","output":"zebra"}]})"},
             {"/v1/embeddings", R"({"input":["zebra"]})"},
             {"/v1/moderations", R"({"anything":{"at":["all","zebra"]}})"},
         }) {
        context_.call = client_call(http::Method::post, path);
        body_after({.words = {"zebra"}}, body);
        EXPECT_EQ(kind_, Verdict::Kind::refuse) << path << " " << body;
    }
}

TEST_F(GuardTest, LooksAtToolsAndReasoningWhenTold) {
    const std::string_view body =
        R"({"messages":[{"role":"assistant","reasoning_content":"zebra","tool_calls":[{)"
        R"("function":{"arguments":"{\"a\":\"zebra\"}"}}]}]})";
    body_after({.words = {"zebra"}}, body);
    EXPECT_EQ(kind_, Verdict::Kind::proceed);
    body_after({.words = {"zebra"}, .include_tools = true}, body);
    EXPECT_EQ(kind_, Verdict::Kind::refuse);
    body_after({.words = {"zebra"}, .include_reasoning = true}, body);
    EXPECT_EQ(kind_, Verdict::Kind::refuse);
}

TEST_F(GuardTest, BlocksWithTheRuleAndNeverTheText) {
    body_after({.patterns = {"secret-[a-z]+"}},
               R"({"messages":[{"role":"user","content":"secret-word"}]})");
    ASSERT_EQ(kind_, Verdict::Kind::refuse);
    EXPECT_EQ(told_->status, 400);
    EXPECT_EQ(told_->code, "content_blocked");
    EXPECT_THAT(std::string(told_->message), HasSubstr("'pattern-1'"));
    EXPECT_THAT(std::string(told_->message), testing::Not(HasSubstr("secret")));
}

TEST_F(GuardTest, FlagsInAHeader) {
    const std::string_view body = R"({"messages":[{"role":"user","content":"zebra zebra"}]})";
    EXPECT_EQ(body_after({.words = {"zebra"}, .action = GuardAction::flag}, body), body);
    EXPECT_EQ(kind_, Verdict::Kind::proceed);
    EXPECT_EQ(record_.guard.flagged, 2U);
    EXPECT_FALSE(context_.response_fields.empty());
}

TEST_F(GuardTest, RefusesBodiesThatMayBeReadInTwoWays) {
    for (const std::string_view body :
         {R"({"messages":[],"messages":[{"role":"user","content":"zebra"}]})",
          R"({"m\u0065ssages":[{"role":"user","content":"zebra"}]})",
          R"({"messages":[{"role":"user","content":"a","content":"zebra"}]})"}) {
        body_after(redacting(), body);
        EXPECT_EQ(kind_, Verdict::Kind::refuse) << body;
    }
    body_after(redacting(), R"({"messages":[],"tools":[{"\u00e4":1}]})");
    EXPECT_EQ(kind_, Verdict::Kind::proceed);
}

TEST_F(GuardTest, DoesNotLookAtMoreThanItMay) {
    body_after({.words = {"zebra"}, .text_bytes_max = 8},
               R"({"messages":[{"role":"user","content":"nine bytes"}]})");
    EXPECT_EQ(kind_, Verdict::Kind::failed);
}

TEST_F(GuardTest, RedactsStreamsAtEverySplit) {
    const std::string text = "to a.b@example.org: a zebra, zebras";
    for (size_t i = 1; i < text.size(); ++i) {
        const Heard to = heard(for_answers(redacting()), {text.substr(0, i), text.substr(i)});
        EXPECT_EQ(to.text, "to [redacted]: a [redacted], zebras") << i;
        EXPECT_EQ(to.events, "start(id) finish usage end");
    }
}

TEST_F(GuardTest, PutsCutCharactersTogether) {
    const Heard to = heard(for_answers(redacting()), {"\\ud83d", "\\ude00 zebra\\n", "\\ud83d"});
    EXPECT_EQ(to.text, "\xF0\x9F\x98\x80 [redacted]\\n");
}

TEST_F(GuardTest, BlocksBeforeAnythingWasSaidAndInTheMiddle) {
    const GuardOptions options = for_answers({.words = {"zebra"}});
    const Heard at_once = heard(options, {"zeb", "ra", " and more"});
    EXPECT_EQ(at_once.text + at_once.events + at_once.error, "");
    const Heard later = heard(options, {"a ", "zeb", "ra", " and more"});
    EXPECT_EQ(later.text, "a ");
    EXPECT_EQ(later.error, "content_blocked");
    EXPECT_EQ(later.events, "start(id) ") << "there must be no finish";
    const Heard last = heard(options, {"a zebra"});
    EXPECT_EQ(last.text, "a ");
    EXPECT_EQ(last.error, "content_blocked");
}

TEST_F(GuardTest, FlagsStreamsWithoutHoldingThem) {
    GuardOptions options = for_answers({.words = {"zebra"}});
    options.action = GuardAction::flag;
    Heard to;
    providers::ReplyFilter& filter = *guard(options).reply_filter(context_);
    filter.lead_to(to);
    filter.on_start({});
    filter.on_text(0, {"a zeb"});
    EXPECT_EQ(to.text, "a zeb");
    filter.on_text(0, {"ra"});
    filter.on_logprobs(0, "[]");
    filter.on_finish(0, providers::FinishReason::stop);
    EXPECT_EQ(to.text, "a zebra");
    EXPECT_EQ(to.events, "start() logprobs finish ");
    EXPECT_EQ(record_.guard.flagged, 1U);
}

TEST_F(GuardTest, KeepsTheOrderOfBlocks) {
    GuardOptions options = for_answers(redacting());
    options.include_tools = options.include_reasoning = true;
    Heard to;
    providers::ReplyFilter& filter = *guard(options).reply_filter(context_);
    filter.lead_to(to);
    filter.on_start({});
    filter.on_reasoning(0, {"think ze"});
    filter.on_reasoning(0, {"bra"});
    filter.on_text(0, {"say zeb"});
    filter.on_tool_call(0, 0, {});
    filter.on_arguments(0, 0, {R"({\"a\":\"ze)"});
    filter.on_arguments(0, 0, {R"(bra\"})"});
    filter.on_logprobs(0, "[]");
    filter.on_thinking_block(0, {.thinking = {"a zebra"}, .signature = {"s"}});
    filter.on_thinking_block(0, {.thinking = {"nothing"}, .signature = {"s"}});
    filter.on_finish(0, providers::FinishReason::tool_calls);
    EXPECT_EQ(to.text, R"({think }{[redacted]}say zeb|{\"a\":\"[redacted]\"})");
    EXPECT_EQ(to.events, "start() thinking finish ");
}

TEST_F(GuardTest, LetsAFailureOfTheUpstreamThrough) {
    Heard to;
    providers::ReplyFilter& filter = *guard(for_answers(redacting())).reply_filter(context_);
    filter.lead_to(to);
    filter.on_start({});
    filter.on_error({.code = "overloaded"});
    EXPECT_EQ(to.error + to.events, "") << "it can still get a status of its own";
    filter.on_text(0, {"a zeb"});
    filter.on_error({.code = "overloaded"});
    EXPECT_EQ(to.text, "a zeb");
    EXPECT_EQ(to.error, "overloaded");
}

TEST(GuardWebhook, ReadsAnswers) {
    Arena arena;
    const auto allow = read_webhook_answer(R"({"action":"allow"})", 2, arena);
    ASSERT_TRUE(allow);
    EXPECT_EQ(allow->action, WebhookAnswer::Action::allow);
    const auto block =
        read_webhook_answer(R"({"action":"block","reason":"\u0041 reason"})", 2, arena);
    ASSERT_TRUE(block);
    EXPECT_EQ(block->reason, "A reason");
    const auto redact = read_webhook_answer(R"({"action":"redact","texts":["a","b"]})", 2, arena);
    ASSERT_TRUE(redact);
    EXPECT_THAT(std::vector<std::string_view>(redact->texts.begin(), redact->texts.end()),
                testing::ElementsAre("a", "b"));
    for (const std::string_view wrong :
         {"", "[]", R"({"action":"maybe"})", R"({"action":"redact"})",
          R"({"action":"redact","texts":["a"]})", R"({"action":"redact","texts":["a",1]})"}) {
        EXPECT_FALSE(read_webhook_answer(wrong, 2, arena)) << wrong;
    }
}

TEST(JsonText, MapsPlacesBack) {
    Arena arena;
    const std::string_view raw = R"(a\n\u00e4\ud83d\ude00b\ud83dc)";
    EXPECT_EQ(plain_text(raw, arena),
              "a\n\u00e4\xF0\x9F\x98\x80"
              "b\xEF\xBF\xBD"
              "c");
    RawOffsets offsets(raw);
    EXPECT_EQ(offsets.at(1), 1U);
    EXPECT_EQ(offsets.at(2), 3U);
    EXPECT_EQ(offsets.at(4), 9U);
    EXPECT_EQ(offsets.at(8), 21U);
    EXPECT_EQ(offsets.at(12), 28U);
}

}  // namespace
}  // namespace sluice::pipeline
