// The plan of an answer: how long it is, which events it has, in which order and at which pace.
#include "providers/simulated_llm.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "providers/simulated_text.h"

namespace sluice::providers {

namespace {

constexpr uint64_t kFnvPrime = 0x100000001b3ULL;
// A token of a tool call's arguments, as the tokenizer's rule of thumb has it.
constexpr size_t kArgumentBytes = PromptMeter::kBytesPerToken;
constexpr uint32_t kArgumentWords = 3;

std::string_view id_prefix(SimulatedEndpoint endpoint) {
    switch (endpoint) {
        case SimulatedEndpoint::chat:
            return "chatcmpl-";
        case SimulatedEndpoint::completions:
            return "cmpl-";
        case SimulatedEndpoint::responses:
            return "resp_";
        case SimulatedEndpoint::embeddings:
            break;
    }
    return "embd-";
}

uint64_t hash_of(std::string_view text) {
    PromptMeter meter;
    meter.add(text);
    return meter.hash();
}

uint32_t dimensions_of(const SimulatedRequest& request, const SimulatedSettings& settings) {
    const uint64_t fitting =
        SimulatedAnswer::kEmbeddingValuesMax / std::max<size_t>(request.inputs.size(), 1);
    const uint64_t max = std::clamp<uint64_t>(fitting, 1, SimulatedAnswer::kDimensionsMax);
    return static_cast<uint32_t>(
        std::clamp<uint64_t>(request.dimensions.value_or(settings.embedding_dimensions), 1, max));
}

uint64_t id_seed_of(const SimulatedRequest& request, const SimulatedSettings& settings) {
    return mix(mix(hash_of(request.model), request.prompt.hash()), settings.id_seed);
}

bool may_call_tool(const SimulatedRequest& request) {
    return request.tool_force != ToolForce::none && !request.tool_name.empty() &&
           (request.endpoint == SimulatedEndpoint::chat ||
            request.endpoint == SimulatedEndpoint::responses);
}

std::string arguments_for(const SimulatedRequest& request) {
    if (!may_call_tool(request)) {
        return {};
    }
    if (!request.tool_arguments.empty()) {
        return std::string(request.tool_arguments);
    }
    std::string words;
    for (uint32_t i = 0; i < kArgumentWords; ++i) {
        words += word_of(request.prompt.hash(), i);
    }
    std::string arguments = "{\"input\":";
    append_json_string(arguments, words);
    return arguments + "}";
}

std::vector<uint64_t> hashes_of(std::span<const PromptMeter> inputs) {
    std::vector<uint64_t> hashes;
    for (const PromptMeter& input : inputs) {
        hashes.push_back(input.hash());
    }
    return hashes;
}

// How many pieces the arguments are cut into.
uint32_t count_pieces(std::string_view arguments) {
    uint32_t pieces = 0;
    for (size_t at = 0; at < arguments.size(); at = piece_end(arguments, at, kArgumentBytes)) {
        ++pieces;
    }
    return pieces;
}

}  // namespace

void PromptMeter::add(std::string_view text) {
    for (const char c : text) {
        hash_ = (hash_ ^ static_cast<unsigned char>(c)) * kFnvPrime;
    }
    bytes_ += text.size();
}

uint32_t PromptMeter::tokens() const {
    const uint64_t tokens = (bytes_ + kBytesPerToken - 1) / kBytesPerToken;
    return static_cast<uint32_t>(
        std::clamp<uint64_t>(tokens, 1, std::numeric_limits<uint32_t>::max()));
}

SimulatedAnswer::SimulatedAnswer(const SimulatedRequest& request, const SimulatedSettings& settings)
    : endpoint_(request.endpoint),
      include_usage_(request.include_usage),
      base64_(request.base64),
      tool_force_(request.tool_force),
      choices_(is_responses() ? 1 : std::clamp(request.choices, 1U, kChoicesMax)),
      dimensions_(dimensions_of(request, settings)),
      created_s_(settings.created_s),
      tokens_max_(request.tokens_max),
      model_hash_(hash_of(request.model)),
      seed_(mix(model_hash_, request.prompt.hash())),
      model_(request.model),
      id_(make_id(id_prefix(request.endpoint), id_seed_of(request, settings))),
      item_id_(
          make_id(may_call_tool(request) ? "fc_" : "msg_", mix(id_seed_of(request, settings), 1))),
      call_id_(make_id("call_", mix(id_seed_of(request, settings), 2))),
      tool_name_(may_call_tool(request) ? request.tool_name : std::string_view()),
      tool_arguments_(arguments_for(request)),
      input_hashes_(hashes_of(request.inputs)) {
    usage_.prompt_tokens = request.prompt.tokens();
    usage_.cached_tokens = std::min(settings.cached_tokens, usage_.prompt_tokens);
    if (endpoint_ == SimulatedEndpoint::embeddings) {
        return;
    }
    const uint32_t natural = calls_tool() ? count_pieces(tool_arguments_) : settings.tokens;
    tokens_ = std::min(natural, tokens_max_.value_or(natural));
    is_cut_ = tokens_ < natural;
    usage_.completion_tokens = tokens_ * choices_;
    if (request.stream) {
        make_prefix();
        step_ = Step::created;
        if (!has_step(step_)) {
            advance();
        }
    }
}

std::string_view SimulatedAnswer::finish_reason() const {
    if (is_cut_) {
        return "length";
    }
    return calls_tool() && tool_force_ == ToolForce::required ? "tool_calls" : "stop";
}

// --- The text. ---------------------------------------------------------------------------------

uint64_t SimulatedAnswer::seed_of(uint32_t choice) const {
    return mix(seed_, choice);
}

std::string_view SimulatedAnswer::current_token() const {
    if (!calls_tool()) {
        return word_of(seed_of(choice_), token_);
    }
    const size_t end = piece_end(tool_arguments_, argument_, kArgumentBytes);
    return std::string_view(tool_arguments_).substr(argument_, end - argument_);
}

std::string_view SimulatedAnswer::word(uint32_t token) const {
    return word_of(seed_of(0), token);
}

void SimulatedAnswer::append_text(std::string& out, uint32_t choice) const {
    size_t argument = 0;
    for (uint32_t token = 0; token < tokens_; ++token) {
        if (calls_tool()) {
            argument = piece_end(tool_arguments_, argument, kArgumentBytes);
        } else {
            out += word_of(seed_of(choice), token);
        }
    }
    out.append(tool_arguments_, 0, argument);
}

void SimulatedAnswer::append_quoted_text(std::string& out, uint32_t choice) const {
    std::string text;
    append_text(text, choice);
    append_json_string(out, text);
}

// --- The stream. -------------------------------------------------------------------------------

bool SimulatedAnswer::has_step(Step step) const {
    switch (step) {
        case Step::created:
        case Step::in_progress:
        case Step::item_added:
        case Step::text_done:
        case Step::item_done:
        case Step::terminal:
            return is_responses();
        case Step::part_added:
        case Step::part_done:
            return is_responses() && !calls_tool();
        case Step::role:
            return endpoint_ == SimulatedEndpoint::chat;
        case Step::tool_header:
            return endpoint_ == SimulatedEndpoint::chat && calls_tool();
        case Step::content:
            return tokens_ > 0;
        case Step::finish:
        case Step::done_mark:
            return !is_responses();
        case Step::usage:
            return !is_responses() && include_usage_;
        case Step::end:
            return true;
    }
    SLUICE_UNREACHABLE();
}

bool SimulatedAnswer::is_per_choice(Step step) const {
    return step == Step::role || step == Step::tool_header || step == Step::content ||
           step == Step::finish;
}

// Choices take turns within a step; tokens take turns within the content.
void SimulatedAnswer::advance() {
    if (is_per_choice(step_)) {
        if (++choice_ < choices_) {
            return;
        }
        choice_ = 0;
        if (step_ == Step::content) {
            argument_ = piece_end(tool_arguments_, argument_, kArgumentBytes);
            if (++token_ < tokens_) {
                return;
            }
        }
    }
    do {
        SLUICE_ASSERT(step_ != Step::end);
        step_ = static_cast<Step>(static_cast<uint8_t>(step_) + 1);
    } while (!has_step(step_));
}

SimulatedPace SimulatedAnswer::pace() const {
    if (choice_ > 0) {
        return SimulatedPace::at_once;
    }
    const bool is_content = step_ == Step::content;
    if (is_content && token_ > 0) {
        return SimulatedPace::next_token;
    }
    // The first thing that the model has to think for.
    const bool is_first = step_ == Step::role || step_ == Step::item_added ||
                          (endpoint_ == SimulatedEndpoint::completions && is_content);
    return is_first ? SimulatedPace::first_token : SimulatedPace::at_once;
}

void SimulatedAnswer::append_event(std::string& out) {
    SLUICE_ASSERT(has_event());
    if (is_responses()) {
        append_response_event(out);
        ++sequence_number_;
    } else {
        append_chat_event(out);
    }
    advance();
}

void SimulatedAnswer::append_body(std::string& out) const {
    switch (endpoint_) {
        case SimulatedEndpoint::chat:
        case SimulatedEndpoint::completions:
            append_chat_body(out);
            break;
        case SimulatedEndpoint::responses:
            append_response(out, terminal_status());
            break;
        case SimulatedEndpoint::embeddings:
            append_embeddings_body(out);
            break;
    }
}

}  // namespace sluice::providers
