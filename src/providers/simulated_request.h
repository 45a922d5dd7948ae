// Reads what the simulator must know out of a request body of OpenAI's API.
//
// The body was validated before. Only the texts that a model would read count as the prompt:
// message contents, `prompt`, `input`, `instructions`; not the JSON around them.
#pragma once

#include <string_view>
#include <vector>

#include "base/arena.h"
#include "base/result.h"
#include "json/document.h"
#include "providers/simulated_llm.h"

namespace sluice::providers {

// Which endpoint a path names: ends with "/chat/completions", "/completions", "/responses" or
// "/embeddings". False for any other.
bool simulated_endpoint_of(std::string_view path, SimulatedEndpoint& endpoint);

struct SimulatedRequestTexts {
    SimulatedRequest request;  // Its views lie in the arena and in `inputs`.
    std::vector<PromptMeter> inputs;
};

// Fails with invalid_field where OpenAI would answer 400: a missing model or prompt, a count out of
// range. `where` names the field.
Result<SimulatedRequestTexts> read_simulated_request(SimulatedEndpoint endpoint,
                                                     std::string_view body,
                                                     json::Document& document,
                                                     Arena& arena);

}  // namespace sluice::providers
