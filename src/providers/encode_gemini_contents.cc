// contents of a Gemini request: turns of "user" and "model" (translation rules A2 and A4).
//
// Neighbours of one side become one turn. Results go into the turn after their calls, all of them
// and in the order of the calls, because Gemini pairs them by name and place: before version 3 its
// calls have no ids, and those that clients send back are ours.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "base/arena_list.h"
#include "base/result.h"
#include "json/unescape.h"
#include "json/validator.h"
#include "json/writer.h"
#include "providers/call_signatures.h"
#include "providers/canonical.h"
#include "providers/gemini_model.h"
#include "providers/gemini_request.h"
#include "providers/remote_content.h"
#include "providers/translation.h"
#include "providers/vendor.h"

namespace sluice::providers {

namespace {

// Stands in for the signature of a call that Gemini did not make
// ("skip_thought_signature_validator" in base64).
constexpr std::string_view kNoSignature = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I=";

// Of one turn; results are looked for among them one by one.
constexpr size_t kCallsMax = 1024;

// Ids that Gemini gives have eight letters and digits; an id that it did not give must not reach
// it.
bool is_gemini_id(Text id) {
    constexpr size_t kIdBytes = 8;
    return id.raw.size() == kIdBytes && std::ranges::all_of(id.raw, [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
           });
}

bool is_object(std::string_view json) {
    const size_t first = json.find_first_not_of(" \t\r\n");
    if (first == json.npos || json[first] != '{') {
        return false;
    }
    json::Validator validator;
    return validator.feed(json).has_value() && validator.finish().has_value();
}

bool is_blank(std::string_view json) {
    return json.find_first_not_of(" \t\r\n") == json.npos;
}

// The text of a result; several pieces, each on lines of its own. Still escaped.
std::string_view text_of(const Message& message, Arena& arena) {
    if (message.parts.size() == 1) {
        return message.parts.front().text.raw;
    }
    json::ArenaText joined(arena);
    for (const Part& part : message.parts) {
        if (part.type == PartType::text && !part.text.empty()) {
            joined.append(joined.empty() ? "" : "\\n");
            joined.append(part.text.raw);
        }
    }
    return joined.view();
}

class ContentsWriter {
public:
    explicit ContentsWriter(const GeminiRequest& to)
        : to_(to), writer_(to.writer), calls_(to.translation.arena()) {}

    Status write();

private:
    enum class Side : uint8_t { none, user, model };

    // A call that waits for its result.
    struct Call {
        Text id;
        Text name;
        size_t message;
        size_t index;
        const Message* result;
        size_t result_index;
    };

    Status write_message(size_t index);
    Status write_parts(size_t index);
    Status write_calls(size_t index);
    Text signature_of(const ToolCall& call) const;
    Status take_result(size_t index);
    // All calls of the latest model turn have their results, or the request is wrong.
    Status write_results();
    Status write_files(size_t index);
    void write_result(const Call& call);
    void write_text_result(const Message& result);
    Status write_file(const Part& part, size_t message, size_t index);
    Status check_file(const Part& part, size_t message, size_t index);

    void begin_part(Side side);
    void end_turn();
    bool has_result() const {
        return std::ranges::any_of(calls_.view(),
                                   [](const Call& c) { return c.result != nullptr; });
    }
    std::string_view part_path(size_t message, size_t index) {
        return to_.translation.path("messages[#].content[#]", message, index);
    }

    const GeminiRequest& to_;
    json::Writer& writer_;
    ArenaList<Call> calls_;
    Side side_ = Side::none;
    bool is_first_call_ = true;  // Of the turn.
};

void ContentsWriter::end_turn() {
    if (side_ != Side::none) {
        writer_.end_array().end_object();
    }
    side_ = Side::none;
}

void ContentsWriter::begin_part(Side side) {
    if (side_ != side) {
        end_turn();
        side_ = side;
        is_first_call_ = true;
        writer_.begin_object().key("role").string(side == Side::user ? "user" : "model");
        writer_.key("parts").begin_array();
    }
    writer_.begin_object();
}

Status ContentsWriter::write() {
    writer_.key("contents").begin_array();
    for (size_t i = 0; i < to_.request.messages.size(); ++i) {
        TRY_VOID(write_message(i));
    }
    TRY_VOID(write_results());
    if (side_ == Side::none) {
        return to_.translation.invalid("messages", "There is no message with content.");
    }
    end_turn();
    writer_.end_array();
    return {};
}

Status ContentsWriter::write_message(size_t index) {
    switch (to_.request.messages[index].role) {
        case Role::system:
        case Role::developer:
            return {};  // They stand in systemInstruction.
        case Role::tool:
            return take_result(index);
        case Role::user:
            TRY_VOID(write_results());
            return write_parts(index);
        case Role::assistant:
            if (has_result()) {
                TRY_VOID(write_results());
            }
            TRY_VOID(write_parts(index));
            return write_calls(index);
    }
    return {};
}

Status ContentsWriter::write_parts(size_t index) {
    const Message& message = to_.request.messages[index];
    const Side side = message.role == Role::assistant ? Side::model : Side::user;
    for (size_t i = 0; i < message.parts.size(); ++i) {
        const Part& part = message.parts[i];
        if (part.type != PartType::text) {
            TRY_VOID(check_file(part, index, i));
            begin_part(side);
            TRY_VOID(write_file(part, index, i));
            writer_.end_object();
        } else if (!part.text.empty()) {
            begin_part(side);
            writer_.key("text").text(part.text.raw).end_object();
        }
    }
    if (!message.refusal.empty()) {
        begin_part(side);
        writer_.key("text").text(message.refusal.raw).end_object();
    }
    return {};
}

Status ContentsWriter::check_file(const Part& part, size_t message, size_t index) {
    const Capabilities& can = to_.target.capabilities();
    const bool is_able = part.type == PartType::image   ? can.vision
                         : part.type == PartType::audio ? can.audio
                                                        : can.files;
    if (!is_able) {
        return to_.translation.refuse(part_path(message, index),
                                      "This model does not take content of this type.");
    }
    if (!part.file_id.empty()) {
        return to_.translation.refuse(part_path(message, index),
                                      "The id of a file is known only where it was uploaded.");
    }
    if (part.data.empty() && !takes_url(to_.target, part)) {
        return to_.translation.refuse(part_path(message, index),
                                      "The content at this URL could not be fetched.",
                                      "invalid_image_url");
    }
    if (!part.detail.empty() && !(part.detail == "auto")) {
        TRY_VOID(to_.translation.drop("detail"));
    }
    return {};
}

Status ContentsWriter::write_file(const Part& part, size_t message, size_t index) {
    const bool is_inline = !part.data.empty();
    std::string_view media_type = part.media_type.raw;
    if (media_type.empty()) {
        media_type = is_inline ? std::string_view() : media_type_of_url(part.url.raw);
    }
    if (media_type.empty() && is_inline) {
        return to_.translation.invalid(part_path(message, index),
                                       "The type of this content is not given.");
    }
    writer_.key(is_inline ? "inlineData" : "fileData").begin_object();
    if (!media_type.empty()) {
        writer_.key("mimeType").text(media_type);
    }
    writer_.key(is_inline ? "data" : "fileUri").text(is_inline ? part.data.raw : part.url.raw);
    writer_.end_object();
    return {};
}

// That the client has brought back, or that we remember for it.
Text ContentsWriter::signature_of(const ToolCall& call) const {
    CallSignatures* const remembered = to_.target.signatures;
    if (!call.signature.empty() || remembered == nullptr || call.id.empty()) {
        return call.signature;
    }
    return remembered->find(call.id, to_.translation.arena());
}

Status ContentsWriter::write_calls(size_t index) {
    const std::span<const ToolCall> calls = to_.request.messages[index].tool_calls;
    for (size_t i = 0; i < calls.size(); ++i) {
        const ToolCall& call = calls[i];
        const bool has_arguments = !is_blank(call.arguments);
        if (has_arguments && !is_object(call.arguments)) {
            return to_.translation.invalid(
                to_.translation.path("messages[#].tool_calls[#].function.arguments", index, i),
                "The arguments of a function call must be a JSON object.");
        }
        if (calls_.size() == kCallsMax) {
            return to_.translation.invalid(to_.translation.path("messages[#].tool_calls", index),
                                           "There are too many function calls in one turn.");
        }
        begin_part(Side::model);
        writer_.key("functionCall").begin_object();
        if (is_gemini_id(call.id)) {
            writer_.key("id").text(call.id.raw);
        }
        writer_.key("name").text(call.name.raw);
        writer_.key("args").raw(has_arguments ? call.arguments : "{}").end_object();
        if (const Text signature = signature_of(call); !signature.empty()) {
            writer_.key("thoughtSignature").text(signature.raw);
        } else if (is_first_call_ && to_.model.demands_signatures()) {
            writer_.key("thoughtSignature").string(kNoSignature);
        }
        writer_.end_object();
        is_first_call_ = false;
        calls_.push_back({.id = call.id,
                          .name = call.name,
                          .message = index,
                          .index = i,
                          .result = nullptr,
                          .result_index = 0});
    }
    return {};
}

Status ContentsWriter::take_result(size_t index) {
    const Message& message = to_.request.messages[index];
    Call* const call = std::ranges::find_if(calls_, [&](const Call& c) {
        return c.result == nullptr && c.id == message.tool_call_id.raw;
    });
    if (call == calls_.end()) {
        return to_.translation.invalid(
            to_.translation.path("messages[#].tool_call_id", index),
            "No call with this id waits for a result in the message before.");
    }
    call->result = &message;
    call->result_index = index;
    return {};
}

Status ContentsWriter::write_results() {
    for (const Call& call : calls_.view()) {
        if (call.result == nullptr) {
            return to_.translation.invalid(
                to_.translation.path("messages[#].tool_calls[#].id", call.message, call.index),
                "The result of this call is missing.");
        }
    }
    for (const Call& call : calls_.view()) {
        write_result(call);
    }
    // A result itself is only text: its pictures stand behind all results.
    for (const Call& call : calls_.view()) {
        TRY_VOID(write_files(call.result_index));
    }
    calls_.clear();
    return {};
}

Status ContentsWriter::write_files(size_t index) {
    const std::span<const Part> parts = to_.request.messages[index].parts;
    for (size_t i = 0; i < parts.size(); ++i) {
        if (parts[i].type != PartType::text) {
            TRY_VOID(check_file(parts[i], index, i));
            begin_part(Side::user);
            TRY_VOID(write_file(parts[i], index, i));
            writer_.end_object();
        }
    }
    return {};
}

void ContentsWriter::write_result(const Call& call) {
    begin_part(Side::user);
    writer_.key("functionResponse").begin_object();
    if (is_gemini_id(call.id)) {
        writer_.key("id").text(call.id.raw);
    }
    writer_.key("name").text(call.name.raw).key("response");
    write_text_result(*call.result);
    writer_.end_object().end_object();
}

// A result that is an object is the response; any other text becomes a member of one.
void ContentsWriter::write_text_result(const Message& result) {
    const std::string_view text = text_of(result, to_.translation.arena());
    // White space may be there in its escaped form.
    const size_t first = text.find_first_not_of(" \\nrt");
    if (first != text.npos && text[first] == '{') {
        const Result<std::string_view> plain = json::unescape(text, to_.translation.arena());
        if (plain && is_object(*plain)) {
            writer_.raw(*plain);
            return;
        }
    }
    writer_.begin_object().key(result.is_error ? "error" : "output").text(text).end_object();
}

}  // namespace

Status write_gemini_contents(const GeminiRequest& to) {
    return ContentsWriter(to).write();
}

}  // namespace sluice::providers
