// What becomes of a chat request on its way to Gemini, beyond the recorded exchanges.
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/arena.h"
#include "base/error.h"
#include "json/tree.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/dialect.h"
#include "providers/dialect_gemini.h"
#include "providers/remote_content.h"
#include "providers/translation.h"
#include "providers/vendor.h"
#include "unit/providers/vector_case.h"

namespace sluice::providers::test {
namespace {

struct Encoded {
    std::string body;
    std::vector<std::string> dropped;
    bool is_refused = false;
    std::string param;
};

struct Options {
    std::string_view vendor = "gemini";
    std::string_view model = "gemini-2.5-flash";
    UnsupportedPolicy policy = UnsupportedPolicy::drop;
    std::vector<FetchedPart> fetched = {};
};

// `members` are those of a chat request besides its model.
Encoded encode(const std::string& members, const Options& options = {}) {
    Arena arena;
    Translation translation(arena, options.policy);
    const Target target = {.vendor = find_vendor(options.vendor), .model = options.model};
    const std::string text = R"({"model":"m",)" + members + "}";
    Encoded encoded;
    const auto tree = json::Value::parse(text, arena, ErrorSource::client);
    EXPECT_TRUE(tree.has_value()) << text;
    const auto request = client_dialect(Dialect::chat)->decode_request(**tree, translation);
    EXPECT_TRUE(request.has_value()) << translation.refused_message();
    const auto remote = remote_parts(**request, target, arena);
    const ChatRequest& complete = options.fetched.empty()
                                      ? **request
                                      : with_fetched(**request, remote, options.fetched, arena);
    json::StringText output(encoded.body);
    encoded.is_refused = !encode_gemini_request(complete, target, translation, output);
    encoded.param = translation.refused_param();
    for (const std::string_view param : translation.dropped()) {
        encoded.dropped.emplace_back(param);
    }
    return encoded;
}

// The first difference between a member of what was encoded and what it should be.
std::string differs(const Encoded& encoded, std::string_view member, const std::string& expected) {
    Arena arena;
    const auto wanted = json::Value::parse(expected, arena, ErrorSource::client);
    const auto body = json::Value::parse(encoded.body, arena, ErrorSource::client);
    if (!wanted || !body) {
        return "not JSON: " + expected + " or " + encoded.body;
    }
    return difference(**wanted, (**body)[member], Extras::refused);
}

const std::string kHello = R"("messages":[{"role":"user","content":"Hello"}])";

std::string call(const std::string& id, const std::string& name, const std::string& arguments) {
    return R"({"id":")" + id + R"(","type":"function","function":{"name":")" + name +
           R"(","arguments":")" + arguments + R"("}})";
}

std::string calls(const std::string& list) {
    return R"({"role":"assistant","content":null,"tool_calls":[)" + list + "]}";
}

std::string result(const std::string& id, const std::string& content) {
    return R"({"role":"tool","tool_call_id":")" + id + R"(","content":)" + content + "}";
}

std::string conversation(const std::string& messages) {
    return R"("messages":[{"role":"user","content":"go"},)" + messages + "]";
}

// Schemas.

TEST(GeminiRequest, SchemasPassAsTheyAreWritten) {
    const std::string schema =
        R"({"type":["object","null"],"properties":{"title":{"title":"T","type":"string"},)"
        R"("default":{"default":1.0},"format":{"$ref":"#/$defs/f"},"const":{"const":7}},)"
        R"("oneOf":[{"required":["title"]}],"$defs":{"f":{"enum":[1,null,""]}},)"
        R"("$schema":"s","additionalProperties": false})";
    const Encoded encoded =
        encode(kHello + R"(,"tools":[{"type":"function","function":{"name":"f","parameters":)" +
               schema + "}}]");
    EXPECT_NE(encoded.body.find(R"("parametersJsonSchema":)" + schema), std::string::npos)
        << encoded.body;
}

TEST(GeminiRequest, FunctionsWithoutParametersHaveNoSchema) {
    for (const std::string parameters :
         {"", R"(,"parameters":{})", R"(,"parameters":null)", R"(,"parameters":{ })"}) {
        const Encoded encoded = encode(
            kHello + R"(,"tools":[{"type":"function","function":{"name":"f")" + parameters + "}}]");
        EXPECT_EQ(differs(encoded, "tools", R"([{"functionDeclarations":[{"name":"f"}]}])"), "")
            << parameters;
    }
}

TEST(GeminiRequest, ChoicesOfTools) {
    const std::string tools =
        R"(,"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":)";
    const auto config = [](const std::string& inside) {
        return R"({"functionCallingConfig":)" + inside + "}";
    };
    const auto check = [&](const std::string& choice, const std::string& expected) {
        EXPECT_EQ(differs(encode(kHello + tools + choice), "toolConfig", config(expected)), "");
    };
    check(R"("auto")", R"({"mode":"AUTO"})");
    check(R"("none")", R"({"mode":"NONE"})");
    check(R"("required")", R"({"mode":"ANY"})");
    check(R"({"type":"function","function":{"name":"f"}})",
          R"({"mode":"ANY","allowedFunctionNames":["f"]})");
    const std::string allowed = R"("tools":[{"type":"function","function":{"name":"f"}}]}})";
    check(R"({"type":"allowed_tools","allowed_tools":{"mode":"auto",)" + allowed,
          R"({"mode":"VALIDATED","allowedFunctionNames":["f"]})");
    check(R"({"type":"allowed_tools","allowed_tools":{"mode":"required",)" + allowed,
          R"({"mode":"ANY","allowedFunctionNames":["f"]})");
}

// Turns.

TEST(GeminiRequest, ResultsStandInTheOrderOfTheirCallsBeforeTheNextText) {
    const Encoded encoded = encode(
        conversation(calls(call("a", "f", R"({\"x\":1})") + "," + call("b", "f", R"({\"x\":2})")) +
                     "," + result("b", R"("two")") + "," + result("a", R"("one")") +
                     R"(,{"role":"user","content":"and now?"})"));
    EXPECT_EQ(differs(encoded, "contents",
                      R"([{"role":"user","parts":[{"text":"go"}]},
        {"role":"model","parts":[{"functionCall":{"name":"f","args":{"x":1}}},
                                 {"functionCall":{"name":"f","args":{"x":2}}}]},
        {"role":"user","parts":[
            {"functionResponse":{"name":"f","response":{"output":"one"}}},
            {"functionResponse":{"name":"f","response":{"output":"two"}}},
            {"text":"and now?"}]}])"),
              "");
}

TEST(GeminiRequest, NeighboursOfOneSideAreOneTurn) {
    const Encoded encoded = encode(
        R"("messages":[{"role":"user","content":"a"},{"role":"system","content":"s"},
            {"role":"user","content":[{"type":"text","text":""},{"type":"text","text":"b"}]},
            {"role":"assistant","content":""},{"role":"assistant","content":"c"},
            {"role":"assistant","content":"d"}])");
    EXPECT_EQ(differs(encoded, "contents",
                      R"([{"role":"user","parts":[{"text":"a"},{"text":"b"}]},
                          {"role":"model","parts":[{"text":"c"},{"text":"d"}]}])"),
              "");
    EXPECT_EQ(differs(encoded, "systemInstruction", R"({"parts":[{"text":"s"}]})"), "");
}

TEST(GeminiRequest, CallsAndResultsMustPair) {
    EXPECT_EQ(encode(conversation(calls(call("a", "f", "{}")))).param,
              "messages[1].tool_calls[0].id");
    EXPECT_EQ(encode(conversation(calls(call("a", "f", "{}") + "," + call("b", "f", "{}")) + "," +
                                  result("a", R"("x")") + R"(,{"role":"user","content":"y"})"))
                  .param,
              "messages[1].tool_calls[1].id");
    EXPECT_EQ(encode(conversation(calls(call("a", "f", "{}")) + "," + result("z", R"("x")"))).param,
              "messages[2].tool_call_id");
    EXPECT_EQ(encode(conversation(calls(call("a", "f", "{}")) + "," + result("a", R"("x")") + "," +
                                  result("a", R"("again")")))
                  .param,
              "messages[3].tool_call_id");
}

TEST(GeminiRequest, ArgumentsMustBeAnObject) {
    for (const std::string arguments : {R"({\"x\":)", "[]", "7", R"(\"text\")", "{} {}"}) {
        const Encoded encoded =
            encode(conversation(calls(call("a", "f", arguments)) + "," + result("a", R"("x")")));
        EXPECT_TRUE(encoded.is_refused) << arguments;
        EXPECT_EQ(encoded.param, "messages[1].tool_calls[0].function.arguments");
    }
    for (const std::string blank : {"", R"( \n)"}) {
        const Encoded encoded =
            encode(conversation(calls(call("a", "f", blank)) + "," + result("a", R"("x")")));
        EXPECT_NE(encoded.body.find(R"("args":{})"), std::string::npos) << encoded.body;
    }
}

TEST(GeminiRequest, ResultsAreObjects) {
    const auto check = [](const std::string& content, const std::string& response) {
        const Encoded encoded =
            encode(conversation(calls(call("a", "f", "{}")) + "," + result("a", content)));
        EXPECT_NE(encoded.body.find(R"("response":)" + response + "}"), std::string::npos)
            << encoded.body;
    };
    check(R"("{\"a\": 1.0}")", R"({"a": 1.0})");
    check(R"("\n {\"a\":1}")", "\n {\"a\":1}");
    check(R"("{broken")", R"({"output":"{broken"})");
    check(R"("[1]")", R"({"output":"[1]"})");
    check(R"("")", R"({"output":""})");
    check(R"("not {\"a\":1}")", R"({"output":"not {\"a\":1}"})");
    check(R"([{"type":"text","text":"a"},{"type":"text","text":"b"}])", R"({"output":"a\nb"})");
}

// Ids and signatures.

TEST(GeminiRequest, OnlyIdsOfGeminiGoBack) {
    const Encoded encoded = encode(
        conversation(calls(call("dv8szvqe", "f", "{}") + "," + call("call_123", "g", "{}")) + "," +
                     result("dv8szvqe", R"("x")") + "," + result("call_123", R"("y")")));
    EXPECT_NE(encoded.body.find(R"("functionCall":{"id":"dv8szvqe","name":"f")"),
              std::string::npos);
    EXPECT_NE(encoded.body.find(R"("functionResponse":{"id":"dv8szvqe","name":"f")"),
              std::string::npos);
    EXPECT_EQ(encoded.body.find("call_123"), std::string::npos) << encoded.body;
}

TEST(GeminiRequest, EachTurnOfGemini3BeginsItsCallsWithASignature) {
    const std::string history = calls(call("a", "f", "{}") + "," + call("b", "f", "{}")) + "," +
                                result("a", R"("x")") + "," + result("b", R"("x")") + "," +
                                calls(call("c", "f", "{}")) + "," + result("c", R"("x")");
    const auto count = [](const Encoded& encoded) {
        size_t found = 0;
        for (size_t at = 0; (at = encoded.body.find("thoughtSignature", at)) != std::string::npos;
             ++at) {
            ++found;
        }
        return found;
    };
    EXPECT_EQ(count(encode(conversation(history), {.model = "gemini-3-pro-preview"})), 2);
    EXPECT_EQ(count(encode(conversation(history), {.model = "gemini-flash-latest"})), 2);
    EXPECT_EQ(count(encode(conversation(history), {.model = "gemini-2.5-pro"})), 0);
}

// Options.

TEST(GeminiRequest, ThinkingByFamily) {
    const auto thinking = [](std::string_view model, const std::string& option) {
        const Encoded encoded = encode(kHello + "," + option, {.model = model});
        const size_t at = encoded.body.find(R"("thinkingConfig":)");
        return at == std::string::npos ? "" : encoded.body.substr(at + 17);
    };
    const auto effort = [&](std::string_view model, const std::string& name) {
        return thinking(model, R"("reasoning_effort":")" + name + "\"");
    };
    EXPECT_EQ(effort("gemini-2.5-flash", "none"), R"({"thinkingBudget":0}}})");
    EXPECT_EQ(effort("gemini-2.5-pro", "none"), R"({"thinkingBudget":128}}})");
    EXPECT_EQ(effort("gemini-2.5-flash", "low"),
              R"({"thinkingBudget":1024,"includeThoughts":true}}})");
    EXPECT_EQ(effort("gemini-2.5-flash", "max"),
              R"({"thinkingBudget":24576,"includeThoughts":true}}})");
    EXPECT_EQ(effort("gemini-2.5-pro", "xhigh"),
              R"({"thinkingBudget":32768,"includeThoughts":true}}})");
    EXPECT_EQ(effort("gemini-3-pro-preview", "none"), R"({"thinkingLevel":"LOW"}}})");
    EXPECT_EQ(effort("gemini-3.5-flash", "minimal"),
              R"({"thinkingLevel":"MINIMAL","includeThoughts":true}}})");
    EXPECT_EQ(effort("models/gemini-3.5-flash", "xhigh"),
              R"({"thinkingLevel":"HIGH","includeThoughts":true}}})");
    EXPECT_EQ(effort("gemini-2.0-flash", "low"), "");
    const std::string thinking_object = R"("thinking":{"type":"enabled","budget_tokens":5000})";
    EXPECT_EQ(thinking("gemini-2.5-flash", thinking_object),
              R"({"thinkingBudget":5000,"includeThoughts":true}}})");
    EXPECT_EQ(thinking("gemini-3.5-flash", thinking_object),
              R"({"thinkingLevel":"MEDIUM","includeThoughts":true}}})");
    EXPECT_EQ(thinking("gemini-2.5-flash", R"("thinking":{"type":"disabled"})"),
              R"({"thinkingBudget":0}}})");
}

TEST(GeminiRequest, FormatsWithFunctionsBeforeGemini3AreAskedForInWords) {
    const std::string members =
        kHello + R"(,"tools":[{"type":"function","function":{"name":"f"}}],"response_format":)"
                 R"({"type":"json_schema","json_schema":{"name":"n","schema":{"type":"array"}}})";
    const Encoded old = encode(members, {.model = "gemini-2.5-flash"});
    EXPECT_EQ(old.body.find("responseMimeType"), std::string::npos);
    EXPECT_NE(old.body.find(R"({\"type\":\"array\"})"), std::string::npos) << old.body;
    EXPECT_EQ(old.dropped, std::vector<std::string>{"response_format"});
    const Encoded recent = encode(members, {.model = "gemini-3.5-flash"});
    EXPECT_NE(recent.body.find(R"("responseJsonSchema":{"type":"array"})"), std::string::npos);
    EXPECT_TRUE(recent.dropped.empty());
}

TEST(GeminiRequest, LimitsOfOptions) {
    const Encoded stops = encode(kHello + R"(,"stop":["a","b","","c","d","e","f"])");
    EXPECT_EQ(differs(stops, "generationConfig", R"({"stopSequences":["a","b","c","d","e"]})"), "");
    EXPECT_EQ(stops.dropped, std::vector<std::string>{"stop"});
    EXPECT_EQ(encode(kHello + R"(,"n":1)").body.find("generationConfig"), std::string::npos);
    EXPECT_EQ(encode(kHello + R"(,"n":9)").param, "n");
    EXPECT_EQ(encode(kHello + R"(,"n":1.5)").param, "n");
    const Encoded logprobs = encode(kHello + R"(,"logprobs":true,"top_logprobs":3)");
    EXPECT_EQ(differs(logprobs, "generationConfig", R"({"responseLogprobs":true,"logprobs":3})"),
              "");
}

TEST(GeminiRequest, HintsInsideOfMessagesAndToolsAreListedOnce) {
    const Encoded encoded = encode(
        R"("messages":[{"role":"user","name":"n","content":[
            {"type":"text","text":"t","cache_control":{"type":"ephemeral"}},
            {"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA","detail":"low"}},
            {"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA","detail":"high"}}
            ]}],"tools":[{"type":"function","function":{"name":"f","strict":true}}])");
    EXPECT_EQ(encoded.dropped,
              (std::vector<std::string>{"name", "cache_control", "detail", "strict"}));
}

TEST(GeminiRequest, TiersOfService) {
    const std::string flex = kHello + R"(,"service_tier":"flex")";
    EXPECT_EQ(differs(encode(flex), "serviceTier", R"("flex")"), "");
    EXPECT_EQ(
        differs(encode(kHello + R"(,"service_tier":"default")"), "serviceTier", R"("standard")"),
        "");
    EXPECT_EQ(encode(flex, {.vendor = "vertex"}).dropped, std::vector<std::string>{"service_tier"});
    EXPECT_TRUE(encode(kHello + R"(,"service_tier":"auto")").dropped.empty());
}

TEST(GeminiRequest, HintsAreDroppedOrRefused) {
    const std::string members =
        kHello + R"(,"user":"u","store":true,"logit_bias":{"1":2},"parallel_tool_calls":false,)"
                 R"("prediction":null)";
    EXPECT_EQ(encode(members).dropped,
              (std::vector<std::string>{"logit_bias", "parallel_tool_calls", "user", "store"}));
    const Encoded strict = encode(members, {.policy = UnsupportedPolicy::strict});
    EXPECT_TRUE(strict.is_refused);
    EXPECT_EQ(strict.param, "logit_bias");
    EXPECT_EQ(encode(kHello + R"(,"modalities":["text","audio"])").param, "modalities");
    EXPECT_TRUE(encode(R"("messages":[{"role":"system","content":"s"}])").is_refused);
}

// Files.

std::string image(const std::string& url) {
    return R"("messages":[{"role":"user","content":[{"type":"text","text":"t"},)"
           R"({"type":"image_url","image_url":{"url":")" +
           url + R"("}}]}])";
}

TEST(GeminiRequest, ImagesByUrlAreFetchedWhereTheyMustBe) {
    const std::string members = image("https://example.com/a.png?x=1");
    const Encoded refused = encode(members);
    EXPECT_TRUE(refused.is_refused);
    EXPECT_EQ(refused.param, "messages[0].content[1]");
    const Encoded fetched =
        encode(members, {.fetched = {{.media_type = "image/png", .data = "AAAA"}}});
    EXPECT_EQ(differs(fetched, "contents",
                      R"([{"role":"user","parts":[{"text":"t"},
                          {"inlineData":{"mimeType":"image/png","data":"AAAA"}}]}])"),
              "");
    const Encoded vertex = encode(members, {.vendor = "vertex"});
    EXPECT_EQ(differs(vertex, "contents",
                      R"([{"role":"user","parts":[{"text":"t"},{"fileData":{
                          "mimeType":"image/png","fileUri":"https://example.com/a.png?x=1"}}]}])"),
              "");
    // Without a type Vertex would refuse it.
    EXPECT_TRUE(encode(image("https://example.com/a"), {.vendor = "vertex"}).is_refused);
}

TEST(GeminiRequest, AudioAndDocumentsGoInline) {
    const Encoded encoded = encode(
        R"("messages":[{"role":"user","content":[
            {"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}},
            {"type":"file","file":{"filename":"a.pdf",
                                   "file_data":"data:application/pdf;base64,BBBB"}}]}])");
    EXPECT_EQ(differs(encoded, "contents",
                      R"([{"role":"user","parts":[
                          {"inlineData":{"mimeType":"audio/wav","data":"AAAA"}},
                          {"inlineData":{"mimeType":"application/pdf","data":"BBBB"}}]}])"),
              "");
    EXPECT_EQ(encode(R"("messages":[{"role":"user","content":[
                          {"type":"file","file":{"file_id":"file-1"}}]}])")
                  .param,
              "messages[0].content[0]");
}

}  // namespace
}  // namespace sluice::providers::test
