// Patterns as they are, words as alternatives of a few patterns, presets from their table.
#include "pipeline/guard_rules.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"
#include "pipeline/guard_options.h"
#include "pipeline/guard_presets.h"
#include "pipeline/text_rules.h"

namespace sluice::pipeline {

namespace {

// Alternatives of one pattern. More of them make a larger automaton, fewer of them more searches.
constexpr size_t kWordsOfPattern = 200;
constexpr size_t kWordBytesMax = 128;

// Part of a word: a letter, a digit, an underscore, or any character beyond ASCII but for blanks
// and marks, of which the general punctuation of Unicode is the block that is met.
bool is_word_byte(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x80 || byte == '_' || (byte >= '0' && byte <= '9') ||
           (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
}

bool is_mark(std::string_view text, size_t at) {
    const std::string_view here = text.substr(at);
    return here.starts_with("\xE2\x80") || here.starts_with("\xC2\xA0") ||
           here.starts_with("\xC2\xAB") || here.starts_with("\xC2\xBB") ||
           here.starts_with("\xE3\x80");
}

size_t character_begin(std::string_view text, size_t at) {
    while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80) {
        --at;
    }
    return at;
}

bool is_in_word(std::string_view text, size_t at) {
    return is_word_byte(text[at]) && !is_mark(text, character_begin(text, at));
}

// RE2 knows boundaries between ASCII characters only.
bool accepts_whole_word(std::string_view text, size_t begin, size_t& end) {
    const bool goes_on_before = begin > 0 && is_in_word(text, begin) && is_in_word(text, begin - 1);
    const bool goes_on_after =
        end < text.size() && is_in_word(text, end - 1) && is_in_word(text, end);
    return !goes_on_before && !goes_on_after;
}

bool begins_with(std::string_view text, std::string_view begin) {
    return text.size() > begin.size() && equals_ignoring_case(text.substr(0, begin.size()), begin);
}

// Words of one pattern must not begin with each other: where the longer one turns out to be no
// whole word, the shorter one would not be asked.
void add_words(std::vector<std::string> words, std::vector<TextRule>& to) {
    std::erase_if(words, [](const std::string& word) { return word.empty(); });
    while (!words.empty()) {
        std::string pattern = "(?i)(?:";
        std::vector<std::string> taken;
        std::vector<std::string> left;
        for (std::string& word : words) {
            const auto clashes = [&](const std::string& other) {
                return begins_with(word, other) || begins_with(other, word);
            };
            if (taken.size() == kWordsOfPattern || std::ranges::any_of(taken, clashes)) {
                left.push_back(std::move(word));
                continue;
            }
            pattern += (taken.empty() ? "" : "|") + TextRules::quoted(word);
            taken.push_back(std::move(word));
        }
        to.push_back({"words", pattern + ")", accepts_whole_word});
        words = std::move(left);
    }
}

}  // namespace

std::expected<std::unique_ptr<TextRules>, std::string> compile_guard_rules(
    const GuardOptions& options) {
    std::vector<TextRule> rules;
    rules.reserve(options.patterns.size());
    for (size_t i = 0; i < options.patterns.size(); ++i) {
        rules.push_back({"pattern-" + std::to_string(i + 1), options.patterns[i]});
    }
    std::vector<std::string> words = options.words;
    words.insert(words.end(), options.file_words.begin(), options.file_words.end());
    const auto too_long = std::ranges::find_if(
        words, [](const std::string& word) { return word.size() > kWordBytesMax; });
    if (too_long != words.end()) {
        return std::unexpected("a word is longer than " + std::to_string(kWordBytesMax) +
                               " bytes: \"" + too_long->substr(0, kWordBytesMax) + "...\"");
    }
    add_words(std::move(words), rules);
    for (const std::string& preset : options.presets) {
        add_guard_preset(preset, rules);
    }
    return TextRules::compile(rules, {.memory_bytes_max = options.memory_bytes_max,
                                      .hold_bytes_max = options.hold_bytes_max});
}

std::vector<std::string> read_words(std::string_view text) {
    std::vector<std::string> words;
    while (!text.empty()) {
        const size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.ends_with('\r')) {
            line.remove_suffix(1);
        }
        line = trim_ows(line);
        if (!line.empty() && line.front() != '#') {
            words.emplace_back(line);
        }
    }
    return words;
}

std::string guard_identity(const GuardOptions& options) {
    std::string text;
    // With its length, so that no two lists of texts look alike.
    const auto add = [&text](std::string_view part) {
        text += std::to_string(part.size()) + ':';
        text += part;
    };
    for (const std::vector<std::string>* const list :
         {&options.patterns, &options.words, &options.file_words, &options.presets}) {
        text += std::to_string(list->size()) + ';';
        for (const std::string& one : *list) {
            add(one);
        }
    }
    add(options.replacement);
    add(options.webhook_url);
    for (const uint32_t number :
         {static_cast<uint32_t>(options.direction), static_cast<uint32_t>(options.action),
          static_cast<uint32_t>(options.include_tools),
          static_cast<uint32_t>(options.include_reasoning), options.text_bytes_max,
          options.hold_bytes_max}) {
        text += std::to_string(number) + ';';
    }
    return text;
}

}  // namespace sluice::pipeline
