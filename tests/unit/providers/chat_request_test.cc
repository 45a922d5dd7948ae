// Chat requests: what is refused, what survives the way through the canonical form, and what the
// vendors' differences make of it.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/arena.h"
#include "base/error.h"
#include "json/tree.h"
#include "unit/providers/chat_driver.h"
#include "unit/providers/vector_case.h"

namespace sluice::providers::test {

namespace {

using json::Value;

// A request with one user message and whatever else is given.
std::string request_with(std::string_view members) {
    return R"({"model":"model","messages":[{"role":"user","content":"Hi"}])" +
           std::string(members.empty() ? "" : ",") + std::string(members) + "}";
}

std::string request_of(std::string_view messages) {
    return R"({"model":"model","messages":[)" + std::string(messages) + "]}";
}

// Empty when `actual` is the JSON `expected`, members in any order.
std::string json_difference(std::string_view expected, std::string_view actual) {
    Arena arena;
    const auto tree = Value::parse(expected, arena, ErrorSource::client);
    return tree ? difference(**tree, actual, Extras::refused) : "the test itself is not JSON";
}

void expect_sent(std::string_view body, std::string_view vendor, std::string_view expected) {
    const Translated sent = translate_request(body, vendor);
    EXPECT_FALSE(sent.refused) << sent.param << ": " << sent.message;
    EXPECT_EQ(json_difference(expected, sent.body), "") << sent.body;
}

void expect_refused(std::string_view body, std::string_view vendor, std::string_view param) {
    const Translated sent = translate_request(body, vendor);
    EXPECT_TRUE(sent.refused) << body;
    EXPECT_EQ(sent.param, param) << body;
    EXPECT_NE(sent.message, "") << body;
}

TEST(ChatRequest, RefusalNamesTheParameter) {
    struct Case {
        std::string_view body;
        std::string_view param;
    };
    static constexpr Case kCases[] = {
        {R"([])", ""},
        {R"({"messages":[]})", "model"},
        {R"({"model":3,"messages":[]})", "model"},
        {R"({"model":"m"})", "messages"},
        {R"({"model":"m","messages":[]})", "messages"},
        {R"({"model":"m","messages":"Hi"})", "messages"},
        {R"({"model":"m","messages":["Hi"]})", "messages[0]"},
        {R"({"model":"m","messages":[{"role":"robot","content":"x"}]})", "messages[0].role"},
        {R"({"model":"m","messages":[{"role":"user","content":5}]})", "messages[0].content"},
        {R"({"model":"m","messages":[{"role":"user","content":[7]}]})", "messages[0].content[0]"},
        {R"({"model":"m","messages":[{"role":"user","content":[{"type":"smell"}]}]})",
         "messages[0].content[0].type"},
        {R"({"model":"m","messages":[{"role":"user","content":[{"type":"text"}]}]})",
         "messages[0].content[0].text"},
        {R"({"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"a"},)"
         R"({"type":"image_url","image_url":{"url":"data:image/png,raw"}}]}]})",
         "messages[0].content[1].image_url.url"},
        {R"({"model":"m","messages":[{"role":"user","content":[{"type":"file","file":{}}]}]})",
         "messages[0].content[0].file"},
        {R"({"model":"m","messages":[{"role":"tool","content":"x"}]})", "messages[0].tool_call_id"},
        {R"({"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"1",)"
         R"("type":"custom"}]}]})",
         "messages[0].tool_calls[0].function"},
        {R"({"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"1",)"
         R"("function":{"name":"f","arguments":[1]}}]}]})",
         "messages[0].tool_calls[0].function.arguments"},
        {R"({"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":"1",)"
         R"("function":{"name":"f","arguments":"\ud800"}}]}]})",
         "messages[0].tool_calls[0].function.arguments"},
    };
    for (const Case& refused : kCases) {
        expect_refused(refused.body, "openai", refused.param);
    }
}

TEST(ChatRequest, RefusalNamesTheOption) {
    struct Case {
        std::string_view members;
        std::string_view param;
    };
    static constexpr Case kCases[] = {
        {R"("temperature":"hot")", "temperature"},
        {R"("n":true)", "n"},
        {R"("max_tokens":"1")", "max_tokens"},
        {R"("max_completion_tokens":[])", "max_completion_tokens"},
        {R"("stop":4)", "stop"},
        {R"("stop":["a",4])", "stop[1]"},
        {R"("stream":"yes")", "stream"},
        {R"("stream_options":true)", "stream_options"},
        {R"("stream_options":{"include_usage":1})", "stream_options.include_usage"},
        {R"("logprobs":5)", "logprobs"},
        {R"("tools":{})", "tools"},
        {R"("tools":[{"type":"custom"}])", "tools[0]"},
        {R"("tools":[{"function":{"name":"a"}},{"function":{}}])", "tools[1].function.name"},
        {R"("tools":[{"function":{"name":"a","parameters":"x"}}])", "tools[0].function.parameters"},
        {R"("tool_choice":"sometimes")", "tool_choice"},
        {R"("tool_choice":{"function":{}})", "tool_choice.function.name"},
        {R"("functions":[{}])", "functions[0].name"},
        {R"("response_format":"json")", "response_format"},
        {R"("response_format":{"type":"xml"})", "response_format.type"},
        {R"("response_format":{"type":"json_schema"})", "response_format.json_schema"},
        {R"("reasoning_effort":3)", "reasoning_effort"},
        {R"("metadata":[])", "metadata"},
        {R"("thinking":"on")", "thinking"},
    };
    for (const Case& refused : kCases) {
        expect_refused(request_with(refused.members), "openai", refused.param);
    }
}

TEST(ChatRequest, OpenAiGetsEverythingBack) {
    const std::string body = R"({"model":"model",
        "messages":[
            {"role":"system","content":"Be \"brief\".\u00e9"},
            {"role":"developer","content":[{"type":"text","text":"One."}],"name":"dev"},
            {"role":"user","content":[
                {"type":"text","text":"What is it?"},
                {"type":"image_url","image_url":{"url":"https://x.test/a.png","detail":"low"}},
                {"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw=="}},
                {"type":"input_audio","input_audio":{"data":"UklG","format":"wav"}},
                {"type":"file","file":{"filename":"a.pdf",
                                       "file_data":"data:application/pdf;base64,JVBERi0="}},
                {"type":"file","file":{"file_id":"file-1"}}]},
            {"role":"assistant","audio":{"id":"audio_1"},"tool_calls":[
                {"id":"call_1","type":"function",
                 "function":{"name":"f","arguments":"{\"a\":\"\\\"\\u00e9\"}"}}]},
            {"role":"tool","tool_call_id":"call_1","content":"42"},
            {"role":"assistant","content":null,"refusal":"No."},
            {"role":"user","content":""}],
        "max_completion_tokens":10,"temperature":1.50,"top_p":0.9,"n":2,
        "presence_penalty":-1,"frequency_penalty":1e-1,"seed":18446744073709551615,
        "logprobs":true,"top_logprobs":3,"stop":["a","b"],"stream":false,
        "tools":[{"type":"function","function":{"name":"f","description":"","strict":true,
                  "parameters":{"type":"object","properties":{}}}}],
        "tool_choice":{"type":"function","function":{"name":"f"}},"parallel_tool_calls":false,
        "response_format":{"type":"json_schema","json_schema":{"name":"n","description":"d",
            "schema":{"type":"object"},"strict":true}},
        "reasoning_effort":"minimal","user":"u","safety_identifier":"s","service_tier":"flex",
        "metadata":{"k":"v"},"logit_bias":{"50256":-100},
        "store":true,"verbosity":"low","prompt_cache_key":"p","no_such_field":[1,{"x":null}]})";
    expect_sent(body, "openai", body);
}

TEST(ChatRequest, AllowedToolsGoToOpenAiAndAreFilteredForOthers) {
    const std::string tools = R"("tools":[
        {"type":"function","function":{"name":"a","parameters":{"type":"object"}}},
        {"type":"function","function":{"name":"b","parameters":{"type":"object"}}}])";
    const std::string choice = R"("tool_choice":{"type":"allowed_tools","allowed_tools":{
        "mode":"required","tools":[{"type":"function","function":{"name":"b"}}]}})";
    const std::string body = request_with(tools + "," + choice);
    expect_sent(body, "openai", body);
    expect_sent(body, "groq", request_with(R"("tools":[{"type":"function","function":{"name":"b",
                    "parameters":{"type":"object"}}}],"tool_choice":"required")"));
}

TEST(ChatRequest, FunctionsBecomeTools) {
    expect_sent(R"({"model":"model","messages":[
                    {"role":"user","content":"Hi"},
                    {"role":"assistant","content":null,
                     "function_call":{"name":"f","arguments":"{}"}},
                    {"role":"function","name":"f","content":"7"}],
                    "functions":[{"name":"f","parameters":{"type":"object"}}],
                    "function_call":{"name":"f"}})",
                "openai",
                R"({"model":"model","messages":[
                    {"role":"user","content":"Hi"},
                    {"role":"assistant","tool_calls":[{"id":"call_function1","type":"function",
                     "function":{"name":"f","arguments":"{}"}}]},
                    {"role":"tool","name":"f","content":"7","tool_call_id":"call_function1"}],
                    "tools":[{"type":"function",
                              "function":{"name":"f","parameters":{"type":"object"}}}],
                    "tool_choice":{"type":"function","function":{"name":"f"}}})");
}

TEST(ChatRequest, LocalServersGetOldNamesAndNoExtras) {
    const std::string body =
        request_with(R"("max_completion_tokens":5,"store":true,"service_tier":"flex",
                        "parallel_tool_calls":true,"min_p":0.1,"top_k":40)");
    expect_sent(body, "vllm", request_with(R"("max_tokens":5,"min_p":0.1,"top_k":40)"));
    const Translated sent = translate_request(body, "vllm");
    EXPECT_EQ(sent.dropped,
              (std::vector<std::string>{"parallel_tool_calls", "service_tier", "store"}));
}

TEST(ChatRequest, HistoriesOfOtherServicesGetIdsThatFit) {
    const std::string id = "chatcmpl-tool-0123456789abcdef0123456789abcdef";
    const std::string body = request_of(
        R"({"role":"user","content":"Hi"},{"role":"assistant","tool_calls":[{"id":")" + id +
        R"(","type":"function","function":{"name":"f","arguments":"{}"}}]},
           {"role":"tool","content":"x","tool_call_id":")" +
        id + R"("})");
    for (const auto& [vendor, size] : {std::pair{"openai", 37UL}, {"mistral", 9UL}}) {
        const Translated sent = translate_request(body, vendor);
        Arena arena;
        const auto tree = Value::parse(sent.body, arena, ErrorSource::upstream);
        ASSERT_TRUE(tree.has_value()) << sent.body;
        auto message = (**tree)["messages"].begin();
        const Value& call = *(*++message)["tool_calls"].begin();
        EXPECT_EQ(call["id"].text().raw.size(), size);
        EXPECT_EQ((*++message)["tool_call_id"].text().raw, call["id"].text().raw);
    }
    expect_sent(body, "vllm", body);
}

TEST(ChatRequest, MistralsNames) {
    const std::string body = request_with(
        R"("seed":7,"stream":true,"tool_choice":"required","user":"u","safe_prompt":true,
           "min_p":1,"tools":[{"type":"function","function":{"name":"f","parameters":{}}}])");
    expect_sent(body, "mistral", request_with(R"("random_seed":7,"stream":true,"tool_choice":"any",
           "safe_prompt":true,
           "tools":[{"type":"function","function":{"name":"f","parameters":{}}}])"));
    EXPECT_EQ(translate_request(body, "mistral").dropped,
              (std::vector<std::string>{"user", "min_p"}));
}

TEST(ChatRequest, WhatGroqLacksIsRefusedOrDropped) {
    expect_refused(request_with(R"("logprobs":true)"), "groq", "logprobs");
    expect_refused(request_with(R"("n":2)"), "groq", "n");
    expect_sent(R"({"model":"model","messages":[{"role":"user","name":"x","content":"Hi"}],
                    "n":1,"logprobs":false,"logit_bias":{},"service_tier":"flex"})",
                "groq", request_with(R"("n":1,"service_tier":"flex")"));
}

TEST(ChatRequest, ModelsThatCannotSeeOrHear) {
    const std::string image = request_of(
        R"({"role":"user","content":[{"type":"text","text":"a"},
            {"type":"image_url","image_url":{"url":"https://x.test/a.png"}}]})");
    expect_refused(image, "deepseek", "messages[0].content[1]");
    expect_refused(image, "ollama_v1", "messages[0].content[1]");
    const std::string audio = request_of(
        R"({"role":"user","content":[{"type":"input_audio",
            "input_audio":{"data":"UklG","format":"wav"}}]})");
    expect_refused(audio, "groq", "messages[0].content[0]");
    expect_refused(request_with(R"("modalities":["text","audio"])"), "vllm", "modalities");
    expect_refused(request_with(R"("tools":[{"function":{"name":"f"}}])"), "perplexity", "tools");
}

TEST(ChatRequest, ReasoningInTheWordsOfEachService) {
    const std::string high = request_with(R"("reasoning_effort":"xhigh")");
    expect_sent(high, "openai", high);
    expect_sent(high, "together", request_with(R"("reasoning_effort":"high")"));
    expect_sent(high, "deepseek", request_with(R"("thinking":{"type":"enabled"})"));
    expect_sent(high, "openrouter", request_with(R"("reasoning":{"effort":"xhigh"})"));
    expect_sent(high, "vllm", request_with(R"("chat_template_kwargs":{"enable_thinking":true},
                                "reasoning_effort":"high")"));
    const std::string none = request_with(R"("reasoning_effort":"none")");
    expect_sent(none, "deepseek", request_with(R"("thinking":{"type":"disabled"})"));
    expect_sent(none, "vllm", request_with(R"("chat_template_kwargs":{"enable_thinking":false})"));
    expect_sent(request_with(R"("thinking":{"type":"enabled","budget_tokens":2000})"), "openai",
                request_with(R"("reasoning_effort":"low")"));
    expect_sent(high, "tgi", request_with(""));
}

TEST(ChatRequest, ReasoningOfAnUnfinishedTurnGoesBack) {
    constexpr std::string_view kCall =
        R"("tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}])";
    const std::string old_turn = R"({"role":"user","content":"a"},
        {"role":"assistant","content":"b","reasoning_content":"old"},)";
    const std::string turn =
        std::string(R"({"role":"user","content":"c"},{"role":"assistant",)") + std::string(kCall);
    const std::string answer = R"(},{"role":"tool","tool_call_id":"c","content":"7"})";
    const std::string body = request_of(old_turn + turn + R"(,"reasoning_content":"new")" + answer);
    const std::string stripped = R"({"role":"user","content":"a"},
        {"role":"assistant","content":"b"},)";
    expect_sent(body, "openai", request_of(stripped + turn + answer));
    expect_sent(body, "deepseek",
                request_of(stripped + turn + R"(,"reasoning_content":"new")" + answer));
    expect_sent(body, "vllm", request_of(stripped + turn + R"(,"reasoning":"new")" + answer));
}

TEST(ChatRequest, FormatsWithoutAField) {
    const std::string body = request_with(R"("response_format":{"type":"json_schema",
        "json_schema":{"name":"n","schema":{"type":"object"}}})");
    expect_sent(body, "deepseek",
                R"({"model":"model","messages":[{"role":"system",
        "content":"Answer with a single JSON object and nothing else: no explanation, no code )"
                R"(fence. The object must be valid under this JSON schema:\n{\"type\":\"object\"}"},
        {"role":"user","content":"Hi"}],"response_format":{"type":"json_object"}})");
    expect_sent(body, "tgi", request_with(R"("response_format":{"type":"json_schema",
        "value":{"name":"n","schema":{"type":"object"}}})"));
    expect_sent(request_with(R"("response_format":{"type":"json_object"},"top_p":1.0,
                                "presence_penalty":0,"stop":"a")"),
                "tgi", request_with(R"("response_format":{"type":"json",
                                "value":{"type":"object"}},"stop":["a"])"));
}

TEST(ChatRequest, ExtensionsGoOnlyWhereTheyAreKnown) {
    const std::string body = request_of(
        R"({"role":"user","content":[{"type":"text","text":"a",
            "cache_control":{"type":"ephemeral"}}]},
           {"role":"assistant","content":"b","reasoning_details":[{"x":1}],
            "thinking_blocks":[{"type":"thinking","thinking":"t","signature":"s"}]})");
    expect_sent(body, "openrouter", body.substr(0, body.size() - 3) + R"(,"reasoning":"t"}]})");
    expect_sent(body, "deepseek",
                request_of(R"({"role":"user","content":[{"type":"text","text":"a"}]},
                    {"role":"assistant","content":"b","reasoning_content":"t"})"));
}

}  // namespace

}  // namespace sluice::providers::test
