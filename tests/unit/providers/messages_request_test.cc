// Requests toward Anthropic, and from its clients: rules that the recorded exchanges do not show.
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/result.h"
#include "crypto/digest.h"
#include "json/tree.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/dialect.h"
#include "providers/translation.h"
#include "providers/vendor.h"

namespace sluice::providers::test {
namespace {

using json::Value;

struct Sent {
    std::string body;  // Empty when the request was refused.
    std::string refused_param;
    std::vector<std::string> dropped;

    bool has_dropped(std::string_view name) const {
        return std::ranges::find(dropped, name) != dropped.end();
    }
};

// A request of a client's dialect, as Anthropic gets it.
Sent send(std::string_view text, Dialect client = Dialect::chat) {
    Arena arena;
    Translation translation(arena);
    Sent sent;
    const auto body = Value::parse(text, arena, ErrorSource::client);
    EXPECT_TRUE(body.has_value()) << text;
    const std::string model((**body)["model"].text().raw);
    const Target target = {.vendor = find_vendor("anthropic"), .model = model};
    const auto request = client_dialect(client)->decode_request(**body, translation);
    if (request) {
        json::StringText output(sent.body);
        const Status done = upstream_dialect(Dialect::messages)
                                ->encode_request(**request, target, translation, output);
        output.finish();
        if (!done) {
            sent.body.clear();
        }
    }
    sent.refused_param = translation.refused_param();
    for (const std::string_view name : translation.dropped()) {
        sent.dropped.emplace_back(name);
    }
    return sent;
}

// A chat request with these members besides the model and one user message.
std::string ask(std::string_view model, std::string_view members) {
    return R"({"model":")" + std::string(model) +
           R"(","messages":[{"role":"user","content":"Hi"}])" + std::string(members) + "}";
}

bool holds(const Sent& sent, std::string_view piece) {
    return sent.body.contains(piece);
}

TEST(MessagesRequest, EffortBecomesABudgetThatFitsIntoTheLimit) {
    const Sent sent =
        send(ask("claude-sonnet-4-5", R"(,"max_tokens":1000,"reasoning_effort":"medium")"));
    EXPECT_TRUE(holds(sent, R"("thinking":{"type":"enabled","budget_tokens":8192})")) << sent.body;
    EXPECT_TRUE(holds(sent, R"("max_tokens":9192)")) << sent.body;
    const Sent most =
        send(ask("claude-opus-4-1", R"(,"max_tokens":2000,"reasoning_effort":"max")"));
    EXPECT_TRUE(holds(most, R"("budget_tokens":30000)")) << most.body;
    EXPECT_TRUE(holds(most, R"("max_tokens":32000)")) << most.body;
}

TEST(MessagesRequest, EffortOfAdaptiveModels) {
    const Sent high = send(ask("claude-opus-4-7", R"(,"reasoning_effort":"xhigh")"));
    EXPECT_TRUE(holds(high, R"("thinking":{"type":"adaptive"})")) << high.body;
    EXPECT_TRUE(holds(high, R"("output_config":{"effort":"xhigh"})")) << high.body;
    const Sent next = send(ask("claude-opus-4-6", R"(,"reasoning_effort":"xhigh")"));
    EXPECT_TRUE(holds(next, R"("effort":"max")")) << next.body;
    const Sent off = send(ask("claude-opus-4-7", R"(,"reasoning_effort":"none")"));
    EXPECT_TRUE(holds(off, R"("thinking":{"type":"disabled"})")) << off.body;
    const Sent always = send(ask("claude-fable-5", R"(,"reasoning_effort":"none")"));
    EXPECT_FALSE(holds(always, "thinking")) << always.body;
    EXPECT_TRUE(always.has_dropped("reasoning_effort"));
}

TEST(MessagesRequest, ThinkingGoesVerbatimAndWins) {
    const Sent sent =
        send(ask("claude-sonnet-4-5",
                 R"(,"max_tokens":1024,"reasoning_effort":"low","thinking":{"budget_tokens": 2000,)"
                 R"("type":"enabled"})"));
    EXPECT_TRUE(holds(sent, R"("thinking":{"budget_tokens": 2000,"type":"enabled"})")) << sent.body;
    EXPECT_TRUE(holds(sent, R"("max_tokens":3024)")) << sent.body;
}

TEST(MessagesRequest, ModelsThatRefuseSampling) {
    const Sent sent = send(ask("claude-opus-5", R"(,"temperature":0.5,"top_p":0.9,"top_k":5)"));
    EXPECT_FALSE(holds(sent, "temperature") || holds(sent, "top_")) << sent.body;
    EXPECT_EQ(sent.dropped, (std::vector<std::string>{"temperature", "top_k", "top_p"}));
}

TEST(MessagesRequest, ThinkingForbidsAForcedChoiceOnModelsWithABudget) {
    constexpr std::string_view kTools = R"(,"reasoning_effort":"low","tool_choice":"required",)"
                                        R"("tools":[{"type":"function","function":{"name":"f"}}])";
    const Sent budget = send(ask("claude-haiku-4-5", kTools));
    EXPECT_TRUE(holds(budget, R"("tool_choice":{"type":"auto"})")) << budget.body;
    EXPECT_TRUE(budget.has_dropped("tool_choice"));
    const Sent adaptive = send(ask("claude-opus-4-8", kTools));
    EXPECT_TRUE(holds(adaptive, R"("tool_choice":{"type":"any"})")) << adaptive.body;
}

TEST(MessagesRequest, AllowedToolsAreTheOnlyOnes) {
    const Sent sent =
        send(ask("claude-haiku-4-5",
                 R"(,"tools":[{"type":"function","function":{"name":"f"}},{"type":"function",)"
                 R"("function":{"name":"g"}}],)"
                 R"("tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"required",)"
                 R"("tools":[{"type":"function","function":{"name":"g"}}]}})"));
    EXPECT_FALSE(holds(sent, R"("name":"f")")) << sent.body;
    EXPECT_TRUE(holds(sent, R"("tool_choice":{"type":"any"})")) << sent.body;
}

TEST(MessagesRequest, SchemasSayThatTheirRootIsAnObject) {
    const Sent sent = send(ask(
        "claude-haiku-4-5",
        R"(,"tools":[{"type":"function","function":{"name":"f","parameters":{}}},)"
        R"({"type":"function","function":{"name":"g","parameters":{ "properties":{"a":{}}}}}])"));
    EXPECT_TRUE(holds(sent, R"("name":"f","input_schema":{"type":"object","properties":{}})"))
        << sent.body;
    EXPECT_TRUE(
        holds(sent, R"("name":"g","input_schema":{"type":"object", "properties":{"a":{}}})"))
        << sent.body;
}

TEST(MessagesRequest, JsonWithoutAModeForIt) {
    const Sent object =
        send(ask("claude-sonnet-4-5", R"(,"response_format":{"type":"json_object"})"));
    EXPECT_TRUE(holds(object, R"("system":"Answer with a single JSON object)")) << object.body;
    constexpr std::string_view kSchema =
        R"(,"response_format":{"type":"json_schema","json_schema":{"name":"n",)"
        R"("schema":{"type":"object"}}})";
    const Sent tool = send(ask("claude-3-haiku-20240307", kSchema));
    EXPECT_TRUE(holds(tool, R"("name":"sluice_json_response")")) << tool.body;
    EXPECT_TRUE(holds(tool, R"("tool_choice":{"type":"tool","name":"sluice_json_response",)"
                            R"("disable_parallel_tool_use":true})"))
        << tool.body;
    const Sent thinking = send(
        ask("claude-3-7-sonnet-20250219", std::string(kSchema) + R"(,"reasoning_effort":"low")"));
    EXPECT_TRUE(holds(thinking, R"(JSON schema, and nothing else)")) << thinking.body;
    EXPECT_TRUE(holds(thinking, R"({\"type\":\"object\"})")) << thinking.body;
    EXPECT_TRUE(thinking.has_dropped("response_format"));
}

TEST(MessagesRequest, SchemasOfOtherValuesAreWrapped) {
    const Sent sent =
        send(ask("claude-3-haiku-20240307",
                 R"(,"response_format":{"type":"json_schema","json_schema":{"name":"n",)"
                 R"("schema":{"type":"array","items":{"$ref":"#/$defs/a"},"$defs":{"a":{}}}}})"));
    EXPECT_TRUE(holds(sent, R"("name":"sluice_json_response_value")")) << sent.body;
    EXPECT_TRUE(holds(sent, R"("required":["value"],"$defs":{"a":{}}})")) << sent.body;
}

TEST(MessagesRequest, WhatCannotBeLeftOutIsRefused) {
    EXPECT_EQ(send(ask("claude-haiku-4-5", R"(,"n":2)")).refused_param, "n");
    EXPECT_EQ(send(ask("claude-haiku-4-5", R"(,"logprobs":true)")).refused_param, "logprobs");
    EXPECT_EQ(send(ask("claude-haiku-4-5", R"(,"modalities":["text","audio"])")).refused_param,
              "modalities");
    EXPECT_EQ(send(ask("claude-haiku-4-5", R"(,"n":1,"logprobs":false)")).refused_param, "");
}

TEST(MessagesRequest, ServiceTiers) {
    EXPECT_TRUE(holds(send(ask("claude-haiku-4-5", R"(,"service_tier":"default")")),
                      R"("service_tier":"standard_only")"));
    EXPECT_TRUE(
        send(ask("claude-haiku-4-5", R"(,"service_tier":"flex")")).has_dropped("service_tier"));
}

std::string converse(std::string_view messages) {
    return R"({"model":"claude-haiku-4-5","messages":)" + std::string(messages) + "}";
}

TEST(MessagesHistory, BeginsWithTheUser) {
    const Sent sent = send(
        converse(R"([{"role":"assistant","content":"Hello"},{"role":"user","content":"Hi"}])"));
    EXPECT_TRUE(
        holds(sent, R"("messages":[{"role":"user","content":"."},{"role":"assistant","content":[)"))
        << sent.body;
    EXPECT_EQ(send(converse(R"([{"role":"system","content":"S"}])")).refused_param, "messages");
    EXPECT_EQ(send(converse(R"([{"role":"user","content":""}])")).refused_param, "messages");
}

TEST(MessagesHistory, BlankTextsOfTheAssistantDisappearWithTheirMessage) {
    const Sent sent = send(
        converse(R"([{"role":"user","content":"A"},{"role":"assistant","content":" \n\u0020\t"},)"
                 R"({"role":"user","content":"B"}])"));
    EXPECT_TRUE(holds(sent, R"("messages":[{"role":"user","content":[{"type":"text","text":"A"},)"
                            R"({"type":"text","text":"B"}]}])"))
        << sent.body;
}

constexpr std::string_view kCall =
    R"({"role":"assistant","content":null,"tool_calls":[{"id":"c:1","type":"function",)"
    R"("function":{"name":"f","arguments":"{}"}}]})";

TEST(MessagesHistory, CallsAndResultsBelongTogether) {
    const std::string call(kCall);
    EXPECT_EQ(send(converse(R"([{"role":"user","content":"A"},)" + call + "]")).refused_param,
              "messages[1].tool_calls[0].id");
    EXPECT_EQ(send(converse(R"([{"role":"user","content":"A"},)" + call +
                            R"(,{"role":"user","content":"B"}])"))
                  .refused_param,
              "messages[1].tool_calls[0].id");
    EXPECT_EQ(send(converse(R"([{"role":"user","content":"A"},)" + call +
                            R"(,{"role":"tool","tool_call_id":"c:2","content":"r"}])"))
                  .refused_param,
              "messages[2].tool_call_id");
    EXPECT_EQ(send(converse(R"([{"role":"tool","tool_call_id":"x","content":"r"}])")).refused_param,
              "messages[0].tool_call_id");
}

TEST(MessagesHistory, IdsOfOtherProvidersAreMappedAlike) {
    const Sent sent = send(converse(
        R"([{"role":"user","content":"A"},)" + std::string(kCall) +
        R"(,{"role":"tool","tool_call_id":"c:1","content":""},{"role":"user","content":"B"}])"));
    const std::string id = "call_" + crypto::hex(crypto::sha256("c:1")).substr(0, 32);
    EXPECT_TRUE(holds(sent, R"({"type":"tool_use","id":")" + id + '"')) << sent.body;
    EXPECT_TRUE(holds(sent, R"({"type":"tool_result","tool_use_id":")" + id +
                                R"(","content":""},{"type":"text","text":"B"})"))
        << sent.body;
    // The history has calls, so there must be tools; but none may be called.
    EXPECT_TRUE(holds(sent, R"("tools":[{"name":"f","input_schema":)")) << sent.body;
    EXPECT_TRUE(holds(sent, R"("tool_choice":{"type":"none"})")) << sent.body;
}

TEST(MessagesHistory, BrokenArgumentsAreNamed) {
    const Sent sent = send(
        converse(R"([{"role":"user","content":"A"},{"role":"assistant","content":"","tool_calls":[)"
                 R"({"id":"a","type":"function","function":{"name":"f","arguments":"{\"x\":"}}]},)"
                 R"({"role":"tool","tool_call_id":"a","content":"r"}])"));
    EXPECT_EQ(sent.refused_param, "messages[1].tool_calls[0].function.arguments");
}

TEST(MessagesHistory, DocumentsAndForeignFiles) {
    const Sent sent =
        send(converse(R"([{"role":"user","content":[{"type":"file","file":{"filename":"a.pdf",)"
                      R"("file_data":"data:application/pdf;base64,JVBERi0="}}]}])"));
    EXPECT_TRUE(holds(sent,
                      R"({"type":"document","source":{"type":"base64",)"
                      R"("media_type":"application/pdf","data":"JVBERi0="},"title":"a.pdf"})"))
        << sent.body;
    EXPECT_EQ(send(converse(R"([{"role":"user","content":[{"type":"text","text":"x"},)"
                            R"({"type":"file","file":{"file_id":"file-1"}}]}])"))
                  .refused_param,
              "messages[0].content[1]");
    EXPECT_EQ(send(converse(R"([{"role":"user","content":[{"type":"input_audio",)"
                            R"("input_audio":{"data":"AAAA","format":"wav"}}]}])"))
                  .refused_param,
              "messages[0].content[0]");
}

TEST(MessagesHistory, CacheControlStays) {
    const Sent sent = send(converse(R"([{"role":"system","content":[{"type":"text","text":"S",)"
                                    R"("cache_control":{"type":"ephemeral"}}]},)"
                                    R"({"role":"user","content":[{"type":"text","text":"U",)"
                                    R"("cache_control":{"type":"ephemeral","ttl":"1h"}}]}])"));
    EXPECT_TRUE(holds(
        sent, R"("system":[{"type":"text","text":"S","cache_control":{"type":"ephemeral"}}])"))
        << sent.body;
    EXPECT_TRUE(holds(
        sent, R"([{"type":"text","text":"U","cache_control":{"type":"ephemeral","ttl":"1h"}}])"))
        << sent.body;
}

// What a chat client got as thinking_blocks goes back as it was.
TEST(MessagesHistory, SignedAndRedactedThinkingGoesBackUnchanged) {
    constexpr std::string_view kHistory =
        R"([{"role":"user","content":"A"},{"role":"assistant","content":"B",)"
        R"("reasoning_content":"ignored","thinking_blocks":[)"
        R"({"type":"thinking","thinking":"a \u00e9\n\"b\"","signature":"c2ln+/="},)"
        R"({"type":"thinking","thinking":"unsigned","signature":""},)"
        R"({"type":"redacted_thinking","data":"ZGF0YQ=="}]},{"role":"user","content":"C"}])";
    const Sent sent = send(converse(kHistory));
    EXPECT_TRUE(holds(
        sent, R"({"role":"assistant","content":[)"
              R"({"type":"thinking","thinking":"a \u00e9\n\"b\"","signature":"c2ln+/="},)"
              R"({"type":"redacted_thinking","data":"ZGF0YQ=="},{"type":"text","text":"B"}]})"))
        << sent.body;
}

TEST(MessagesHistory, NoThinkingInsideATurnThatBeganWithout) {
    const std::string open =
        R"([{"role":"user","content":"A"},)" + std::string(kCall) +
        R"(,{"role":"tool","tool_call_id":"c:1","content":"r"}],"reasoning_effort":"low")";
    const Sent sent = send(converse(open));
    EXPECT_FALSE(holds(sent, R"("thinking")")) << sent.body;
    EXPECT_TRUE(sent.has_dropped("reasoning_effort"));
}

// From Anthropic's dialect and back to it, by the canonical form.
TEST(MessagesClient, WhatAnAgentSendsComesThrough) {
    const Sent sent =
        send(R"({"model":"claude-opus-4-8","max_tokens":100,"system":[{"type":"text",)"
             R"("text":"x-anthropic-billing-header: cc_version=1"},{"type":"text","text":"S1"},)"
             R"({"type":"text","text":"S2","cache_control":{"type":"ephemeral"}}],)"
             R"("messages":[{"role":"user","content":"U"},{"role":"assistant","content":[)"
             R"({"type":"thinking","thinking":"T","signature":"s"},)"
             R"({"type":"redacted_thinking","data":"r"},{"type":"text","text":"A"},)"
             R"({"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{}},)"
             R"({"type":"tool_use","id":"t1","name":"f","input":{ "a" : [1, 2] }}]},)"
             R"({"role":"user","content":[{"type":"text","text":"and"},)"
             R"({"type":"tool_result","tool_use_id":"t1","is_error":true}]}],)"
             R"("tools":[{"name":"f","input_schema":{"type":"object"}}],)"
             R"("thinking":{"type":"adaptive"},"output_config":{"effort":"low"},)"
             R"("context_management":{"edits":[]}})",
             Dialect::messages);
    EXPECT_TRUE(holds(sent, R"("system":[{"type":"text","text":"S1\nS2",)"
                            R"("cache_control":{"type":"ephemeral"}}])"))
        << sent.body;
    EXPECT_TRUE(holds(sent, R"([{"type":"thinking","thinking":"T","signature":"s"},)"
                            R"({"type":"redacted_thinking","data":"r"},{"type":"text","text":"A"},)"
                            R"({"type":"tool_use","id":"t1","name":"f","input":{"a":[1,2]}}])"))
        << sent.body;
    EXPECT_TRUE(holds(sent, R"([{"type":"tool_result","tool_use_id":"t1","content":"error",)"
                            R"("is_error":true},{"type":"text","text":"and"}])"))
        << sent.body;
    EXPECT_TRUE(holds(sent, R"("output_config":{"effort":"low"})")) << sent.body;
    EXPECT_TRUE(sent.has_dropped("server_tool_use") && sent.has_dropped("context_management"));
}

const ChatRequest& decode(std::string_view text, Translation& translation) {
    const auto body = Value::parse(text, translation.arena(), ErrorSource::client);
    EXPECT_TRUE(body.has_value()) << text;
    const auto request = client_dialect(Dialect::messages)->decode_request(**body, translation);
    EXPECT_TRUE(request.has_value()) << translation.refused_param();
    return **request;
}

TEST(MessagesClient, TypedToolsAreDescribedOrLeftOut) {
    Arena arena;
    Translation translation(arena);
    const ChatRequest& request =
        decode(R"({"model":"m","max_tokens":1,"messages":[{"role":"user","content":"U"}],"tools":[)"
               R"({"type":"bash_20250124","name":"bash"},{"type":"web_search_20250305",)"
               R"("name":"web_search"}],)"
               R"("tool_choice":{"type":"tool","name":"web_search"}})",
               translation);
    ASSERT_EQ(request.tools.size(), 1U);
    EXPECT_EQ(request.tools[0].name.raw, "bash");
    EXPECT_TRUE(Value::parse(request.tools[0].parameters, arena, ErrorSource::client).has_value());
    EXPECT_EQ(request.tool_choice.kind, ToolChoiceKind::absent);
    EXPECT_EQ(translation.dropped().size(), 2U);
}

TEST(MessagesClient, LongNamesOfToolsAreShortenedEverywhere) {
    const std::string name = std::string(70, 'n') + "_end";
    Arena arena;
    Translation translation(arena);
    const std::string text =
        R"({"model":"m","max_tokens":1,"messages":[{"role":"user","content":"U"},)"
        R"({"role":"assistant","content":[{"type":"tool_use","id":"t","name":")" +
        name + R"(","input":{}}]}],"tools":[{"name":")" + name +
        R"(","input_schema":{}}],"tool_choice":{"type":"tool","name":")" + name + R"("}})";
    const ChatRequest& request = decode(text, translation);
    const std::string sent =
        std::string(55, 'n') + "_" + crypto::hex(crypto::sha256(name)).substr(0, 8);
    EXPECT_EQ(request.tools[0].name.raw, sent);
    EXPECT_EQ(request.tool_choice.name.raw, sent);
    EXPECT_EQ(request.messages[1].tool_calls[0].name.raw, sent);
    ASSERT_EQ(request.renamed_tools.size(), 1U);
    EXPECT_EQ(request.renamed_tools[0].name.raw, name);
}

// Texts, calls, ids, images and their order: from OpenAI's form to Anthropic's and back.
std::string outline(const ChatRequest& request) {
    std::string text;
    for (const Message& message : request.messages) {
        text += std::to_string(static_cast<int>(message.role)) + ":";
        for (const Part& part : message.parts) {
            text += "[" + std::string(part.text.raw) + "|" + std::string(part.url.raw) + "|" +
                    std::string(part.media_type.raw) + "|" + std::string(part.data.raw) + "|" +
                    std::string(part.file_name.raw) + "]";
        }
        for (const ToolCall& call : message.tool_calls) {
            text += "<" + std::string(call.id.raw) + " " + std::string(call.name.raw) + " " +
                    std::string(call.arguments) + ">";
        }
        text += std::string(message.tool_call_id.raw) + "\n";
    }
    for (const Tool& tool : request.tools) {
        text += std::string(tool.name.raw) + " " + std::string(tool.parameters) + "\n";
    }
    return text;
}

TEST(MessagesClient, SchemasAreObjects) {
    const auto refused = [](const std::string& members) {
        return send(R"({"model":"m","messages":[{"role":"user","content":"U"}],)" + members + "}",
                    Dialect::messages)
            .refused_param;
    };
    EXPECT_EQ(refused(R"("tools":[{"name":"f"},{"name":"g","input_schema":[{}]}])"),
              "tools[1].input_schema");
    EXPECT_EQ(refused(R"("output_config":{"format":{"type":"json_schema","schema":[]}})"),
              "output_config.format.schema");
    EXPECT_EQ(refused(R"("tools":[{"name":"f","input_schema":null}])"), "");
}

TEST(MessagesRoundTrip, KeepsTextsCallsIdsImagesAndOrder) {
    constexpr std::string_view kRequest =
        R"({"model":"claude-haiku-4-5","messages":[{"role":"system","content":"S \u00e9"},)"
        R"({"role":"user","content":[{"type":"text","text":"look"},{"type":"image_url",)"
        R"("image_url":{"url":"data:image/png;base64,iVBORw0KGgo="}},{"type":"image_url",)"
        R"("image_url":{"url":"https://example.com/a.png"}},{"type":"file","file":{)"
        R"("filename":"a.pdf","file_data":"data:application/pdf;base64,JVBERi0="}}]},)"
        R"({"role":"assistant","content":"Sure \"x\"\n","tool_calls":[{"id":"call_1",)"
        R"("type":"function","function":{"name":"f","arguments":"{\"a\":\"b\\\"\"}"}},)"
        R"({"id":"call_2","type":"function","function":{"name":"g","arguments":"{}"}}]},)"
        R"({"role":"tool","tool_call_id":"call_1","content":"one"},)"
        R"({"role":"tool","tool_call_id":"call_2","content":"two"},)"
        R"({"role":"user","content":"go on"}],)"
        R"("tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}},)"
        R"({"type":"function","function":{"name":"g","parameters":{"type":"object"}}}]})";
    Arena arena;
    Translation translation(arena);
    const auto body = Value::parse(kRequest, arena, ErrorSource::client);
    const auto chat = client_dialect(Dialect::chat)->decode_request(**body, translation);
    ASSERT_TRUE(chat.has_value());
    const Sent sent = send(kRequest);
    EXPECT_EQ(outline(decode(sent.body, translation)), outline(**chat));
}

}  // namespace
}  // namespace sluice::providers::test
