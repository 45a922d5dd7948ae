// Shapes of POST /responses (OpenAI API reference): the response object, and the events of a
// stream, each with its name, a sequence number and no [DONE] at the end.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "providers/simulated_llm.h"
#include "providers/simulated_text.h"

namespace sluice::providers {

namespace {

constexpr std::string_view kInProgress = "in_progress";

}  // namespace

std::string_view SimulatedAnswer::terminal_status() const {
    return is_cut_ ? "incomplete" : "completed";
}

std::string_view SimulatedAnswer::event_name() const {
    switch (step_) {
        case Step::created:
            return "response.created";
        case Step::in_progress:
            return "response.in_progress";
        case Step::item_added:
            return "response.output_item.added";
        case Step::part_added:
            return "response.content_part.added";
        case Step::content:
            return calls_tool() ? "response.function_call_arguments.delta"
                                : "response.output_text.delta";
        case Step::text_done:
            return calls_tool() ? "response.function_call_arguments.done"
                                : "response.output_text.done";
        case Step::part_done:
            return "response.content_part.done";
        case Step::item_done:
            return "response.output_item.done";
        case Step::terminal:
            return is_cut_ ? "response.incomplete" : "response.completed";
        default:
            SLUICE_UNREACHABLE();
    }
}

void SimulatedAnswer::append_response_event(std::string& out) const {
    out += "event: ";
    out += event_name();
    out += "\ndata: {\"type\":\"";
    out += event_name();
    out += "\",\"sequence_number\":";
    append_number(out, sequence_number_);
    switch (step_) {
        case Step::created:
        case Step::in_progress:
        case Step::terminal:
            out += ",\"response\":";
            append_response(out, step_ == Step::terminal ? terminal_status() : kInProgress);
            break;
        case Step::item_added:
        case Step::item_done:
            out += ",\"output_index\":0,\"item\":";
            append_item(out, step_ == Step::item_done);
            break;
        case Step::part_added:
        case Step::part_done:
            append_place(out);
            out += ",\"part\":";
            append_part(out, step_ == Step::part_done);
            break;
        case Step::content:
            append_place(out);
            out += ",\"delta\":";
            append_json_string(out, current_token());
            out += calls_tool() ? "" : ",\"logprobs\":[]";
            break;
        default:  // Of the text or the arguments as a whole.
            append_place(out);
            out += calls_tool() ? ",\"arguments\":" : ",\"text\":";
            append_quoted_text(out, 0);
            out += calls_tool() ? "" : ",\"logprobs\":[]";
            break;
    }
    out += "}\n\n";
}

// Which item an event is about and, for text, which part of it.
void SimulatedAnswer::append_place(std::string& out) const {
    out += ",\"item_id\":\"";
    out += item_id_;
    out += calls_tool() ? "\",\"output_index\":0" : "\",\"output_index\":0,\"content_index\":0";
}

void SimulatedAnswer::append_part(std::string& out, bool is_whole) const {
    out += "{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":";
    if (is_whole) {
        append_quoted_text(out, 0);
    } else {
        out += "\"\"";
    }
    out += '}';
}

void SimulatedAnswer::append_item(std::string& out, bool is_whole) const {
    out += "{\"id\":\"";
    out += item_id_;
    out += calls_tool() ? "\",\"type\":\"function_call\",\"status\":\""
                        : "\",\"type\":\"message\",\"status\":\"";
    out += is_whole ? terminal_status() : kInProgress;
    if (calls_tool()) {
        out += "\",\"arguments\":";
        if (is_whole) {
            append_quoted_text(out, 0);
        } else {
            out += "\"\"";
        }
        out += ",\"call_id\":\"";
        out += call_id_;
        out += "\",\"name\":";
        append_json_string(out, tool_name_);
    } else {
        out += "\",\"content\":[";
        if (is_whole) {
            append_part(out, true);
        }
        out += "],\"role\":\"assistant\"";
    }
    out += '}';
}

void SimulatedAnswer::append_response(std::string& out, std::string_view status) const {
    const bool is_over = status != kInProgress;
    out += "{\"id\":\"";
    out += id_;
    out += "\",\"object\":\"response\",\"created_at\":";
    append_number(out, created_s_);
    out += ",\"status\":\"";
    out += status;
    out += "\",\"background\":false,\"error\":null,\"incomplete_details\":";
    out += is_over && is_cut_ ? "{\"reason\":\"max_output_tokens\"}" : "null";
    out += ",\"instructions\":null,\"max_output_tokens\":";
    if (tokens_max_) {
        append_number(out, *tokens_max_);
    } else {
        out += "null";
    }
    out += ",\"model\":";
    append_json_string(out, model_);
    out += ",\"output\":[";
    if (is_over) {
        append_item(out, true);
    }
    out +=
        "],\"parallel_tool_calls\":true,\"previous_response_id\":null,"
        "\"reasoning\":{\"effort\":null,\"summary\":null},\"service_tier\":\"default\","
        "\"store\":false,\"temperature\":1.0,\"text\":{\"format\":{\"type\":\"text\"}},"
        "\"tool_choice\":\"auto\",\"tools\":[],\"top_p\":1.0,\"truncation\":\"disabled\","
        "\"usage\":";
    if (is_over) {
        out += "{\"input_tokens\":";
        append_number(out, usage_.prompt_tokens);
        out += ",\"input_tokens_details\":{\"cached_tokens\":0},\"output_tokens\":";
        append_number(out, usage_.completion_tokens);
        out += ",\"output_tokens_details\":{\"reasoning_tokens\":0},\"total_tokens\":";
        append_number(out, usage_.total_tokens());
        out += '}';
    } else {
        out += "null";
    }
    out += ",\"user\":null,\"metadata\":{}}";
}

}  // namespace sluice::providers
