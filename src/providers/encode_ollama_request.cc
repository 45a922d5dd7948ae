// From the canonical request to the body of Ollama's /api/chat.
//
// Messages keep their order and roles. A content is one string there, with images beside it; what
// tunes the model stands in `options`.
#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/result.h"
#include "json/tree.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/ollama.h"
#include "providers/request_limits.h"
#include "providers/tool_history.h"
#include "providers/translation.h"
#include "providers/vendor.h"

namespace sluice::providers {

namespace {

class OllamaRequestWriter {
public:
    OllamaRequestWriter(const ChatRequest& request,
                        const Target& target,
                        Translation& translation,
                        json::TextOutput& body)
        : request_(request),
          target_(target),
          translation_(translation),
          body_(body),
          writer_(body),
          open_calls_(translation.arena()) {}

    Status write();

private:
    Status write_messages();
    Status write_message(const Message& message, size_t index);
    void write_content(const Message& message);
    Status write_images(const Message& message, size_t index);
    Status check_part(const Part& part, size_t message, size_t index);
    Status write_tool_calls(const Message& message, size_t index);
    Status write_tool_answer(const Message& message, size_t index);
    Status write_tools();
    void write_format();
    void write_options();
    void write_think();
    void write_logprobs();
    void write_number(std::string_view key, std::string_view digits);

    const ChatRequest& request_;
    const Target& target_;
    Translation& translation_;
    json::TextOutput& body_;
    json::Writer writer_;
    OpenCalls open_calls_;
    size_t turn_begin_ = 0;  // After the last message of the user.
};

Status OllamaRequestWriter::write() {
    TRY_VOID(check_limits(request_,
                          {.seed = true, .penalties = true, .logprobs = true, .top_k = true},
                          translation_));
    writer_.begin_object().key("model").string(target_.model);
    TRY_VOID(write_messages());
    TRY_VOID(write_tools());
    write_format();
    write_options();
    write_think();
    write_logprobs();
    // Absent means true there.
    writer_.key("stream").boolean(target_.is_stream).end_object();
    return {};
}

Status OllamaRequestWriter::write_messages() {
    const auto messages = request_.messages;
    for (size_t i = 0; i < messages.size(); ++i) {
        turn_begin_ = messages[i].role == Role::user ? i : turn_begin_;
    }
    writer_.key("messages").begin_array();
    for (size_t i = 0; i < messages.size(); ++i) {
        TRY_VOID(write_message(messages[i], i));
    }
    writer_.end_array();
    return {};
}

Status OllamaRequestWriter::write_message(const Message& message, size_t index) {
    if (!message.name.empty()) {
        TRY_VOID(translation_.drop("name"));
    }
    writer_.begin_object().key("role").string(role_name(message.role));
    write_content(message);
    TRY_VOID(write_images(message, index));
    if (message.role == Role::assistant) {
        // Models that think between calls want to see what they thought, but no older thoughts.
        if (index > turn_begin_ && !message.reasoning.empty()) {
            writer_.key("thinking").text(message.reasoning.raw);
        }
        TRY_VOID(write_tool_calls(message, index));
    } else if (message.role == Role::tool) {
        TRY_VOID(write_tool_answer(message, index));
    }
    writer_.end_object();
    return {};
}

// Several texts are told apart by a line end, as no other mark is left of them.
void OllamaRequestWriter::write_content(const Message& message) {
    writer_.key("content").raw("\"");
    std::string_view mark;
    for (const Part& part : message.parts) {
        if (part.type == PartType::text && !part.text.empty()) {
            body_.append(mark);
            body_.append(part.text.raw);
            mark = "\\n";
        }
    }
    if (message.parts.empty()) {
        body_.append(message.refusal.raw);
    }
    body_.append('"');
}

Status OllamaRequestWriter::write_images(const Message& message, size_t index) {
    bool has_any = false;
    for (size_t i = 0; i < message.parts.size(); ++i) {
        const Part& part = message.parts[i];
        TRY_VOID(check_part(part, index, i));
        if (part.type == PartType::image) {
            if (!has_any) {
                writer_.key("images").begin_array();
            }
            has_any = true;
            writer_.text(part.data.raw);
        }
    }
    if (has_any) {
        writer_.end_array();
    }
    return {};
}

Status OllamaRequestWriter::check_part(const Part& part, size_t message, size_t index) {
    if (part.type == PartType::text) {
        return {};
    }
    const std::string_view place = translation_.path("messages[#].content[#]", message, index);
    if (part.type != PartType::image) {
        return translation_.refuse(place, "The model's provider takes texts and images only.");
    }
    return part.data.empty() ? refuse_remote_image(translation_, place) : Status();
}

Status OllamaRequestWriter::write_tool_calls(const Message& message, size_t index) {
    if (message.tool_calls.empty()) {
        return {};
    }
    if (index > 0 && request_.messages[index - 1].role != Role::assistant) {
        open_calls_.clear();
    }
    open_calls_.add(message, index);
    writer_.key("tool_calls").begin_array();
    for (size_t i = 0; i < message.tool_calls.size(); ++i) {
        const ToolCall& call = message.tool_calls[i];
        TRY(const std::string_view arguments, arguments_object(call, index, i, translation_));
        writer_.begin_object().key("id").text(call.id.raw).key("function").begin_object();
        writer_.key("name").text(call.name.raw).key("arguments").raw(arguments);
        writer_.end_object().end_object();
    }
    writer_.end_array();
    return {};
}

Status OllamaRequestWriter::write_tool_answer(const Message& message, size_t index) {
    const OpenCalls::Call* const open = open_calls_.answer(message.tool_call_id);
    if (open == nullptr) {
        return refuse_stray_result(translation_, index);
    }
    writer_.key("tool_name").text(open->call->name.raw);
    writer_.key("tool_call_id").text(message.tool_call_id.raw);
    return {};
}

// There is no choice of tools: what may not be called is not offered.
Status OllamaRequestWriter::write_tools() {
    const ToolChoice& choice = request_.tool_choice;
    if (is_forced(choice)) {
        TRY_VOID(translation_.drop("tool_choice"));
    }
    if (request_.parallel_tool_calls == std::optional(false)) {
        TRY_VOID(translation_.drop("parallel_tool_calls"));
    }
    bool has_any = false;
    for (const Tool& tool : request_.tools) {
        if (!offers(choice, tool)) {
            continue;
        }
        if (!has_any) {
            writer_.key("tools").begin_array();
        }
        has_any = true;
        writer_.begin_object().key("type").string("function").key("function").begin_object();
        writer_.key("name").text(tool.name.raw);
        if (!tool.description.empty()) {
            writer_.key("description").text(tool.description.raw);
        }
        writer_.key("parameters").raw(tool.parameters.empty() ? kNoParameters : tool.parameters);
        writer_.end_object().end_object();
    }
    if (has_any) {
        writer_.end_array();
    }
    return {};
}

void OllamaRequestWriter::write_format() {
    const ResponseFormat& format = request_.response_format;
    if (format.kind == FormatKind::absent || format.kind == FormatKind::text) {
        return;
    }
    writer_.key("format");
    format.schema.empty() ? writer_.string("json") : writer_.raw(format.schema);
}

void OllamaRequestWriter::write_number(std::string_view key, std::string_view digits) {
    if (!digits.empty()) {
        writer_.key(key).raw(digits);
    }
}

void OllamaRequestWriter::write_options() {
    const std::pair<std::string_view, std::string_view> numbers[] = {
        {"temperature", request_.temperature},
        {"num_predict", request_.max_tokens},
        {"top_p", request_.top_p},
        {"top_k", request_.top_k},
        {"seed", request_.seed},
        {"presence_penalty", request_.presence_penalty},
        {"frequency_penalty", request_.frequency_penalty},
    };
    const bool has_number =
        std::ranges::any_of(numbers, [](const auto& number) { return !number.second.empty(); });
    if (!has_number && request_.stop.empty()) {
        return;
    }
    writer_.key("options").begin_object();
    for (const auto& [key, digits] : numbers) {
        write_number(key, digits);
    }
    if (!request_.stop.empty()) {
        writer_.key("stop").begin_array();
        for (const Text& stop : request_.stop) {
            writer_.text(stop.raw);
        }
        writer_.end_array();
    }
    writer_.end_object();
}

void OllamaRequestWriter::write_think() {
    const Text effort = request_.reasoning_effort;
    if (effort.empty()) {
        if (!request_.thinking.empty()) {
            const auto tree =
                json::Value::parse(request_.thinking, translation_.arena(), ErrorSource::client);
            writer_.key("think").boolean(tree && !((**tree)["type"].text() == "disabled"));
        }
        return;
    }
    writer_.key("think");
    if (effort == "none") {
        writer_.boolean(false);
    } else if (effort == "minimal" || effort == "low") {
        writer_.string("low");
    } else {
        writer_.string(effort == "medium" ? "medium" : "high");
    }
}

void OllamaRequestWriter::write_logprobs() {
    if (request_.logprobs == std::optional(true)) {
        writer_.key("logprobs").boolean(true);
        write_number("top_logprobs", request_.top_logprobs);
    }
}

}  // namespace

Status encode_ollama_request(const ChatRequest& request,
                             const Target& target,
                             Translation& translation,
                             json::TextOutput& body) {
    return OllamaRequestWriter(request, target, translation, body).write();
}

}  // namespace sluice::providers
