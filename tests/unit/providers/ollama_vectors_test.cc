// Ollama: every recorded exchange, and what the records do not show.
#include <algorithm>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "providers/vendor.h"
#include "unit/providers/request_trial.h"
#include "unit/providers/vector_case.h"
#include "unit/providers/vector_exchange.h"

namespace sluice::providers {
namespace {

const Vendor& ollama() {
    return *find_vendor("ollama");
}

test::RequestTrial encode(std::string_view chat) {
    return test::encode_chat_for(ollama(), "m", chat);
}

class OllamaVectors : public testing::TestWithParam<std::string> {};

TEST_P(OllamaVectors, Pass) {
    test::check_exchange(GetParam(), ollama());
}

std::string test_name(const testing::TestParamInfo<std::string>& info) {
    std::string name = info.param.substr(info.param.find('/') + 1);
    name.resize(name.find('.'));
    std::ranges::replace(name, '-', '_');
    return name;
}

INSTANTIATE_TEST_SUITE_P(Native,
                         OllamaVectors,
                         testing::ValuesIn(test::vector_names("ollama")),
                         test_name);

TEST(OllamaRequest, KeepsTheHistoryInPlace) {
    const auto sent = encode(R"({"model":"m","messages":[
        {"role":"developer","content":"D"},
        {"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},
        {"role":"assistant","content":null,"reasoning_content":"old",
         "tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":" "}}]},
        {"role":"tool","tool_call_id":"c1","content":"r1"},
        {"role":"user","content":"go on"},
        {"role":"assistant","content":"","reasoning_content":"new",
         "tool_calls":[{"id":"c2","type":"function",
                        "function":{"name":"g","arguments":"{\"x\":[1]}"}}]},
        {"role":"tool","tool_call_id":"c2","content":"r2"}]})");
    EXPECT_EQ(sent.difference(R"({"model":"m","stream":false,"messages":[
        {"role":"system","content":"D"},
        {"role":"user","content":"a\nb"},
        {"role":"assistant","content":"",
         "tool_calls":[{"id":"c1","function":{"name":"f","arguments":{}}}]},
        {"role":"tool","content":"r1","tool_name":"f","tool_call_id":"c1"},
        {"role":"user","content":"go on"},
        {"role":"assistant","content":"","thinking":"new",
         "tool_calls":[{"id":"c2","function":{"name":"g","arguments":{"x":[1]}}}]},
        {"role":"tool","content":"r2","tool_name":"g","tool_call_id":"c2"}]})"),
              "");
}

TEST(OllamaRequest, MapsWhatTunesTheModel) {
    const auto sent = encode(R"({"model":"m","messages":[{"role":"user","content":"a","name":"n"}],
        "temperature":0.50,"top_p":1,"top_k":5,"seed":7,"max_completion_tokens":9,
        "presence_penalty":0.1,"frequency_penalty":0.2,"stop":["x","y"],"logprobs":true,
        "top_logprobs":3,"reasoning_effort":"xhigh","response_format":{"type":"json_object"},
        "tool_choice":"required","parallel_tool_calls":false,"user":"u",
        "tools":[{"type":"function","function":{"name":"f","strict":true}}]})");
    EXPECT_EQ(sent.difference(R"({"model":"m","stream":false,
        "messages":[{"role":"user","content":"a"}],
        "tools":[{"type":"function","function":{"name":"f",
                  "parameters":{"type":"object","properties":{}}}}],
        "format":"json","think":"high","logprobs":true,"top_logprobs":3,
        "options":{"temperature":0.5,"top_p":1,"top_k":5,"seed":7,"num_predict":9,
                   "presence_penalty":0.1,"frequency_penalty":0.2,"stop":["x","y"]}})"),
              "");
    EXPECT_TRUE(sent.body.contains("\"temperature\":0.50")) << "numbers keep their spelling";
    EXPECT_EQ(sent.dropped, "user name tool_choice parallel_tool_calls");
}

TEST(OllamaRequest, SwitchesThinking) {
    const auto think = [](const std::string& member) {
        return encode(R"({"model":"m","messages":[{"role":"user","content":"a"}],)" + member + "}")
            .member("think");
    };
    EXPECT_EQ(think(R"("reasoning_effort":"none")"), "false");
    EXPECT_EQ(think(R"("reasoning_effort":"minimal")"), "\"low\"");
    EXPECT_EQ(think(R"("reasoning_effort":"medium")"), "\"medium\"");
    EXPECT_EQ(think(R"("thinking":{"type":"disabled"})"), "false");
    EXPECT_EQ(think(R"("thinking":{"type":"enabled","budget_tokens":2000})"), "true");
    EXPECT_EQ(think(R"("seed":1)"), "");
}

TEST(OllamaRequest, OffersOnlyToolsThatMayBeCalled) {
    const auto tools = [](const std::string& choice) {
        return encode(R"({"model":"m","messages":[{"role":"user","content":"a"}],"tools":[
            {"type":"function","function":{"name":"f","parameters":{"type":"object"}}},
            {"type":"function","function":{"name":"g","parameters":{"type":"object"}}}],
            "tool_choice":)" +
                      choice + "}")
            .member("tools");
    };
    EXPECT_EQ(tools("\"none\""), "");
    EXPECT_EQ(tools(R"({"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[
                        {"type":"function","function":{"name":"g"}}]}})"),
              R"([{"type":"function","function":{"name":"g","parameters":{"type":"object"}}}])");
}

TEST(OllamaRequest, RefusesWhatItCannotSay) {
    const auto refused = [](const std::string& messages, const std::string& more = "") {
        return encode(R"({"model":"m","messages":[)" + messages + "]" + more + "}").refusal;
    };
    const std::string user = R"({"role":"user","content":"a"})";
    EXPECT_EQ(refused(user, R"(,"n":2)"), "n unsupported_parameter");
    EXPECT_EQ(refused(user, R"(,"modalities":["text","audio"])"),
              "modalities unsupported_parameter");
    EXPECT_EQ(refused(R"({"role":"user","content":[{"type":"text","text":"a"},
                          {"type":"image_url","image_url":{"url":"https://x/y.png"}}]})"),
              "messages[0].content[1] invalid_image_url");
    EXPECT_EQ(refused(R"({"role":"user","content":[
                          {"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}}]})"),
              "messages[0].content[0] unsupported_parameter");
    EXPECT_EQ(refused(user + R"(,{"role":"tool","tool_call_id":"c","content":"r"})"),
              "messages[1].tool_call_id ");
    EXPECT_EQ(refused(user + R"(,{"role":"assistant","content":null,"tool_calls":[{"id":"c",
                          "type":"function","function":{"name":"f","arguments":"{\"x\":"}}]})"),
              "messages[1].tool_calls[0].function.arguments ");
}

TEST(OllamaReply, AnErrorMayNameItsStatus) {
    const auto failure = test::stream_failure(
        ollama(), R"({"error":"model \"m\" not found, try pulling it first","status":404})"
                  "\n");
    EXPECT_EQ(failure.status, 404);
    EXPECT_EQ(failure.code, "model_not_found");
}

TEST(OllamaReply, AStreamWithoutItsEndIsTruncated) {
    const auto failure =
        test::stream_failure(ollama(), R"({"message":{"content":"a"},"done":false})"
                                       "\n");
    EXPECT_EQ(failure.code, "stream_truncated");
}

TEST(OllamaReply, KeepsLogprobs) {
    EXPECT_EQ(test::whole_reply(ollama(),
                                R"({"model":"m","message":{"content":"a"},"done":true,
                                    "logprobs":[{"token":"a","logprob":-0.5}]})",
                                "logprobs"),
              R"({"content":[{"token":"a","logprob":-0.5}]})");
}

}  // namespace
}  // namespace sluice::providers
