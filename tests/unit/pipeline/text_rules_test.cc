// Rules over whole texts and over texts in pieces: what is found does not depend on the cuts, and
// no more is held back than a match could need.
#include "pipeline/text_rules.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/prng.h"
#include "pipeline/guard_options.h"
#include "pipeline/guard_rules.h"
#include "pipeline/open_pattern.h"
#include "pipeline/text_window.h"

namespace sluice::pipeline {
namespace {

using testing::HasSubstr;

std::unique_ptr<TextRules> compiled(const GuardOptions& options) {
    auto rules = compile_guard_rules(options);
    EXPECT_TRUE(rules) << rules.error();
    return rules ? *std::move(rules) : nullptr;
}

std::string redacted(const TextRules& rules, std::string_view text) {
    std::vector<TextRules::Match> matches;
    EXPECT_EQ(rules.scan(text, 0, true, matches), text.size());
    std::string result;
    size_t at = 0;
    for (const TextRules::Match& match : matches) {
        result += std::string(text.substr(at, match.begin - at)) + "<" +
                  std::string(rules.name(match.rule)) + ">";
        at = match.end;
    }
    return result + std::string(text.substr(at));
}

// The same, in pieces; `held` gets the most that was kept back after a piece.
std::string redacted_in_pieces(const TextRules& rules,
                               std::string_view text,
                               const std::vector<size_t>& cuts,
                               size_t* held = nullptr) {
    TextWindow window;
    std::string result;
    size_t given_out = 0;
    const auto take = [&](std::string_view piece, bool is_last) {
        for (const TextWindow::Segment& segment : window.take(rules, piece, is_last)) {
            given_out += segment.text.size();
            result += segment.rule == TextWindow::kNoRule
                          ? std::string(segment.text)
                          : "<" + std::string(rules.name(segment.rule)) + ">";
        }
    };
    size_t at = 0;
    for (const size_t cut : cuts) {
        take(text.substr(at, cut - at), false);
        at = cut;
        if (held != nullptr) {
            *held = std::max(*held, at - given_out);
        }
    }
    take(text.substr(at), true);
    return result;
}

void expect_equal_at_every_split(const TextRules& rules, std::string_view text) {
    const std::string whole = redacted(rules, text);
    std::vector<size_t> all;
    for (size_t i = 1; i < text.size(); ++i) {
        all.push_back(i);
        EXPECT_EQ(redacted_in_pieces(rules, text, {i}), whole) << text << " at " << i;
    }
    EXPECT_EQ(redacted_in_pieces(rules, text, all), whole) << text;
}

TEST(TextRules, FindsPatternsWordsAndPresets) {
    const auto rules = compiled({.patterns = {"proj-[0-9]+"},
                                 .words = {"Zebra", "new york", "new", "\u00d6l"},
                                 .presets = {"email", "credit_card", "ssn", "ip_address"}});
    ASSERT_NE(rules, nullptr);
    EXPECT_EQ(redacted(*rules, "see proj-12 and proj-x"), "see <pattern-1> and proj-x");
    EXPECT_EQ(redacted(*rules, "zebras, a ZEBRA; New Yorkers in new york"),
              "zebras, a <words>; <words> Yorkers in <words>");
    EXPECT_EQ(redacted(*rules, "\u00d6l, \u00f6l, K\u00f6l, \u00d6le"),
              "<words>, <words>, K\u00f6l, \u00d6le");
    EXPECT_EQ(redacted(*rules, "to a.b+c@example.org."), "to <email>.");
    EXPECT_EQ(redacted(*rules, "4111 1111 1111 1111 12/27, 4111 1111 1111 1112"),
              "<credit_card> 12/27, 4111 1111 1111 1112");
    EXPECT_EQ(redacted(*rules, "123-45-6789, 000-12-3456, 666-12-3456, 123-45-67890"),
              "<ssn>, 000-12-3456, 666-12-3456, 123-45-67890");
    EXPECT_EQ(redacted(*rules, "10.0.0.255 256.1.1.1 fe80::1: at 12:30:45 std::string"),
              "<ip_address> 256.1.1.1 <ip_address>: at 12:30:45 std::string");
}

TEST(TextRules, FindsKeys) {
    const auto rules = compiled({.presets = {"api_key"}});
    const std::string long_part(40, 'a');
    for (const std::string& key :
         {"sk-" + long_part, "sk-proj-" + long_part, "sk-ant-api03-" + long_part,
          std::string("AKIAIOSFODNN7EXAMPLE"), "ghp_" + long_part, "github_pat_" + long_part,
          "hf_" + long_part, "AIza" + std::string(35, 'b')}) {
        EXPECT_EQ(redacted(*rules, "key=" + key + " end"), "key=<api_key> end");
        expect_equal_at_every_split(*rules, "key=" + key + " end");
    }
    EXPECT_EQ(redacted(*rules, "sk-short and task-" + long_part), "sk-short and task-" + long_part);
}

TEST(TextRules, TheLeftmostWinsThenTheFirst) {
    const auto rules = compiled({.patterns = {"bcd", "abc", "ab"}});
    EXPECT_EQ(redacted(*rules, "abcd"), "<pattern-2>d");
    EXPECT_EQ(redacted(*rules, "bcdabab"), "<pattern-1><pattern-3><pattern-3>");
    expect_equal_at_every_split(*rules, "abcdabcabbcd");
}

TEST(TextRules, FindsTheSameAtEverySplit) {
    const auto rules = compiled({.patterns = {"a+b?c{2,3}(?:d|e[fg])*", "^begin", "\\bx\\b", "end$",
                                              "(?i)straSSe", "\u00e4(?:\u00f6|\u00fc)+"},
                                 .words = {"new york", "new"},
                                 .presets = {"email", "credit_card", "ssn", "ip_address"}});
    for (const std::string_view text :
         {"begin x aabcc dccc acccefegd begin", "strasse Strasse STRASS e", "no end of the end",
          "new yorkers newer new york", "\u00e4\u00f6\u00fc\u00f6x \u00e4 \u00f6",
          "mail a@b.co, a@b, c@d.e.fg.", "4111 1111 1111 1111 22 378282246310005",
          "1.2.3.4.5 ::1 fe80::a:b:c 1:2", "123-45-6789-123-45-6789", "x", "", "xx x",
          "\xF0\x9F\x98\x80 x \xF0\x9F\x98\x80"}) {
        expect_equal_at_every_split(*rules, text);
    }
}

// Texts of a few letters, so that matches, near matches and overlaps are frequent.
TEST(TextRules, FindsTheSameInRandomPieces) {
    const std::vector<std::string> parts = {"a",     "b",        "ab",   "[ab]", "a?",   "b*",
                                            "a+",    "(?:ab|b)", "\\bb", "c\\b", "a{2}", "[^c]",
                                            "(ab)*", ".",        "c",    "(?i)C"};
    Prng prng(4711);
    const auto below = [&prng](size_t limit) { return static_cast<size_t>(prng.next() % limit); };
    uint32_t found = 0;
    for (int round = 0; round < 3000; ++round) {
        std::vector<std::string> patterns;
        for (size_t i = 0; i <= below(3); ++i) {
            std::string pattern;
            for (size_t part = 0; part <= below(4); ++part) {
                const std::string& one = parts[below(parts.size())];
                pattern += one == "(?i)C" ? "(?i:C)" : one;
            }
            if (TextRules::problem_of(pattern).empty()) {
                patterns.push_back(pattern);
            }
        }
        if (patterns.empty()) {
            continue;
        }
        const auto rules = compiled({.patterns = patterns});
        std::string text;
        std::vector<size_t> cuts;
        for (size_t i = 0; i < 24; ++i) {
            text += "abc "[below(4)];
            if (below(2) == 0) {
                cuts.push_back(text.size());
            }
        }
        const std::string whole = redacted(*rules, text);
        found += whole == text ? 0 : 1;
        ASSERT_EQ(redacted_in_pieces(*rules, text, cuts), whole)
            << text << " by " << testing::PrintToString(patterns);
    }
    EXPECT_GT(found, 1000U);
}

TEST(TextRules, HoldsNoMoreThanAMatchCouldNeed) {
    const auto rules = compiled({.words = {"zebra"}, .presets = {"email", "credit_card"}});
    std::string text;
    std::vector<size_t> cuts;
    for (int i = 0; i < 200; ++i) {
        text += "word, and ";
        cuts.push_back(text.size());
    }
    size_t held = 0;
    EXPECT_EQ(redacted_in_pieces(*rules, text, cuts, &held), text);
    EXPECT_EQ(held, 0U) << "a blank ends whatever an address could be";
    // An unbounded match is waited for up to the limit.
    const auto bounded = compiled({.patterns = {"x+y"}, .hold_bytes_max = 16});
    held = 0;
    const std::string many(100, 'x');
    cuts.clear();
    for (size_t i = 1; i < many.size(); ++i) {
        cuts.push_back(i);
    }
    EXPECT_EQ(redacted_in_pieces(*bounded, many, cuts, &held), many);
    EXPECT_EQ(held, 16U);
}

TEST(TextRules, SaysWhatIsWrongWithAPattern) {
    EXPECT_EQ(TextRules::problem_of("a(b"), "at column 1: missing ): a(b");
    EXPECT_THAT(TextRules::problem_of("ab[z-a]"),
                HasSubstr("at column 4: invalid character class"));
    EXPECT_EQ(TextRules::problem_of("a*"), "it matches a text without characters");
    EXPECT_EQ(TextRules::problem_of("a+"), "");
    EXPECT_THAT(TextRules::problem_of("(?=a)"), HasSubstr("invalid perl operator"));
}

TEST(OpenPattern, TakesTheBeginnings) {
    EXPECT_EQ(open_pattern("abc"), "(?:a(?:b(?:c)?)?)");
    EXPECT_EQ(open_pattern("(?i)a|b"), "(?i)(?:a|b)");
    EXPECT_EQ(open_pattern("a*b"), "(?:(?:a*(?:a)|a*(?:b)))");
    EXPECT_EQ(open_pattern("\\ba{3}\\b"), "(?:\\b(?:a{0,2}(?:a)))");
    EXPECT_EQ(open_pattern("[]a]x"), "(?:[]a](?:x)?)");
    EXPECT_EQ(open_pattern("\\Qa.b\\E"), std::nullopt);
    EXPECT_EQ(open_pattern("a)"), std::nullopt);
}

TEST(GuardRules, ReadsLists) {
    EXPECT_THAT(read_words("# first\nzebra\r\n\n  two words \n#x\nlast"),
                testing::ElementsAre("zebra", "two words", "last"));
}

TEST(GuardRules, TakesThousandsOfWords) {
    std::vector<std::string> words;
    words.reserve(3000);
    for (int i = 0; i < 3000; ++i) {
        words.push_back("word" + std::to_string(i * 7919 % 100000));
    }
    const auto rules = compiled({.words = words});
    ASSERT_NE(rules, nullptr);
    EXPECT_EQ(redacted(*rules, "not wordy but " + words[2999] + " and " + words[17] + "!"),
              "not wordy but <words> and <words>!");
}

}  // namespace
}  // namespace sluice::pipeline
