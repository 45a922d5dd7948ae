// transform: edits of a request's JSON by path, in a fixed order: remove, rename, default, set,
// clamp.
//
// Each edit looks at the body as the one before has left it. What no edit names stays byte for
// byte; a value that already is what it should be is not touched.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipeline/json_path.h"
#include "pipeline/processor.h"

namespace sluice::pipeline {

struct TransformEdit {
    std::string path = {};
    std::string value = {};  // JSON, the new name, or the range.

    bool operator==(const TransformEdit&) const = default;
};

struct TransformOptions {
    std::vector<std::string> remove = {};
    std::vector<TransformEdit> rename = {};
    std::vector<TransformEdit> defaults = {};
    std::vector<TransformEdit> set = {};
    std::vector<TransformEdit> clamp = {};

    bool operator==(const TransformOptions&) const = default;
};

// The ends of "0..1", "0.." or "..1", as they are written; an end that is open is empty.
struct NumberRange {
    std::string low = {};
    std::string high = {};
    double low_value = 0;
    double high_value = 0;

    // The error says what was expected.
    static std::expected<NumberRange, std::string> parse(std::string_view text);
};

class Transform final : public Processor {
public:
    struct Plan {
        explicit Plan(const TransformOptions& options);

        struct Edit {
            enum class Kind : uint8_t { remove, rename, default_value, set, clamp };
            Kind kind;
            JsonPath path;
            std::string value;  // JSON, or the new name in quotes.
            NumberRange range = {};
        };
        std::vector<Edit> edits;
    };

    explicit Transform(const Plan& plan) : plan_(plan) {}
    static Needs needs(const TransformOptions&) { return {.body = true}; }

    Verdict on_request(ProcessorContext& context) override;

private:
    const Plan& plan_;
};

}  // namespace sluice::pipeline
