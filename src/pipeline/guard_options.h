// What can be set about guards. Plain values: filled by config/, compiled into a snapshot.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sluice::pipeline {

// Which texts are looked at.
enum class GuardDirection : uint8_t { request, response, both };

// What follows from a match.
enum class GuardAction : uint8_t {
    block,   // The client gets an error.
    redact,  // Another text stands in its place.
    flag,    // It passes, and header, log and metrics say so.
};

struct GuardOptions {
    std::vector<std::string> patterns = {};  // RE2's syntax.
    std::vector<std::string> words = {};
    std::string words_file = {};
    std::vector<std::string> file_words = {};  // What was found there.
    std::vector<std::string> presets = {};
    GuardDirection direction = GuardDirection::request;
    GuardAction action = GuardAction::block;
    std::string replacement = "[redacted]";
    bool include_tools = false;      // Arguments of tool calls,
    bool include_reasoning = false;  // and what the model thought, are looked at as well.
    // Each one is another search in every text.
    uint32_t patterns_max = 64;
    // Longer prompts are not looked at, which is a failure; tens of times what models take.
    uint32_t text_bytes_max = 16U * 1024 * 1024;
    // For each expression, and for all together, as RE2 counts it; its own default.
    uint32_t memory_bytes_max = 8U * 1024 * 1024;
    // Of a match in a stream that is not complete, so much is held back.
    uint32_t hold_bytes_max = 256;
    std::string webhook_url = {};
    uint32_t webhook_timeout_ms = 2'000;
    uint32_t webhook_bytes_max = 4U * 1024 * 1024;  // Of its answer.

    bool looks_at_requests() const { return direction != GuardDirection::response; }
    bool looks_at_responses() const { return direction != GuardDirection::request; }

    bool operator==(const GuardOptions&) const = default;
};

}  // namespace sluice::pipeline
