// ModelCall: what a request's path asks for, and in whose form.
#pragma once

#include <cstdint>
#include <string_view>

#include "providers/simulated_llm.h"

namespace sluice::llm_kit {

// Whose requests and answers they are.
enum class Wire : uint8_t {
    openai,
    messages,  // Anthropic Messages.
    gemini,    // Google's generateContent.
    converse,  // Bedrock Converse.
    invoke,    // Anthropic Messages, by Bedrock's InvokeModel.
    ollama,    // Ollama's own chat.
};

struct ModelCall {
    ModelCall() = default;
    // Of OpenAI's API, whose paths say nothing else. Not explicit: it is the usual one.
    ModelCall(providers::SimulatedEndpoint of) : endpoint(of) {}

    providers::SimulatedEndpoint endpoint = providers::SimulatedEndpoint::chat;
    Wire wire = Wire::openai;
    std::string_view model = {};  // Where the path names it; percent-encoded as it came.
    bool is_stream = false;       // Where the path says so.
};

// False for a path that no model answers.
bool find_model_call(std::string_view path, ModelCall& call);

}  // namespace sluice::llm_kit
