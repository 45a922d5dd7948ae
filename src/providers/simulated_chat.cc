// Shapes of POST /chat/completions and of the older POST /completions (OpenAI API reference): whole
// answers, and the chunks of a stream.
#include <cstdint>
#include <string>
#include <string_view>

#include "providers/simulated_llm.h"
#include "providers/simulated_text.h"

namespace sluice::providers {

namespace {

constexpr std::string_view kFingerprint = "fp_simulated";

}  // namespace

// Everything up to the choices is the same in all chunks.
void SimulatedAnswer::make_prefix() {
    if (is_responses()) {
        return;
    }
    const bool is_chat = endpoint_ == SimulatedEndpoint::chat;
    prefix_ = "data: {\"id\":\"" + id_ + "\",\"object\":\"";
    prefix_ += is_chat ? "chat.completion.chunk" : "text_completion";
    prefix_ += "\",\"created\":";
    append_number(prefix_, created_s_);
    prefix_ += ",\"model\":";
    append_json_string(prefix_, model_);
    prefix_ += is_chat ? ",\"service_tier\":\"default\"" : "";
    prefix_ += ",\"system_fingerprint\":\"";
    prefix_ += kFingerprint;
    prefix_ += "\",\"choices\":[";
}

void SimulatedAnswer::append_chat_event(std::string& out) const {
    if (step_ == Step::done_mark) {
        out += "data: [DONE]\n\n";
        return;
    }
    out += prefix_;
    if (step_ == Step::usage) {
        out += "],\"usage\":";
        append_chat_usage(out);
        out += "}\n\n";
        return;
    }
    if (endpoint_ == SimulatedEndpoint::chat) {
        out += "{\"index\":";
        append_number(out, choice_);
        out += ",\"delta\":{";
        append_delta(out);
        out += '}';
    } else {
        out += "{\"text\":";
        append_json_string(out, step_ == Step::content ? current_token() : std::string_view());
        out += ",\"index\":";
        append_number(out, choice_);
    }
    out += ",\"logprobs\":null,\"finish_reason\":";
    if (step_ == Step::finish) {
        append_json_string(out, finish_reason());
    } else {
        out += "null";
    }
    out += include_usage_ ? "}],\"usage\":null}\n\n" : "}]}\n\n";
}

void SimulatedAnswer::append_delta(std::string& out) const {
    switch (step_) {
        case Step::role:
            out += calls_tool() ? "\"role\":\"assistant\",\"content\":null"
                                : "\"role\":\"assistant\",\"content\":\"\",\"refusal\":null";
            break;
        case Step::tool_header:
            out += "\"tool_calls\":[{\"index\":0,\"id\":\"";
            append_call_id(out, choice_);
            out += "\",\"type\":\"function\",\"function\":{\"name\":";
            append_json_string(out, tool_name_);
            out += ",\"arguments\":\"\"}}]";
            break;
        case Step::content:
            out += calls_tool() ? "\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":"
                                : "\"content\":";
            append_json_string(out, current_token());
            out += calls_tool() ? "}}]" : "";
            break;
        default:  // The chunk that finishes a choice has an empty one.
            break;
    }
}

void SimulatedAnswer::append_chat_body(std::string& out) const {
    const bool is_chat = endpoint_ == SimulatedEndpoint::chat;
    out += "{\"id\":\"";
    out += id_;
    out += "\",\"object\":\"";
    out += is_chat ? "chat.completion" : "text_completion";
    out += "\",\"created\":";
    append_number(out, created_s_);
    out += ",\"model\":";
    append_json_string(out, model_);
    out += ",\"choices\":[";
    for (uint32_t choice = 0; choice < choices_; ++choice) {
        out += choice > 0 ? ",{" : "{";
        if (is_chat) {
            out += "\"index\":";
            append_number(out, choice);
            out += ",\"message\":";
            append_message(out, choice);
        } else {
            out += "\"text\":";
            append_quoted_text(out, choice);
            out += ",\"index\":";
            append_number(out, choice);
        }
        out += ",\"logprobs\":null,\"finish_reason\":";
        append_json_string(out, finish_reason());
        out += '}';
    }
    out += "],\"usage\":";
    append_chat_usage(out);
    out += is_chat ? ",\"service_tier\":\"default\"" : "";
    out += ",\"system_fingerprint\":\"";
    out += kFingerprint;
    out += "\"}";
}

void SimulatedAnswer::append_message(std::string& out, uint32_t choice) const {
    out += "{\"role\":\"assistant\",\"content\":";
    if (calls_tool()) {
        out += "null,\"tool_calls\":[{\"id\":\"";
        append_call_id(out, choice);
        out += "\",\"type\":\"function\",\"function\":{\"name\":";
        append_json_string(out, tool_name_);
        out += ",\"arguments\":";
        append_quoted_text(out, choice);
        out += "}}]";
    } else {
        append_quoted_text(out, choice);
    }
    out += ",\"refusal\":null,\"annotations\":[]}";
}

// Each choice makes a call of its own.
void SimulatedAnswer::append_call_id(std::string& out, uint32_t choice) const {
    out += call_id_;
    if (choice > 0) {
        out += '_';
        append_number(out, choice);
    }
}

void SimulatedAnswer::append_chat_usage(std::string& out) const {
    out += "{\"prompt_tokens\":";
    append_number(out, usage_.prompt_tokens);
    out += ",\"completion_tokens\":";
    append_number(out, usage_.completion_tokens);
    out += ",\"total_tokens\":";
    append_number(out, usage_.total_tokens());
    out += ",\"prompt_tokens_details\":{\"cached_tokens\":";
    append_number(out, usage_.cached_tokens);
    out +=
        ",\"audio_tokens\":0},"
        "\"completion_tokens_details\":{\"reasoning_tokens\":0,\"audio_tokens\":0,"
        "\"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0}}";
}

}  // namespace sluice::providers
