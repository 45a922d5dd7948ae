// Bedrock's Converse: every recorded exchange, and what the records do not show.
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

const Vendor& bedrock() {
    return *find_vendor("bedrock");
}

class BedrockVectors : public testing::TestWithParam<std::string> {};

TEST_P(BedrockVectors, Pass) {
    test::check_exchange(GetParam(), bedrock());
}

std::string test_name(const testing::TestParamInfo<std::string>& info) {
    std::string name = info.param.substr(info.param.find('/') + 1);
    name.resize(name.find('.'));
    std::ranges::replace(name, '-', '_');
    return name;
}

INSTANTIATE_TEST_SUITE_P(Converse,
                         BedrockVectors,
                         testing::ValuesIn(test::vector_names("bedrock")),
                         test_name);

constexpr std::string_view kClaude = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
constexpr std::string_view kNewClaude = "global.anthropic.claude-opus-4-7-v1:0";
constexpr std::string_view kOldClaude = "anthropic.claude-3-haiku-20240307-v1:0";
constexpr std::string_view kNova = "us.amazon.nova-2-lite-v1:0";
constexpr std::string_view kGptOss = "openai.gpt-oss-120b-1:0";
constexpr std::string_view kLlama = "meta.llama3-70b-instruct-v1:0";

const std::string kHello = R"("messages":[{"role":"user","content":"hello"}])";
const std::string kHelloSent = R"("messages":[{"role":"user","content":[{"text":"hello"}]}])";
const std::string kTools = R"("tools":[{"type":"function","function":{"name":"f"}},)"
                           R"({"type":"function","function":{"name":"g"}}])";
const std::string kCalled =
    R"("messages":[{"role":"user","content":"a"},
        {"role":"assistant","content":null,"tool_calls":[
            {"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}]},
        {"role":"tool","tool_call_id":"c1","content":"r"}])";

test::RequestTrial encode(std::string_view model, const std::string& members) {
    return test::encode_chat_for(bedrock(), model, R"({"model":"m",)" + members + "}");
}

TEST(ConverseRequest, JoinsTheMessagesOfOneSide) {
    const auto sent = encode(kClaude, R"("messages":[
        {"role":"system","content":""},
        {"role":"user","content":[{"type":"text","text":" "},{"type":"text","text":"a"}]},
        {"role":"system","content":"S"},
        {"role":"user","content":"b"},
        {"role":"assistant","content":" \n"},
        {"role":"assistant","content":"c","thinking_blocks":[
            {"type":"thinking","thinking":"t","signature":"s"},
            {"type":"thinking","thinking":"unsigned","signature":""},
            {"type":"redacted_thinking","data":"d"}],"reasoning_content":"t"},
        {"role":"assistant","content":"d","tool_calls":[
            {"id":"call|1","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}},
            {"id":"c2","type":"function","function":{"name":"g","arguments":""}}]},
        {"role":"tool","tool_call_id":"c2","content":""},
        {"role":"user","content":"e"},
        {"role":"tool","tool_call_id":"call|1","content":[{"type":"text","text":"r1"}]}],)" +
                                          kTools);
    EXPECT_EQ(sent.difference(R"({"system":[{"text":"S"}],"messages":[
        {"role":"user","content":[{"text":"a"},{"text":"b"}]},
        {"role":"assistant","content":[
            {"reasoningContent":{"reasoningText":{"text":"t","signature":"s"}}},
            {"reasoningContent":{"redactedContent":"d"}},
            {"text":"c"},{"text":"d"},
            {"toolUse":{"toolUseId":"<any>","name":"f","input":{"x":1}}},
            {"toolUse":{"toolUseId":"c2","name":"g","input":{}}}]},
        {"role":"user","content":[
            {"toolResult":{"toolUseId":"c2","content":[]}},
            {"toolResult":{"toolUseId":"<any>","content":[{"text":"r1"}]}},
            {"text":"e"}]}],
        "toolConfig":{"tools":[
            {"toolSpec":{"name":"f","inputSchema":{"json":{"type":"object","properties":{}}}}},
            {"toolSpec":{"name":"g",
             "inputSchema":{"json":{"type":"object","properties":{}}}}}]}})"),
              "");
    EXPECT_FALSE(sent.body.contains("call|1")) << "an id that Converse refuses";
}

TEST(ConverseRequest, TheUserBegins) {
    EXPECT_EQ(encode(kLlama, R"("messages":[{"role":"assistant","content":"a"},
                                            {"role":"user","content":"b"}])")
                  .difference(R"({"messages":[{"role":"user","content":[{"text":"."}]},
                                  {"role":"assistant","content":[{"text":"a"}]},
                                  {"role":"user","content":[{"text":"b"}]}]})"),
              "");
}

TEST(ConverseRequest, HasToolsWheneverTheHistoryHas) {
    const std::string spec =
        R"({"toolSpec":{"name":"f","inputSchema":{"json":{"type":"object","properties":{}}}}})";
    EXPECT_EQ(encode(kLlama, kCalled).member("toolConfig"), R"({"tools":[)" + spec + "]}");
    EXPECT_EQ(encode(kLlama, kCalled).member("additionalModelRequestFields"), "");
    EXPECT_EQ(encode(kClaude, kCalled).member("additionalModelRequestFields"),
              R"({"tool_choice":{"type":"none"}})");
    const auto none = encode(kClaude, kCalled + "," + kTools + R"(,"tool_choice":"none")");
    EXPECT_TRUE(none.member("toolConfig").ends_with(R"("toolChoice":{"auto":{}}})"));
    EXPECT_EQ(none.member("additionalModelRequestFields"), R"({"tool_choice":{"type":"none"}})");
    EXPECT_EQ(encode(kClaude, kHello + "," + kTools + R"(,"tool_choice":"none")").body,
              "{" + kHelloSent + "}");
}

TEST(ConverseRequest, ForcesToolsWhereTheModelCanBeForced) {
    const auto choice = [](std::string_view model, const std::string& value,
                           const std::string& more = "") {
        const auto sent =
            encode(model, kHello + "," + kTools + R"(,"tool_choice":)" + value + more);
        const std::string config = sent.member("toolConfig");
        const size_t at = config.find(R"("toolChoice":)");
        return (at == config.npos ? "" : config.substr(at + 13, config.size() - at - 14)) +
               (sent.dropped.empty() ? "" : " dropped " + sent.dropped);
    };
    const std::string named = R"({"type":"function","function":{"name":"g"}})";
    EXPECT_EQ(choice(kClaude, "\"auto\""), R"({"auto":{}})");
    EXPECT_EQ(choice(kClaude, "\"required\""), R"({"any":{}})");
    EXPECT_EQ(choice(kNova, named), R"({"tool":{"name":"g"}})");
    EXPECT_EQ(choice("mistral.mistral-large-2407-v1:0", named), R"({"tool":{"name":"g"}})");
    EXPECT_EQ(choice(kLlama, named), " dropped tool_choice");
    EXPECT_EQ(choice("arn:aws:bedrock:us-east-1:1:application-inference-profile/x", named),
              R"({"tool":{"name":"g"}})");
    EXPECT_EQ(choice(kClaude, named, R"(,"reasoning_effort":"low")"), " dropped tool_choice");
    EXPECT_EQ(choice(kClaude, R"({"type":"allowed_tools","allowed_tools":{"mode":"required",
                     "tools":[{"type":"function","function":{"name":"g"}}]}})"),
              R"({"any":{}})");
}

TEST(ConverseRequest, SwitchesParallelCallsOffForClaude) {
    const std::string members = kHello + "," + kTools + R"(,"parallel_tool_calls":false)";
    EXPECT_EQ(encode(kClaude, members).member("additionalModelRequestFields"),
              R"({"tool_choice":{"type":"auto","disable_parallel_tool_use":true}})");
    EXPECT_EQ(encode(kNova, members).dropped, "parallel_tool_calls");
}

TEST(ConverseRequest, ClampsAndDrops) {
    const auto sent = encode(kLlama, kHello + R"(,"temperature":1.5,"top_p":0.9,"top_k":4,"seed":1,
        "max_tokens":7,"stop":["","x"],"user":"u","service_tier":"flex","frequency_penalty":0)");
    EXPECT_EQ(sent.difference("{" + kHelloSent + R"(,"inferenceConfig":{"maxTokens":7,
        "temperature":1,"topP":0.9,"stopSequences":["x"]},"serviceTier":{"type":"flex"}})"),
              "");
    EXPECT_EQ(sent.dropped, "seed user temperature top_k");
    const auto claude = encode(kClaude, kHello + R"(,"temperature":0.5,"top_p":0.9,"top_k":4)");
    EXPECT_EQ(claude.member("inferenceConfig"), R"({"temperature":0.5})");
    EXPECT_EQ(claude.member("additionalModelRequestFields"), R"({"top_k":4})");
    EXPECT_EQ(claude.dropped, "top_p");
    EXPECT_EQ(encode(kNova, kHello + R"(,"top_k":4)").member("additionalModelRequestFields"),
              R"({"inferenceConfig":{"topK":4}})");
    EXPECT_EQ(encode(kNewClaude, kHello + R"(,"temperature":0.5,"top_p":1,"top_k":4)").dropped,
              "temperature top_p top_k");
}

TEST(ConverseRequest, AsksEachFamilyToReasonInItsWay) {
    const auto fields = [](std::string_view model, const std::string& member) {
        const auto sent = encode(model, kHello + "," + member);
        return sent.member("additionalModelRequestFields") +
               (sent.dropped.empty() ? "" : " dropped " + sent.dropped);
    };
    const std::string high = R"("reasoning_effort":"high")";
    EXPECT_EQ(fields(kClaude, R"("reasoning_effort":"low")"),
              R"({"thinking":{"type":"enabled","budget_tokens":2048}})");
    EXPECT_EQ(fields(kNewClaude, high),
              R"({"thinking":{"type":"adaptive"},"output_config":{"effort":"high"}})");
    EXPECT_EQ(fields(kClaude, R"("thinking":{"type":"enabled","budget_tokens":1500})"),
              R"({"thinking":{"type":"enabled","budget_tokens":1500}})");
    EXPECT_EQ(fields(kGptOss, R"("reasoning_effort":"minimal")"), R"({"reasoning_effort":"low"})");
    EXPECT_EQ(fields(kNova, R"("reasoning_effort":"none")"),
              R"({"reasoningConfig":{"type":"disabled"}})");
    EXPECT_EQ(fields(kNova, high + R"(,"temperature":0.5,"max_tokens":5)"),
              R"({"reasoningConfig":{"type":"enabled","maxReasoningEffort":"high"}})"
              " dropped max_tokens temperature");
    EXPECT_EQ(fields(kLlama, high), " dropped reasoning_effort");
    EXPECT_EQ(encode(kClaude, kHello + R"(,"max_tokens":100,"reasoning_effort":"low")")
                  .member("inferenceConfig"),
              R"({"maxTokens":2148})")
        << "thinking has room beside the answer";
}

TEST(ConverseRequest, AsksForJson) {
    const std::string format = R"(,"response_format":{"type":"json_schema","json_schema":{
        "name":"n","schema":{"type":"object","properties":{"a":{"type":"string"}}}}})";
    EXPECT_EQ(encode(kClaude, kHello + format)
                  .difference("{" + kHelloSent +
                              R"(,"outputConfig":{"textFormat":{
                      "type":"json_schema","structure":{"jsonSchema":{"name":"n",
                      "schema":"{\"type\":\"object\",)"
                              R"(\"properties\":{\"a\":{\"type\":\"string\"}}}"}}}}})"),
              "");
    for (const std::string_view model : {kOldClaude, kNova}) {
        EXPECT_EQ(encode(model, kHello + format)
                      .difference("{" + kHelloSent + R"(,"toolConfig":{"tools":[{"toolSpec":{
                          "name":"sluice_json_response","description":"<any>","inputSchema":{"json":
                          {"type":"object","properties":{"a":{"type":"string"}}}}}}],
                          "toolChoice":{"tool":{"name":"sluice_json_response"}}}})"),
                  "");
    }
    const auto with_tools = encode(kNova, kHello + "," + kTools + format);
    EXPECT_FALSE(with_tools.member("toolConfig").contains("toolChoice"));
    const auto instructed = encode(kLlama, kHello + format);
    EXPECT_TRUE(instructed.member("system").contains("JSON schema"));
    EXPECT_EQ(instructed.dropped, "response_format");
    EXPECT_EQ(encode(kLlama, kHello + R"(,"response_format":{"type":"json_object"})").dropped, "");
}

TEST(ConverseRequest, SendsFilesAsBytes) {
    const auto sent = encode(kNova, R"("messages":[{"role":"user","content":[
        {"type":"image_url","image_url":{"url":"data:image/jpg;base64,AAAA"}},
        {"type":"file","file":{"filename":"A  b.pdf",
         "file_data":"data:application/pdf;base64,AAAA"}},
        {"type":"file","file":{"filename":"A b.pdf",
         "file_data":"data:application/pdf;base64,AAAA"}},
        {"type":"input_audio","input_audio":{"data":"AAAA","format":"mp3"}}]}])");
    EXPECT_EQ(sent.difference(R"({"messages":[{"role":"user","content":[
        {"image":{"format":"jpeg","source":{"bytes":"AAAA"}}},
        {"document":{"name":"A b pdf","format":"pdf","source":{"bytes":"AAAA"}}},
        {"document":{"name":"A b pdf 2","format":"pdf","source":{"bytes":"AAAA"}}},
        {"audio":{"format":"mp3","source":{"bytes":"AAAA"}}},
        {"text":"."}]}]})"),
              "");
}

TEST(ConverseRequest, MarksWhatIsToBeKept) {
    const std::string mark = R"("cache_control":{"type":"ephemeral","ttl":"1h"})";
    const std::string members =
        R"("messages":[{"role":"system","content":[{"type":"text","text":"S",)" + mark +
        R"(}]},{"role":"user","content":"a",)" + mark +
        R"(}],"tools":[{"type":"function","function":{"name":"f"},)" + mark + "}]";
    const auto sent = encode(kClaude, members);
    const std::string point = R"({"cachePoint":{"type":"default","ttl":"1h"}})";
    EXPECT_EQ(sent.difference(R"({"system":[{"text":"S"},)" + point +
                              R"(],"messages":[{"role":"user","content":[{"text":"a"},)" + point +
                              R"(]}],"toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":
                              {"json":{"type":"object","properties":{}}}}},)" +
                              point + "]}}"),
              "");
    EXPECT_EQ(encode(kLlama, members).dropped, "cache_control");
    EXPECT_FALSE(encode(kLlama, members).body.contains("cachePoint"));
}

TEST(ConverseRequest, RefusesWhatItCannotSay) {
    const auto refusal = [](const std::string& members) {
        return encode(kClaude, members).refusal;
    };
    const auto content = [&](const std::string& part) {
        return refusal(R"("messages":[{"role":"user","content":[)" + part + "]}]");
    };
    EXPECT_EQ(refusal(kHello + R"(,"n":2)"), "n unsupported_parameter");
    EXPECT_EQ(refusal(kHello + R"(,"logprobs":true)"), "logprobs unsupported_parameter");
    EXPECT_EQ(refusal(R"("messages":[{"role":"system","content":"a"}])"), "messages ");
    EXPECT_EQ(refusal(R"("messages":[{"role":"user","content":" "}])"), "messages ");
    EXPECT_EQ(content(R"({"type":"image_url","image_url":{"url":"https://x/y.png"}})"),
              "messages[0].content[0] invalid_image_url");
    EXPECT_EQ(content(R"({"type":"image_url","image_url":{"url":"data:image/tiff;base64,AAAA"}})"),
              "messages[0].content[0] unsupported_parameter");
    EXPECT_EQ(content(R"({"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}})"),
              "messages[0].content[0] unsupported_parameter");
    EXPECT_EQ(content(R"({"type":"file","file":{"file_id":"f"}})"),
              "messages[0].content[0] unsupported_parameter");
    const std::string call =
        R"("messages":[{"role":"user","content":"a"},{"role":"assistant","content":null,
           "tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":")";
    EXPECT_EQ(refusal(call + R"({}"}}]}])"), "messages[1].tool_calls[0].id ");
    EXPECT_EQ(refusal(call + R"({}"}}]},{"role":"user","content":"b"}])"),
              "messages[1].tool_calls[0].id ");
    EXPECT_EQ(refusal(call + R"({"}}]},{"role":"tool","tool_call_id":"c1","content":"r"}])"),
              "messages[1].tool_calls[0].function.arguments ");
    EXPECT_EQ(refusal(call + R"({}"}}]},{"role":"tool","tool_call_id":"c2","content":"r"}])"),
              "messages[2].tool_call_id ");
}

}  // namespace
}  // namespace sluice::providers
