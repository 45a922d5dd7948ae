// What the name of a Gemini model says about what it takes.
//
// Names are all there is to go by: families differ in fields that the others refuse. A name
// without a number ("gemini-flash-latest") is taken for the newest.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::providers {

// How a family is told how much to think.
enum class GeminiThinking : uint8_t {
    none,     // Before 2.5, and models that are no Gemini.
    budgets,  // 2.5: tokens.
    levels,   // From 3 on: words.
};

struct GeminiModel {
    GeminiThinking thinking = GeminiThinking::none;
    bool is_pro = false;
    bool has_minimal_level = false;

    // A model turn whose first call of a function lacks its thought signature is refused.
    bool demands_signatures() const { return thinking == GeminiThinking::levels; }
    // JSON output and functions in one request.
    bool formats_with_functions() const { return thinking == GeminiThinking::levels; }
};

// `name` may have a prefix: "models/", "publishers/google/models/".
GeminiModel gemini_model(std::string_view name);

// How Vertex embeds with it: by the older method, `predict`, or by `embedContent`.
bool embeds_by_predict(std::string_view name);

// "models/NAME" and "google/NAME", as some clients write them, without the prefix.
std::string_view gemini_base_name(std::string_view name);

}  // namespace sluice::providers
