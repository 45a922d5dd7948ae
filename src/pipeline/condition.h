// Condition: when a processor applies, as a small expression.
//
//     model == "gpt-4*" and not (stream or messages > 20)
//     header("x-team") in ["search", "ads"] or tenant == "internal"
//
// Facts that are texts (`model`, `path`, `method`, `key`, `tenant`, `header("name")`) are compared
// with ==, != and `in`; '*' in a text stands for any run of characters. Facts that are numbers
// (`messages`, `images`, `estimated_tokens`, `body_bytes`) are compared with == != < <= > >=.
// `stream`, `has_tools`, `has_images` and `has_header("name")` stand alone. `not` binds closest,
// then `and`, then `or`. Compiled once per snapshot; evaluating allocates nothing.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::pipeline {

struct ProcessorContext;

class Condition {
public:
    // The error says at which column what was expected.
    static std::expected<Condition, std::string> parse(std::string_view text);

    // True for no condition at all.
    bool holds(ProcessorContext& context) const;
    // It can only be told once the request is whole.
    bool needs_body() const { return needs_body_; }

    enum class Fact : uint8_t {
        model,
        path,
        method,
        key,
        tenant,
        header,
        messages,
        images,
        estimated_tokens,
        body_bytes,
        stream,
        has_tools,
        has_images,
        has_header,
    };

private:
    friend class ConditionParser;

    enum class Kind : uint8_t { all, any, negation, text, number, flag };
    enum class Comparison : uint8_t { equal, unequal, less, less_equal, greater, greater_equal };
    struct Node {
        Kind kind = Kind::flag;
        Fact fact = Fact::stream;
        Comparison comparison = Comparison::equal;
        uint64_t number = 0;
        std::string name = {};                // Of a header.
        std::vector<std::string> texts = {};  // One of these.
        uint32_t left = 0;                    // Nodes, for all, any and negation.
        uint32_t right = 0;
    };

    bool holds(const Node& node, ProcessorContext& context) const;

    std::vector<Node> nodes_;  // The last is the whole expression.
    bool needs_body_ = false;
};

// Whether `text` fits `pattern`, in which '*' stands for any run of characters.
bool fits_pattern(std::string_view text, std::string_view pattern);

}  // namespace sluice::pipeline
