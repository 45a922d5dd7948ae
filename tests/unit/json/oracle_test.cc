// Random documents and random damage: our Validator and simdjson's DOM parser must agree, and every
// level of text scanning and a random split must give the same verdict.
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/prng.h"
#include "json/text_scan.h"
#include "json/validator.h"
#include "support/json_oracle.h"
#include "support/mutate.h"
#include "support/splits.h"
#include "unit/json/json_cases.h"
#include "unit/json/random_json.h"

namespace sluice::json {
namespace {

constexpr int kRounds = 6000;
constexpr std::string_view kWords[] = {"\"",
                                       "\\",
                                       "{",
                                       "}",
                                       "[",
                                       "]",
                                       ",",
                                       ":",
                                       "0",
                                       "-",
                                       ".",
                                       "e",
                                       "E+",
                                       "true",
                                       "nul",
                                       "\\u00",
                                       "\\n",
                                       "\xC3\xA9",
                                       "\xE6\x95",
                                       "\x80",
                                       "\xF0\x9F\xA6\x8A",
                                       "\n",
                                       std::string_view("\0", 1),
                                       "1.",
                                       "01",
                                       "\"a\":"};

bool accepts(const sluice::test::Pieces& pieces, ScanLevel level) {
    Validator validator({.scan = text_scan(level)});
    for (size_t i = 0; i < pieces.size(); ++i) {
        if (!validator.feed(pieces[i])) {
            return false;
        }
    }
    return validator.finish().has_value();
}

void expect_agreement(std::string_view text, sluice::test::JsonOracle& oracle, Prng& prng) {
    const bool is_accepted = accepts(sluice::test::whole(text), ScanLevel::plain);
    if (const std::optional<bool> opinion = oracle.verdict(text)) {
        EXPECT_EQ(is_accepted, *opinion) << text;
    }
    for (const ScanLevel level : {ScanLevel::plain, ScanLevel::sse2, ScanLevel::avx2}) {
        if (text_scan(level) == nullptr) {
            continue;
        }
        EXPECT_EQ(accepts(sluice::test::whole(text), level), is_accepted) << text;
        const auto pieces = sluice::test::random_pieces(text, 4, prng);
        EXPECT_EQ(accepts(pieces, level), is_accepted) << text << pieces.describe();
    }
}

TEST(JsonOracle, AgreesOnRandomDocuments) {
    Prng prng(7);
    sluice::test::JsonOracle oracle;
    for (int round = 0; round < kRounds; ++round) {
        const std::string text = test::RandomJson(prng).document();
        ASSERT_TRUE(accepts(sluice::test::whole(text), text_scan().level)) << text;
        expect_agreement(text, oracle, prng);
    }
}

TEST(JsonOracle, AgreesOnDamagedDocuments) {
    Prng prng(8);
    sluice::test::JsonOracle oracle;
    int refused = 0;
    for (int round = 0; round < kRounds; ++round) {
        std::string text = test::RandomJson(prng).document();
        for (uint32_t i = 0; i <= prng.below(3); ++i) {
            sluice::test::mutate(text, kWords, prng);
        }
        refused += accepts(sluice::test::whole(text), ScanLevel::plain) ? 0 : 1;
        expect_agreement(text, oracle, prng);
    }
    // The damage must hit on both sides of the border, or this test says little.
    EXPECT_GT(refused, kRounds / 4);
    EXPECT_LT(refused, kRounds * 9 / 10);
}

TEST(JsonOracle, AgreesOnDamagedCases) {
    Prng prng(9);
    sluice::test::JsonOracle oracle;
    const std::vector<std::string_view> texts = test::all_case_texts();
    for (int round = 0; round < kRounds; ++round) {
        std::string text(texts[prng.below(static_cast<uint32_t>(texts.size()))]);
        for (uint32_t i = 0; i <= prng.below(2); ++i) {
            sluice::test::mutate(text, kWords, prng);
        }
        expect_agreement(text, oracle, prng);
    }
}

TEST(JsonOracle, AgreesOnTheTable) {
    Prng prng(10);
    sluice::test::JsonOracle oracle;
    for (const std::string_view text : test::all_case_texts()) {
        expect_agreement(text, oracle, prng);
    }
}

}  // namespace
}  // namespace sluice::json
