// Requests of clients of the Responses API toward vendors that have another.
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/arena.h"
#include "base/error.h"
#include "json/tree.h"
#include "providers/dialect.h"
#include "providers/translation.h"
#include "unit/providers/client_trial.h"

namespace sluice::providers::test {

namespace {

ClientTrial sent(std::string_view body, std::string_view vendor = "deepseek") {
    return translate_for(Dialect::responses, vendor, body);
}

TEST(ResponsesRequest, ATextIsAMessage) {
    EXPECT_EQ(sent(R"({"model":"x","input":"Hi \u00e9","instructions":"Be kind","store":true})")
                  .difference(R"({"model":"m","messages":[{"role":"system","content":"Be kind"},)"
                              R"({"role":"user","content":"Hi \u00e9"}]})"),
              "");
}

TEST(ResponsesRequest, ItemsOfOneTurnAreOneMessage) {
    const ClientTrial trial = sent(
        R"({"model":"x","input":[
            {"role":"developer","content":"D"},
            {"type":"message","role":"user","content":[{"type":"input_text","text":"U"}]},
            {"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"why"}],
             "encrypted_content":"x"},
            {"type":"message","role":"assistant","id":"msg_1","status":"completed",
             "content":[{"type":"output_text","text":"A","annotations":[]}]},
            {"type":"function_call","id":"fc_1","call_id":"call_1","name":"f",
             "arguments":"{\"a\":1}","status":"completed"},
            {"type":"function_call","call_id":"call_2","name":"g","arguments":"{}"},
            {"type":"function_call_output","call_id":"call_1","output":"one"},
            {"type":"function_call_output","call_id":"call_2",
             "output":[{"type":"input_text","text":"two"}]}]})");
    EXPECT_EQ(trial.difference(
                  R"({"model":"m","messages":[{"role":"system","content":"D"},
            {"role":"user","content":[{"type":"text","text":"U"}]},
            {"role":"assistant","content":[{"type":"text","text":"A"}],"reasoning_content":"why",
             "tool_calls":[{"id":"call_1","type":"function","function":{"name":"f",
             "arguments":"{\"a\":1}"}},{"id":"call_2","type":"function",
             "function":{"name":"g","arguments":"{}"}}]},
            {"role":"tool","content":"one","tool_call_id":"call_1"},
            {"role":"tool","content":[{"type":"text","text":"two"}],"tool_call_id":"call_2"}]})"),
              "")
        << trial.body;
}

TEST(ResponsesRequest, CallsBeforeTheTextBelongToItsTurn) {
    const ClientTrial trial = sent(
        R"({"model":"x","input":[{"role":"user","content":"U"},
            {"type":"function_call","call_id":"c","name":"f","arguments":"{}"},
            {"role":"assistant","content":"A"},
            {"type":"function_call_output","call_id":"c","output":"O"},
            {"type":"function_call","call_id":"d","name":"f","arguments":"{}"},
            {"type":"function_call_output","call_id":"d","output":"P"}]})");
    EXPECT_EQ(trial.difference(
                  R"({"model":"m","messages":[{"role":"user","content":"U"},
            {"role":"assistant","content":"A","tool_calls":[{"id":"c","type":"function",
             "function":{"name":"f","arguments":"{}"}}]},
            {"role":"tool","content":"O","tool_call_id":"c"},
            {"role":"assistant","tool_calls":[{"id":"d","type":"function",
             "function":{"name":"f","arguments":"{}"}}]},
            {"role":"tool","content":"P","tool_call_id":"d"}]})"),
              "")
        << trial.body;
}

TEST(ResponsesRequest, PicturesAndFiles) {
    const ClientTrial trial = sent(
        R"({"model":"x","input":[{"role":"user","content":[
            {"type":"input_image","image_url":"https://a/b.png","detail":"low"},
            {"type":"input_image","image_url":"data:image/png;base64,iVBORw0KGgo="},
            {"type":"input_file","filename":"a.pdf",
             "file_data":"data:application/pdf;base64,JVBERi0="}]}]})",
        "openai_compatible");
    EXPECT_EQ(trial.difference(
                  R"({"model":"m","messages":[{"role":"user","content":[
            {"type":"image_url","image_url":{"url":"https://a/b.png","detail":"low"}},
            {"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo="}},
            {"type":"file","file":{"filename":"a.pdf",
             "file_data":"data:application/pdf;base64,JVBERi0="}}]}]})"),
              "")
        << trial.body;
}

TEST(ResponsesRequest, ToolsAndOptions) {
    const ClientTrial trial = sent(
        R"({"model":"x","input":"U","tools":[{"type":"function","name":"f","description":"d",
            "parameters":{"type":"object"},"strict":true}],"tool_choice":{"type":"function",
            "name":"f"},"parallel_tool_calls":false,"max_output_tokens":99,"temperature":0.50,
            "top_p":0.9,"reasoning":{"effort":"low","summary":"auto"},"metadata":{"k":"v"},
            "user":"u","safety_identifier":"s","stream":true,"text":{"verbosity":"low",
            "format":{"type":"json_schema","name":"n","schema":{"type":"object"},
            "strict":true}}})",
        "openai");
    EXPECT_EQ(trial.difference(
                  R"({"model":"m","messages":[{"role":"user","content":"U"}],
            "tools":[{"type":"function","function":{"name":"f","description":"d",
            "parameters":{"type":"object"},"strict":true}}],"tool_choice":{"type":"function",
            "function":{"name":"f"}},"parallel_tool_calls":false,"max_completion_tokens":99,
            "temperature":0.50,"top_p":0.9,"reasoning_effort":"low","metadata":{"k":"v"},
            "user":"u","safety_identifier":"s","stream":true,
            "stream_options":{"include_usage":true},"verbosity":"low",
            "response_format":{"type":"json_schema","json_schema":{"name":"n",
            "schema":{"type":"object"},"strict":true}}})"),
              "")
        << trial.body;
    EXPECT_EQ(trial.dropped, "");
}

TEST(ResponsesRequest, AllowedToolsAndJsonObjects) {
    const ClientTrial trial = sent(
        R"({"model":"x","input":"U","tools":[{"type":"function","name":"f"},{"type":"function",
            "name":"g"}],"tool_choice":{"type":"allowed_tools","mode":"required",
            "tools":[{"type":"function","name":"g"}]},"text":{"format":{"type":"json_object"}}})",
        "openai");
    EXPECT_EQ(trial.refusal, "") << trial.message;
    EXPECT_TRUE(trial.body.contains(R"("response_format":{"type":"json_object"})")) << trial.body;
    EXPECT_TRUE(trial.body.contains(R"("required")")) << trial.body;
}

TEST(ResponsesRequest, HintsAreDroppedByName) {
    EXPECT_EQ(sent(R"({"model":"x","input":"U","include":["reasoning.encrypted_content"],
                       "truncation":"auto","max_tool_calls":3,"messages":[],"store":false,
                       "top_logprobs":0,"stream_options":{"include_obfuscation":false}})")
                  .dropped,
              "include truncation max_tool_calls messages");
}

struct Refused {
    std::string_view members;
    std::string_view refusal;
    std::string_view word;  // In the message.
};

TEST(ResponsesRequest, WhatCannotBeTranslatedIsRefusedByName) {
    constexpr Refused kCases[] = {
        {R"("input":"U","previous_response_id":"resp_1")",
         "previous_response_id unsupported_parameter", "keeps no responses"},
        {R"("input":"U","conversation":{"id":"c"})", "conversation unsupported_parameter", ""},
        {R"("input":"U","prompt":{"id":"p"})", "prompt unsupported_parameter", ""},
        {R"("input":"U","background":true)", "background unsupported_parameter", ""},
        {R"("input":"U","tools":[{"type":"function","name":"f"},{"type":"web_search"}])",
         "tools[1].type unsupported_parameter", "'web_search'"},
        {R"("input":"U","tools":[{"type":"custom","name":"f"}])",
         "tools[0].type unsupported_parameter", "'custom'"},
        {R"("input":"U","tool_choice":{"type":"file_search"})",
         "tool_choice.type unsupported_parameter", "'file_search'"},
        {R"("input":"U","tool_choice":"sometimes")", "tool_choice ", ""},
        {R"("input":"U","include":["message.output_text.logprobs"])",
         "include unsupported_parameter", "logprobs"},
        {R"("input":[{"type":"item_reference","id":"msg_1"}])",
         "input[0].type unsupported_parameter", "'item_reference'"},
        {R"("input":[{"role":"user","content":[{"type":"input_image","file_id":"f"}]}])",
         "input[0].content[0].file_id unsupported_parameter", ""},
        {R"("input":[{"role":"user","content":[{"type":"text","text":"U"}]}])",
         "input[0].content[0].type ", ""},
        {R"("input":[{"role":"user","content":[{"type":"input_text"}]}])",
         "input[0].content[0].text ", "a string"},
        {R"("input":[{"type":"function_call_output","call_id":"c","output":[{"type":"x"}]}])",
         "input[0].output[0].type ", ""},
        {R"("input":[{"role":"tool","content":"U"}])", "input[0].role ", ""},
        {R"("input":[])", "input ", "at least one"},
        {R"("instructions":"I")", "input ", "a string or an array"},
        {R"("input":"U","temperature":"hot")", "temperature ", "a number"},
        {R"("input":"U","text":{"format":{"type":"yaml"}})", "text.format.type ", ""},
    };
    for (const Refused& refused : kCases) {
        const ClientTrial trial = sent(R"({"model":"x",)" + std::string(refused.members) + "}");
        EXPECT_EQ(trial.refusal, refused.refusal) << refused.members << trial.message;
        EXPECT_TRUE(trial.message.contains(refused.word)) << trial.message;
    }
}

TEST(ResponsesRequest, TheReplyRepeatsTheRequest) {
    Arena arena;
    Translation translation(arena);
    const auto body = json::Value::parse(
        R"({"model":"x","input":"U","temperature":0.20,"tool_choice":"none","instructions":"I",
            "text":{"format":{"type":"json_object"}},"metadata":{"a":"b"},"max_output_tokens":16})",
        arena, ErrorSource::client);
    const auto request = client_dialect(Dialect::responses)->decode_request(**body, translation);
    ASSERT_TRUE(request.has_value());
    const std::string text = "{" + std::string((*request)->echo) + "}";
    const auto echo = json::Value::parse(text, arena, ErrorSource::client);
    ASSERT_TRUE(echo.has_value()) << text;
    const json::Value& seen = **echo;
    EXPECT_EQ(seen["temperature"].raw(), "0.20");
    EXPECT_EQ(seen["tool_choice"].raw(), "\"none\"");
    EXPECT_EQ(seen["text"].raw(), R"({"format":{"type":"json_object"}})");
    EXPECT_EQ(seen["metadata"].raw(), R"({"a":"b"})");
    EXPECT_EQ(seen["max_output_tokens"].raw(), "16");
    EXPECT_EQ(seen["instructions"].raw(), "null");
    EXPECT_EQ(seen["tools"].raw(), "[]");
    EXPECT_EQ(seen["parallel_tool_calls"].raw(), "true");
    EXPECT_EQ(seen["top_p"].raw(), "1.0");
    EXPECT_EQ(seen["store"].raw(), "false");
}

}  // namespace

}  // namespace sluice::providers::test
