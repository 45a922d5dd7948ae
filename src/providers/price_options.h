// Where prices come from. Plain values: filled by config/, read when the table is made.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace sluice::providers {

// The price of one model, in the operator's words.
struct PriceOverride {
    std::string model;
    // Names of LiteLLM's fields and amounts, as they are written in JSON.
    std::vector<std::pair<std::string, std::string>> fields;

    bool operator==(const PriceOverride&) const = default;
};

struct PriceOptions {
    // In LiteLLM's format. Its entries replace the built-in ones of the same name.
    std::string file;
    // Whether the prices that come with the program count: they are right for most, and old
    // beside a file of one's own.
    bool builtin = true;
    // Whether the cost that an upstream reports counts instead of ours. Off, because not every
    // upstream is one that a bill should depend on.
    bool trust_reported = false;
    // Stronger than both.
    std::vector<PriceOverride> overrides;

    bool operator==(const PriceOptions&) const = default;
};

}  // namespace sluice::providers
