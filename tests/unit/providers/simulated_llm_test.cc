// The simulated LLM against the shapes of OpenAI's API and against itself: the streamed answer put
// together is the whole answer.
#include "providers/simulated_llm.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"
#include "json/document.h"

namespace sluice::providers {
namespace {

using json::Document;
using json::ValueType;

struct Event {
    std::string name = {};  // Empty when the event has none.
    std::string data = {};
    SimulatedPace pace = SimulatedPace::at_once;
};

// Every event is at most one `event:` line and one `data:` line, and a blank line.
std::vector<Event> stream(const SimulatedRequest& request, const SimulatedSettings& settings) {
    SimulatedAnswer answer(request, settings);
    std::vector<Event> events;
    while (answer.has_event()) {
        Event event{.pace = answer.pace()};
        std::string bytes;
        answer.append_event(bytes);
        EXPECT_TRUE(bytes.ends_with("\n\n"));
        std::string_view left(bytes);
        left.remove_suffix(2);
        if (left.starts_with("event: ")) {
            event.name = left.substr(7, left.find('\n') - 7);
            left.remove_prefix(left.find('\n') + 1);
        }
        EXPECT_TRUE(left.starts_with("data: ")) << left;
        event.data = left.substr(6);
        EXPECT_EQ(event.data.find('\n'), std::string::npos);
        events.push_back(std::move(event));
    }
    return events;
}

std::string body(const SimulatedRequest& request, const SimulatedSettings& settings) {
    std::string text;
    SimulatedAnswer(request, settings).append_body(text);
    return text;
}

PromptMeter prompt(std::string_view text) {
    PromptMeter meter;
    meter.add(text);
    return meter;
}

SimulatedRequest chat(bool streamed) {
    SimulatedRequest request;
    request.model = "gpt-sim";
    request.prompt = prompt("What do you say?");
    request.stream = streamed;
    return request;
}

SimulatedRequest with_tool(SimulatedRequest request, ToolForce force) {
    request.tool_force = force;
    request.tool_name = "look_up";
    request.tool_arguments = R"({"city":"Zürich 🙂","unit":"\"c\"","n":[1,2,3]})";
    return request;
}

// What a client puts together from the chunks of a chat or completions stream.
struct Aggregate {
    struct Choice {
        std::string content;
        std::string arguments;
        std::string tool_name;
        std::string tool_id;
        std::string finish_reason;
        bool has_role = false;
    };
    std::map<int64_t, Choice> choices;
    bool has_usage = false;
    int64_t prompt_tokens = 0;
    int64_t completion_tokens = 0;
    int64_t total_tokens = 0;
};

void add_usage(Aggregate& all, const Document& chunk) {
    all.has_usage = true;
    all.prompt_tokens = chunk.integer("/usage/prompt_tokens").value();
    all.completion_tokens = chunk.integer("/usage/completion_tokens").value();
    all.total_tokens = chunk.integer("/usage/total_tokens").value();
}

void add_tool_delta(Aggregate::Choice& choice, const Document& chunk) {
    EXPECT_EQ(chunk.integer("/choices/0/delta/tool_calls/0/index").value(), 0);
    if (choice.tool_id.empty()) {
        choice.tool_id = chunk.string("/choices/0/delta/tool_calls/0/id").value();
        choice.tool_name = chunk.string("/choices/0/delta/tool_calls/0/function/name").value();
        EXPECT_EQ(chunk.string("/choices/0/delta/tool_calls/0/type").value(), "function");
    } else {
        EXPECT_FALSE(chunk.has("/choices/0/delta/tool_calls/0/id"));
        EXPECT_FALSE(chunk.has("/choices/0/delta/tool_calls/0/type"));
        EXPECT_FALSE(chunk.has("/choices/0/delta/tool_calls/0/function/name"));
    }
    choice.arguments += chunk.string("/choices/0/delta/tool_calls/0/function/arguments").value();
}

void add_chunk(Aggregate& all, const Document& chunk, bool is_chat) {
    EXPECT_FALSE(all.has_usage) << "the usage chunk is the last one";
    if (chunk.size("/choices").value() == 0) {
        for (const auto& [index, choice] : all.choices) {
            EXPECT_FALSE(choice.finish_reason.empty()) << "usage comes after the finish";
        }
        add_usage(all, chunk);
        return;
    }
    Aggregate::Choice& choice = all.choices[chunk.integer("/choices/0/index").value()];
    EXPECT_TRUE(choice.finish_reason.empty()) << "nothing follows the finish";
    if (is_chat && !choice.has_role) {
        choice.has_role = true;
        EXPECT_EQ(chunk.string("/choices/0/delta/role").value(), "assistant");
    } else if (is_chat) {
        EXPECT_FALSE(chunk.has("/choices/0/delta/role"));
    }
    if (chunk.has("/choices/0/delta/tool_calls")) {
        add_tool_delta(choice, chunk);
    }
    const char* text = is_chat ? "/choices/0/delta/content" : "/choices/0/text";
    if (chunk.type(text) == ValueType::string) {
        choice.content += chunk.string(text).value();
    }
    if (chunk.type("/choices/0/finish_reason") == ValueType::string) {
        choice.finish_reason = chunk.string("/choices/0/finish_reason").value();
    }
}

// Checks what holds for every stream of chunks, and puts it together.
Aggregate aggregate(const std::vector<Event>& events, bool include_usage, bool is_chat) {
    Aggregate all;
    std::string same;
    for (size_t i = 0; i < events.size(); ++i) {
        EXPECT_TRUE(events[i].name.empty());
        if (i + 1 == events.size()) {
            EXPECT_EQ(events[i].data, "[DONE]");
            break;
        }
        Document chunk;
        EXPECT_TRUE(chunk.parse(events[i].data).has_value()) << events[i].data;
        const std::string identity = std::string(chunk.string("/id").value()) + " " +
                                     std::string(chunk.string("/model").value()) + " " +
                                     std::to_string(chunk.integer("/created").value());
        same = i == 0 ? identity : same;
        EXPECT_EQ(identity, same);
        EXPECT_EQ(chunk.string("/object").value(),
                  is_chat ? "chat.completion.chunk" : "text_completion");
        EXPECT_EQ(chunk.has("/usage"), include_usage);
        add_chunk(all, chunk, is_chat);
    }
    EXPECT_EQ(all.has_usage, include_usage);
    for (const auto& [index, choice] : all.choices) {
        EXPECT_FALSE(choice.finish_reason.empty());
    }
    return all;
}

TEST(PromptMeter, CountsATokenForFourBytesWhereverTheTextIsCut) {
    EXPECT_EQ(prompt("").tokens(), 1U);
    EXPECT_EQ(prompt("abcd").tokens(), 1U);
    EXPECT_EQ(prompt("abcde").tokens(), 2U);
    PromptMeter pieces;
    pieces.add("ab");
    pieces.add("");
    pieces.add("cde");
    EXPECT_EQ(pieces.hash(), prompt("abcde").hash());
    EXPECT_EQ(pieces.tokens(), 2U);
    EXPECT_NE(pieces.hash(), prompt("abcdf").hash());
}

TEST(SimulatedChat, TheStreamPutTogetherIsTheWholeAnswer) {
    for (const uint32_t choices : {1U, 3U}) {
        for (const uint32_t tokens : {0U, 1U, 2U, 64U}) {
            SimulatedRequest request = chat(true);
            request.include_usage = true;
            request.choices = choices;
            const SimulatedSettings settings{.tokens = tokens, .created_s = 1'700'000'000};
            const Aggregate all = aggregate(stream(request, settings), true, true);
            Document whole;
            ASSERT_TRUE(whole.parse(body(request, settings)).has_value());
            EXPECT_EQ(whole.string("/object").value(), "chat.completion");
            EXPECT_EQ(whole.integer("/created").value(), 1'700'000'000);
            ASSERT_EQ(whole.size("/choices").value(), choices);
            ASSERT_EQ(all.choices.size(), choices);
            EXPECT_EQ(whole.string("/choices/0/message/content").value(),
                      all.choices.at(0).content);
            EXPECT_EQ(whole.string("/choices/0/message/role").value(), "assistant");
            EXPECT_EQ(whole.string("/choices/0/finish_reason").value(), "stop");
            EXPECT_EQ(all.choices.at(0).finish_reason, "stop");
            if (choices > 1) {
                EXPECT_EQ(whole.string("/choices/2/message/content").value(),
                          all.choices.at(2).content);
                EXPECT_EQ(all.choices.at(2).content == all.choices.at(0).content, tokens == 0);
            }
            EXPECT_EQ(whole.integer("/usage/prompt_tokens").value(), 4);
            EXPECT_EQ(whole.integer("/usage/completion_tokens").value(), tokens * choices);
            EXPECT_EQ(whole.integer("/usage/total_tokens").value(), 4 + tokens * choices);
            EXPECT_EQ(all.prompt_tokens, 4);
            EXPECT_EQ(all.completion_tokens, tokens * choices);
            EXPECT_EQ(all.total_tokens, 4 + tokens * choices);
        }
    }
}

TEST(SimulatedChat, HasAUsageChunkOnlyWhenAsked) {
    const auto events = stream(chat(true), {.tokens = 3});
    EXPECT_EQ(events.size(), 1U + 3U + 1U + 1U);
    EXPECT_FALSE(aggregate(events, false, true).has_usage);
}

TEST(SimulatedChat, EndsWithLengthWhenTheRequestAllowsLess) {
    SimulatedRequest request = chat(true);
    for (const uint32_t limit : {1U, 9U, 10U, 11U}) {
        request.tokens_max = limit;
        const Aggregate all = aggregate(stream(request, {.tokens = 10}), false, true);
        EXPECT_EQ(all.choices.at(0).finish_reason, limit < 10 ? "length" : "stop");
        const SimulatedAnswer answer(request, {.tokens = 10});
        EXPECT_EQ(answer.tokens_to_make(), std::min(limit, 10U));
        EXPECT_EQ(answer.usage().completion_tokens, std::min(limit, 10U));
    }
}

TEST(SimulatedChat, IsTheSameForTheSameRequestAndOnlyThen) {
    SimulatedRequest request = chat(false);
    const SimulatedSettings settings{.tokens = 20, .created_s = 7, .id_seed = 1};
    const std::string first = body(request, settings);
    EXPECT_EQ(body(request, settings), first);
    const auto content_of = [](const std::string& text) {
        Document document;
        EXPECT_TRUE(document.parse(text).has_value());
        return std::string(document.string("/choices/0/message/content").value());
    };
    SimulatedSettings other_id = settings;
    other_id.id_seed = 2;
    EXPECT_NE(body(request, other_id), first);
    EXPECT_EQ(content_of(body(request, other_id)), content_of(first));
    request.model = "gpt-other";
    EXPECT_NE(content_of(body(request, settings)), content_of(first));
    request = chat(false);
    request.prompt = prompt("What do you think?");
    EXPECT_NE(content_of(body(request, settings)), content_of(first));
}

TEST(SimulatedChat, PacesLikeAModel) {
    SimulatedRequest request = chat(true);
    request.choices = 2;
    request.include_usage = true;
    std::string paces;
    for (const Event& event : stream(request, {.tokens = 3})) {
        paces += event.pace == SimulatedPace::first_token  ? 'F'
                 : event.pace == SimulatedPace::next_token ? 'N'
                                                           : '.';
    }
    // Two roles; three tokens of two choices; two finishes, usage, the end.
    EXPECT_EQ(paces,
              "F."
              "..N.N."
              "....");
}

TEST(SimulatedChat, CallsAToolWhenForced) {
    for (const ToolForce force : {ToolForce::required, ToolForce::named}) {
        const SimulatedRequest request = with_tool(chat(true), force);
        const Aggregate all = aggregate(stream(request, {}), false, true);
        const Aggregate::Choice& choice = all.choices.at(0);
        EXPECT_EQ(choice.content, "");
        EXPECT_EQ(choice.tool_name, "look_up");
        EXPECT_EQ(choice.arguments, request.tool_arguments);
        EXPECT_EQ(choice.finish_reason, force == ToolForce::named ? "stop" : "tool_calls");
        Document whole;
        ASSERT_TRUE(whole.parse(body(request, {})).has_value());
        const std::string call = "/choices/0/message/tool_calls/0";
        EXPECT_EQ(whole.type("/choices/0/message/content"), ValueType::null);
        EXPECT_EQ(whole.string((call + "/id").c_str()).value(), choice.tool_id);
        EXPECT_EQ(whole.string((call + "/function/name").c_str()).value(), "look_up");
        EXPECT_EQ(whole.string((call + "/function/arguments").c_str()).value(),
                  request.tool_arguments);
        EXPECT_LE(choice.tool_id.size(), 40U);
    }
}

TEST(SimulatedChat, MakesArgumentsThatAreJson) {
    SimulatedRequest request = with_tool(chat(true), ToolForce::required);
    request.tool_arguments = {};
    const Aggregate all = aggregate(stream(request, {}), false, true);
    Document arguments;
    ASSERT_TRUE(arguments.parse(all.choices.at(0).arguments).has_value());
    EXPECT_EQ(arguments.type("/input"), ValueType::string);
}

TEST(SimulatedChat, ACutToolCallStaysCut) {
    SimulatedRequest request = with_tool(chat(true), ToolForce::required);
    request.tokens_max = 2;
    const Aggregate all = aggregate(stream(request, {}), false, true);
    EXPECT_EQ(all.choices.at(0).finish_reason, "length");
    EXPECT_TRUE(request.tool_arguments.starts_with(all.choices.at(0).arguments));
    EXPECT_LT(all.choices.at(0).arguments.size(), request.tool_arguments.size());
}

TEST(SimulatedChat, EscapesTheModelsName) {
    SimulatedRequest request = chat(true);
    request.model = "a\"b\\c\n";
    Document chunk;
    ASSERT_TRUE(chunk.parse(stream(request, {})[0].data).has_value());
    EXPECT_EQ(chunk.string("/model").value(), request.model);
}

TEST(SimulatedCompletions, TheStreamPutTogetherIsTheWholeAnswer) {
    SimulatedRequest request = chat(true);
    request.endpoint = SimulatedEndpoint::completions;
    request.include_usage = true;
    request.choices = 2;
    const auto events = stream(request, {.tokens = 16});
    EXPECT_EQ(events[0].pace, SimulatedPace::first_token);
    const Aggregate all = aggregate(events, true, false);
    Document whole;
    ASSERT_TRUE(whole.parse(body(request, {.tokens = 16})).has_value());
    EXPECT_EQ(whole.string("/object").value(), "text_completion");
    EXPECT_TRUE(whole.string("/id").value().starts_with("cmpl-"));
    EXPECT_EQ(whole.string("/choices/0/text").value(), all.choices.at(0).content);
    EXPECT_EQ(whole.string("/choices/1/text").value(), all.choices.at(1).content);
    EXPECT_EQ(whole.string("/choices/1/finish_reason").value(), "stop");
    EXPECT_EQ(all.completion_tokens, 32);
    EXPECT_EQ(whole.integer("/usage/completion_tokens").value(), 32);
}

std::vector<std::string> names_of(const std::vector<Event>& events) {
    std::vector<std::string> names;
    for (const Event& event : events) {
        if (names.empty() || names.back() != event.name) {
            names.push_back(event.name);
        }
    }
    return names;
}

TEST(SimulatedResponses, EventsComeInTheOrderOfTheApiWithNumbers) {
    SimulatedRequest request = chat(true);
    request.endpoint = SimulatedEndpoint::responses;
    const auto events = stream(request, {.tokens = 5});
    EXPECT_EQ(names_of(events),
              (std::vector<std::string>{"response.created", "response.in_progress",
                                        "response.output_item.added", "response.content_part.added",
                                        "response.output_text.delta", "response.output_text.done",
                                        "response.content_part.done", "response.output_item.done",
                                        "response.completed"}));
    std::string text;
    std::string item_id;
    for (size_t i = 0; i < events.size(); ++i) {
        Document event;
        ASSERT_TRUE(event.parse(events[i].data).has_value()) << events[i].data;
        EXPECT_EQ(event.string("/type").value(), events[i].name);
        EXPECT_EQ(event.integer("/sequence_number").value(), static_cast<int64_t>(i));
        if (events[i].name == "response.output_item.added") {
            item_id = event.string("/item/id").value();
            EXPECT_EQ(event.string("/item/status").value(), "in_progress");
            EXPECT_EQ(event.size("/item/content").value(), 0U);
        } else if (event.has("/item_id")) {
            EXPECT_EQ(event.string("/item_id").value(), item_id);
            EXPECT_EQ(event.integer("/content_index").value(), 0);
        }
        if (events[i].name == "response.output_text.delta") {
            text += event.string("/delta").value();
        } else if (events[i].name == "response.output_text.done") {
            EXPECT_EQ(event.string("/text").value(), text);
        } else if (events[i].name == "response.content_part.done") {
            EXPECT_EQ(event.string("/part/text").value(), text);
        } else if (events[i].name == "response.output_item.done") {
            EXPECT_EQ(event.string("/item/content/0/text").value(), text);
        } else if (events[i].name == "response.created") {
            EXPECT_EQ(event.string("/response/status").value(), "in_progress");
            EXPECT_EQ(event.type("/response/usage"), ValueType::null);
        }
    }
    // The terminal event holds what the whole answer is.
    EXPECT_EQ(events.back().data, "{\"type\":\"response.completed\",\"sequence_number\":" +
                                      std::to_string(events.size() - 1) +
                                      ",\"response\":" + body(request, {.tokens = 5}) + "}");
    EXPECT_EQ(events[2].pace, SimulatedPace::first_token);
    EXPECT_EQ(events[5].pace, SimulatedPace::next_token);
}

TEST(SimulatedResponses, TheWholeAnswerHasItsUsage) {
    SimulatedRequest request = chat(false);
    request.endpoint = SimulatedEndpoint::responses;
    request.tokens_max = 16;
    Document whole;
    ASSERT_TRUE(whole.parse(body(request, {.tokens = 20, .created_s = 9})).has_value());
    EXPECT_EQ(whole.string("/object").value(), "response");
    EXPECT_TRUE(whole.string("/id").value().starts_with("resp_"));
    EXPECT_EQ(whole.integer("/created_at").value(), 9);
    EXPECT_EQ(whole.string("/status").value(), "incomplete");
    EXPECT_EQ(whole.string("/incomplete_details/reason").value(), "max_output_tokens");
    EXPECT_EQ(whole.string("/output/0/type").value(), "message");
    EXPECT_EQ(whole.integer("/usage/input_tokens").value(), 4);
    EXPECT_EQ(whole.integer("/usage/output_tokens").value(), 16);
    EXPECT_EQ(whole.integer("/usage/total_tokens").value(), 20);
    EXPECT_EQ(whole.integer("/max_output_tokens").value(), 16);
}

TEST(SimulatedResponses, StreamsTheArgumentsOfAToolCall) {
    SimulatedRequest request = with_tool(chat(true), ToolForce::required);
    request.endpoint = SimulatedEndpoint::responses;
    const auto events = stream(request, {});
    EXPECT_EQ(names_of(events),
              (std::vector<std::string>{
                  "response.created", "response.in_progress", "response.output_item.added",
                  "response.function_call_arguments.delta", "response.function_call_arguments.done",
                  "response.output_item.done", "response.completed"}));
    std::string arguments;
    for (const Event& one : events) {
        Document event;
        ASSERT_TRUE(event.parse(one.data).has_value()) << one.data;
        if (one.name == "response.function_call_arguments.delta") {
            arguments += event.string("/delta").value();
        } else if (one.name == "response.function_call_arguments.done") {
            EXPECT_EQ(event.string("/arguments").value(), arguments);
        } else if (one.name == "response.completed") {
            EXPECT_EQ(event.string("/response/output/0/type").value(), "function_call");
            EXPECT_EQ(event.string("/response/output/0/name").value(), "look_up");
            EXPECT_EQ(event.string("/response/output/0/arguments").value(), arguments);
            EXPECT_TRUE(event.string("/response/output/0/call_id").value().starts_with("call_"));
        }
    }
    EXPECT_EQ(arguments, request.tool_arguments);
}

std::vector<float> decode_base64(std::string_view text) {
    constexpr std::string_view kAlphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string bytes;
    uint32_t bits = 0;
    int count = 0;
    for (const char c : text) {
        if (c == '=') {
            break;
        }
        bits = bits << 6 | static_cast<uint32_t>(kAlphabet.find(c));
        count += 6;
        if (count >= 8) {
            count -= 8;
            bytes += static_cast<char>(bits >> count & 0xff);
        }
    }
    EXPECT_EQ(text.size() % 4, 0U);
    std::vector<float> values(bytes.size() / sizeof(float));
    std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
    return values;
}

TEST(SimulatedEmbeddings, FloatsAndBase64AreTheSameVectorOfLengthOne) {
    const std::array inputs = {prompt("one"), prompt("two"), prompt("one")};
    for (const uint32_t dimensions : {1U, 2U, 3U, 256U}) {
        SimulatedRequest request;
        request.endpoint = SimulatedEndpoint::embeddings;
        request.model = "embed-sim";
        request.prompt = prompt("onetwoone");
        request.inputs = inputs;
        request.dimensions = dimensions;
        Document floats;
        ASSERT_TRUE(floats.parse(body(request, {})).has_value());
        request.base64 = true;
        Document base64;
        ASSERT_TRUE(base64.parse(body(request, {})).has_value());
        EXPECT_EQ(floats.string("/object").value(), "list");
        ASSERT_EQ(floats.size("/data").value(), 3U);
        EXPECT_EQ(floats.integer("/data/2/index").value(), 2);
        EXPECT_EQ(floats.integer("/usage/prompt_tokens").value(), 3);
        EXPECT_EQ(floats.integer("/usage/total_tokens").value(), 3);
        const auto values = decode_base64(base64.string("/data/1/embedding").value());
        ASSERT_EQ(values.size(), dimensions);
        double squares = 0;
        for (size_t i = 0; i < values.size(); ++i) {
            const std::string path = "/data/1/embedding/" + std::to_string(i);
            EXPECT_EQ(static_cast<float>(floats.number(path.c_str()).value()), values[i]);
            squares += static_cast<double>(values[i]) * static_cast<double>(values[i]);
        }
        EXPECT_NEAR(squares, 1.0, 1e-5);
        EXPECT_EQ(base64.string("/data/0/embedding").value(),
                  decode_base64(base64.string("/data/2/embedding").value()) ==
                          decode_base64(base64.string("/data/0/embedding").value())
                      ? base64.string("/data/2/embedding").value()
                      : "the same input gives another vector");
    }
}

TEST(SimulatedModels, ListAndEntry) {
    const std::vector<std::string> models = {"a", "b/c"};
    std::string text;
    append_simulated_models(text, models, 5);
    Document list;
    ASSERT_TRUE(list.parse(text).has_value());
    EXPECT_EQ(list.string("/object").value(), "list");
    EXPECT_EQ(list.string("/data/1/id").value(), "b/c");
    EXPECT_EQ(list.string("/data/1/object").value(), "model");
    EXPECT_EQ(list.integer("/data/1/created").value(), 5);
    EXPECT_EQ(list.size("/data").value(), 2U);
}

TEST(SimulatedStream, DoesNotAllocatePerEventOnceTheBufferHasItsSize) {
    SimulatedAnswer answer(chat(true), {.tokens = 1'000});
    std::string out;
    out.reserve(4'096);
    const char* const data = out.data();
    while (answer.has_event()) {
        out.clear();
        answer.append_event(out);
        ASSERT_EQ(out.data(), data);
    }
}

}  // namespace
}  // namespace sluice::providers
