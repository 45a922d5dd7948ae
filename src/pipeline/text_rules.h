// TextRules: regular expressions that are looked for together, in whole texts and in texts that
// arrive piece by piece.
//
// What is found is the same however a text was cut: a match counts once no text to come can change
// it, and what may still become a match stays unsettled. Matches do not overlap; the leftmost wins,
// then the rule that was named first. Immutable, compiled once per snapshot and shard; only the
// .cc knows RE2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::pipeline {

struct TextRule {
    std::string name;
    std::string pattern;  // RE2's syntax.
    // Whether [begin, end) counts, whatever the pattern says; it may bring `end` nearer. Null:
    // always.
    bool (*accepts)(std::string_view text, size_t begin, size_t& end) = nullptr;
};

struct TextRulesLimits {
    uint64_t memory_bytes_max =
        uint64_t{8} * 1024 * 1024;  // For each expression, and for all together.
    // Of a match that is not complete, so much is waited for.
    uint32_t hold_bytes_max = 256;
};

class TextRules {
public:
    struct Match {
        size_t begin;
        size_t end;
        uint32_t rule;

        bool operator==(const Match&) const = default;
    };

    // The error says which rule is wrong and what RE2 says of it.
    static std::expected<std::unique_ptr<TextRules>, std::string> compile(
        std::span<const TextRule> rules, const TextRulesLimits& limits);
    ~TextRules();
    TextRules(const TextRules&) = delete;
    TextRules& operator=(const TextRules&) = delete;

    // Adds every settled match from `from` on. What stands before `from` has been looked at and is
    // only what boundaries of words go by. Returns up to where the text is settled: all of it when
    // `is_whole`, else never inside a character.
    size_t scan(std::string_view text,
                size_t from,
                bool is_whole,
                std::vector<Match>& matches) const;

    std::string_view name(uint32_t rule) const { return rules_[rule].name; }

    // What RE2 says against a pattern, with its column; "" when it can be used.
    static std::string problem_of(std::string_view pattern);
    // `text` as a pattern that matches it alone.
    static std::string quoted(std::string_view text);

private:
    struct Compiled;
    struct Search;

    TextRules();

    std::vector<TextRule> rules_;
    TextRulesLimits limits_;
    std::unique_ptr<Compiled> compiled_;
};

}  // namespace sluice::pipeline
