// One set tells which rules concern a text at all; only those are searched one by one.
#include "pipeline/text_rules.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <re2/re2.h>
#include <re2/set.h>
#include <re2/stringpiece.h>

#include "pipeline/open_pattern.h"

namespace sluice::pipeline {

namespace {

using re2::RE2;
using re2::StringPiece;

constexpr size_t kNone = SIZE_MAX;

RE2::Options options_for(uint64_t memory_bytes_max) {
    RE2::Options options;
    options.set_log_errors(false);
    options.set_never_capture(true);
    options.set_max_mem(static_cast<int64_t>(memory_bytes_max));
    return options;
}

StringPiece piece_of(std::string_view text) {
    return {text.data(), text.size()};
}

bool continues_character(char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) == 0x80;
}

// Up to here the text consists of whole characters.
size_t whole_characters(std::string_view text) {
    constexpr size_t kCharacterBytesMax = 4;
    for (size_t back = 1; back <= std::min(text.size(), kCharacterBytesMax); ++back) {
        const auto byte = static_cast<unsigned char>(text[text.size() - back]);
        if ((byte & 0xC0U) == 0x80) {
            continue;
        }
        const size_t bytes = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
        return bytes > back ? text.size() - back : text.size();
    }
    return text.size();
}

std::string message_of(const RE2& expression, std::string_view pattern) {
    std::string message = expression.error();
    const std::string& wrong = expression.error_arg();
    const size_t at = wrong.empty() ? pattern.npos : pattern.find(wrong);
    if (at != pattern.npos) {
        message = "at column " + std::to_string(at + 1) + ": " + message;
    }
    return message;
}

}  // namespace

struct TextRules::Compiled {
    struct One {
        std::unique_ptr<RE2> match;
        std::unique_ptr<RE2> open;  // Null: it cannot be told, and the window is held.
    };

    std::vector<One> rules;
    std::unique_ptr<RE2::Set> all;  // Matches, and ends that may become one; null without budget.
    std::vector<uint32_t> rule_of;  // By index of the set.
};

// Where each rule stands in one text.
struct TextRules::Search {
    struct State {
        bool concerns = false;
        size_t begin = 0;  // Of its next match; kNone when there is none.
        size_t end = 0;
        size_t open = 0;  // From where on it may become one; kNone when nowhere.
        bool is_known = false;
        bool is_open_known = false;
    };

    const TextRules& rules;
    std::string_view text;
    std::vector<State> states;

    void find(uint32_t rule, size_t from);
    void find_open(uint32_t rule, size_t from, size_t window);
};

// The first match at `from` or later that the rule accepts.
void TextRules::Search::find(uint32_t rule, size_t from) {
    State& state = states[rule];
    if (!state.concerns || (state.is_known && state.begin >= from)) {
        return;
    }
    state.is_known = true;
    state.begin = kNone;
    const RE2& expression = *rules.compiled_->rules[rule].match;
    const auto accepts = rules.rules_[rule].accepts;
    StringPiece found;
    while (from < text.size() &&
           expression.Match(piece_of(text), from, text.size(), RE2::UNANCHORED, &found, 1)) {
        const auto begin = static_cast<size_t>(found.data() - text.data());
        size_t end = begin + found.size();
        if (end > begin && (accepts == nullptr || accepts(text, begin, end))) {
            state.begin = begin;
            state.end = end;
            return;
        }
        from = begin + 1;
        while (from < text.size() && continues_character(text[from])) {
            ++from;
        }
    }
}

void TextRules::Search::find_open(uint32_t rule, size_t from, size_t window) {
    State& state = states[rule];
    if (!state.concerns || (state.is_open_known && state.open >= from)) {
        return;
    }
    state.is_open_known = true;
    const RE2* const expression = rules.compiled_->rules[rule].open.get();
    if (expression == nullptr) {
        state.open = std::max(from, window);
        return;
    }
    StringPiece found;
    const bool is_open =
        expression->Match(piece_of(text), from, text.size(), RE2::UNANCHORED, &found, 1);
    state.open = is_open ? static_cast<size_t>(found.data() - text.data()) : kNone;
}

TextRules::TextRules() = default;
TextRules::~TextRules() = default;

std::expected<std::unique_ptr<TextRules>, std::string> TextRules::compile(
    std::span<const TextRule> rules, const TextRulesLimits& limits) {
    std::unique_ptr<TextRules> made(new TextRules());
    made->rules_.assign(rules.begin(), rules.end());
    made->limits_ = limits;
    made->compiled_ = std::make_unique<Compiled>();
    Compiled& compiled = *made->compiled_;
    const RE2::Options options = options_for(limits.memory_bytes_max);
    compiled.all = std::make_unique<RE2::Set>(options, RE2::UNANCHORED);
    bool fits = true;
    for (uint32_t i = 0; i < rules.size(); ++i) {
        const std::string& pattern = rules[i].pattern;
        Compiled::One one;
        one.match = std::make_unique<RE2>(pattern, options);
        if (!one.match->ok()) {
            return std::unexpected("\"" + rules[i].name + "\": " + message_of(*one.match, pattern));
        }
        fits = fits && compiled.all->Add(pattern, nullptr) >= 0;
        compiled.rule_of.push_back(i);
        if (const std::optional<std::string> open = open_pattern(pattern)) {
            const std::string at_end = "(?:" + *open + ")\\z";
            one.open = std::make_unique<RE2>(at_end, options);
            if (one.open->ok()) {
                fits = fits && compiled.all->Add(at_end, nullptr) >= 0;
                compiled.rule_of.push_back(i);
            } else {
                one.open.reset();
            }
        }
        if (one.open == nullptr) {
            fits = false;  // Its end may be anything, so the set cannot rule it out.
        }
        compiled.rules.push_back(std::move(one));
    }
    if (rules.empty() || !fits || !compiled.all->Compile()) {
        compiled.all.reset();
    }
    return made;
}

size_t TextRules::scan(std::string_view text,
                       size_t from,
                       bool is_whole,
                       std::vector<Match>& matches) const {
    const size_t size = is_whole ? text.size() : whole_characters(text);
    text = text.substr(0, size);
    Search search = {*this, text, std::vector<Search::State>(rules_.size())};
    std::vector<int> concerned;
    RE2::Set::ErrorInfo error = {};
    const bool is_told =
        compiled_->all != nullptr && (compiled_->all->Match(piece_of(text), &concerned, &error) ||
                                      error.kind == RE2::Set::kNoError);
    for (Search::State& state : search.states) {
        state.concerns = !is_told;
    }
    for (const int index : concerned) {
        search.states[compiled_->rule_of[static_cast<size_t>(index)]].concerns = true;
    }
    size_t window = size - std::min<size_t>(size, limits_.hold_bytes_max);
    while (window > 0 && window < size && continues_character(text[window])) {
        --window;
    }
    while (true) {
        Match first = {kNone, kNone, 0};
        size_t settled = size;
        for (uint32_t rule = 0; rule < rules_.size(); ++rule) {
            const Search::State& state = search.states[rule];
            search.find(rule, from);
            if (state.concerns && state.begin < first.begin) {
                first = {state.begin, state.end, rule};
            }
            if (!is_whole && state.concerns) {
                search.find_open(rule, from, window);
                settled = std::min(settled, state.open);
            }
        }
        settled = std::max({settled, std::min(window, size), from});
        if (first.begin >= settled) {
            return settled;
        }
        matches.push_back(first);
        from = first.end;
    }
}

std::string TextRules::problem_of(std::string_view pattern) {
    const RE2 expression(piece_of(pattern), options_for(TextRulesLimits().memory_bytes_max));
    if (!expression.ok()) {
        return message_of(expression, pattern);
    }
    return RE2::FullMatch("", expression) ? "it matches a text without characters" : "";
}

std::string TextRules::quoted(std::string_view text) {
    return RE2::QuoteMeta(piece_of(text));
}

}  // namespace sluice::pipeline
