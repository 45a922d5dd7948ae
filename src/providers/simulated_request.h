// Reads what the simulator must know out of a request body of OpenAI's API.
//
// The body was validated before. Only the texts that a model would read count as the prompt:
// message contents, `prompt`, `input`, `instructions`; not the JSON around them.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "base/error.h"
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

// --- Parts of it, for requests of other dialects.

// Calls for the texts at a path, in order: a text, or a list of texts, of objects with a `text`, or
// of those with such a list in turn.
using TextVisitor = void (*)(void* to, std::string_view text);
void visit_simulated_prompt(const json::Document& document,
                            const std::string& path,
                            TextVisitor visit,
                            void* to);
// Adds them.
void add_simulated_prompt(const json::Document& document,
                          const std::string& path,
                          PromptMeter& prompt);
// 1 to `max`; nothing where there is none. `wrong` is the `where` of the failure.
Result<std::optional<uint32_t>> read_simulated_count(const json::Document& document,
                                                     const char* path,
                                                     uint32_t max,
                                                     const char* wrong);
std::unexpected<Error> bad_simulated_field(const char* where);

}  // namespace sluice::providers
