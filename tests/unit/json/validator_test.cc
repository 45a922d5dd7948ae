// The Validator against a table of texts: the same verdict for every split of the input, at every
// level of text scanning; limits; and what it says about errors.
#include "json/validator.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "json/text_scan.h"
#include "support/splits.h"
#include "unit/json/json_cases.h"

namespace sluice::json {
namespace {

struct Verdict {
    bool is_accepted = false;
    size_t error_offset = 0;
    std::string error_text = {};

    bool operator==(const Verdict&) const = default;
};

Verdict validate(const sluice::test::Pieces& pieces, const Validator::Options& options = {}) {
    Validator validator(options);
    Status status;
    for (size_t i = 0; i < pieces.size() && status; ++i) {
        status = validator.feed(pieces[i]);
    }
    if (status) {
        status = validator.finish();
    }
    if (status) {
        return {.is_accepted = true};
    }
    EXPECT_EQ(status.error().where, validator.error_text());
    EXPECT_EQ(status.error().kind, ErrorKind::invalid_json);
    EXPECT_EQ(status.error().source, ErrorSource::client);
    return {false, validator.error_offset(), validator.error_text()};
}

Verdict validate(std::string_view text, const Validator::Options& options = {}) {
    return validate(sluice::test::whole(text), options);
}

std::vector<const TextScan*> levels() {
    std::vector<const TextScan*> found;
    for (const ScanLevel level : {ScanLevel::plain, ScanLevel::sse2, ScanLevel::avx2}) {
        if (const TextScan* scan = text_scan(level); scan != nullptr) {
            found.push_back(scan);
        }
    }
    return found;
}

// Every split at every level gives the verdict of the whole text at the plain level.
void expect_one_verdict(std::string_view text) {
    const Verdict expected = validate(text, {.scan = text_scan(ScanLevel::plain)});
    for (const TextScan* scan : levels()) {
        sluice::test::for_each_split(text, [&](const sluice::test::Pieces& pieces) {
            const Verdict verdict = validate(pieces, {.scan = scan});
            EXPECT_EQ(verdict.is_accepted, expected.is_accepted) << text << pieces.describe();
            EXPECT_EQ(verdict.error_offset, expected.error_offset) << text << pieces.describe();
            EXPECT_EQ(verdict.error_text, expected.error_text) << text << pieces.describe();
        });
    }
}

class ValidatorCases : public testing::TestWithParam<test::CaseClass> {};

TEST_P(ValidatorCases, HaveOneVerdictForEverySplit) {
    SCOPED_TRACE(GetParam().name);
    for (const std::string_view text : GetParam().texts) {
        EXPECT_EQ(validate(text).is_accepted, GetParam().is_accepted) << text;
        expect_one_verdict(text);
    }
}

INSTANTIATE_TEST_SUITE_P(Table, ValidatorCases, testing::ValuesIn(test::kCaseClasses));

TEST(Validator, TableIsLargeEnough) {
    EXPECT_GE(test::all_case_texts().size(), 250U);
}

// The same texts, deep in a longer document, behind text that shifts them through the blocks.
TEST(Validator, VerdictDoesNotDependOnThePlace) {
    for (const test::CaseClass& cases : test::kCaseClasses) {
        for (const std::string_view text : cases.texts) {
            if (text.size() < 3 || text.front() != '[' || text.back() != ']') {
                continue;
            }
            const bool is_accepted = validate(text).is_accepted;
            for (size_t shift = 0; shift < 70; ++shift) {
                const std::string document = "{\"" + std::string(shift, 'k') +
                                             "\": " + std::string(text) + ", \"tail\": \"" +
                                             std::string(70, 't') + "\"}";
                EXPECT_EQ(validate(document).is_accepted, is_accepted) << document;
            }
        }
    }
}

TEST(Validator, LongStringsOfEveryLength) {
    for (size_t length = 0; length < 200; ++length) {
        const std::string filler(length, 'x');
        EXPECT_TRUE(validate("[\"" + filler + "\"]").is_accepted);
        EXPECT_TRUE(validate("[\"" + filler + "\\n\"]").is_accepted);
        EXPECT_TRUE(validate("[\"" + filler + "\\u00e9" + filler + "\"]").is_accepted);
        EXPECT_TRUE(validate("[\"" + filler + "\xE6\x95\x8F" + filler + "\"]").is_accepted);
        const Verdict control = validate("[\"" + filler + "\n" + filler + "\"]");
        EXPECT_FALSE(control.is_accepted);
        EXPECT_EQ(control.error_offset, length + 2);
        const Verdict utf8 = validate("[\"" + filler + "\xE6\x95" + filler + "\"]");
        EXPECT_FALSE(utf8.is_accepted);
        EXPECT_EQ(utf8.error_offset, length + 4);
        const Verdict escape = validate("[\"" + filler + "\\q\"]");
        EXPECT_FALSE(escape.is_accepted);
        EXPECT_EQ(escape.error_offset, length + 3);
    }
}

TEST(Validator, DepthIsLimited) {
    const auto nested = [](size_t depth, char open, char close) {
        return std::string(depth, open) + std::string(depth, close);
    };
    EXPECT_TRUE(validate(nested(Validator::kDepthMax, '[', ']')).is_accepted);
    const Verdict verdict = validate(nested(Validator::kDepthMax + 1U, '[', ']'));
    EXPECT_FALSE(verdict.is_accepted);
    EXPECT_EQ(verdict.error_offset, Validator::kDepthMax);
    EXPECT_EQ(verdict.error_text, "nested too deeply");
    EXPECT_TRUE(validate(nested(3, '[', ']'), {.depth_max = 3}).is_accepted);
    EXPECT_FALSE(validate(nested(4, '[', ']'), {.depth_max = 3}).is_accepted);
    // Far more than any limit: refused at once, without recursion.
    EXPECT_EQ(validate(std::string(1'000'000, '[')).error_offset, Validator::kDepthMax);
    std::string objects;
    for (size_t i = 0; i < 100'000; ++i) {
        objects += "{\"a\":[";
    }
    EXPECT_EQ(validate(objects).error_offset, Validator::kDepthMax / 2 * 6U);
}

// Arrays and objects in an irregular order, as deep as allowed: the kinds are remembered right.
TEST(Validator, RemembersWhatIsOpen) {
    std::string opening;
    std::string closing;
    uint32_t pattern = 0x9E3779B9;
    for (size_t i = 0; i < Validator::kDepthMax; ++i) {
        pattern = pattern * 1664525 + 1013904223;
        const bool is_object = (pattern >> 31) != 0;
        opening += is_object ? "{\"k\":" : "[";
        closing.insert(0, is_object ? "}" : "]");
    }
    EXPECT_TRUE(validate(opening + "1" + closing).is_accepted);
    for (size_t i = 0; i < closing.size(); ++i) {
        std::string wrong = closing;
        wrong[i] = wrong[i] == '}' ? ']' : '}';
        EXPECT_FALSE(validate(opening + "1" + wrong).is_accepted);
    }
}

struct ErrorCase {
    std::string_view text;
    size_t offset;
    std::string_view says;
};

TEST(Validator, SaysWhereAndWhat) {
    const ErrorCase cases[] = {
        {"", 0, "ended too early"},
        {"[1", 2, "ended too early"},
        {"[1,]", 3, "expected a value"},
        {"{1:2}", 1, "expected a key in quotes"},
        {"{\"a\" 1}", 5, "expected a colon"},
        {"{\"a\":1 2}", 7, "expected a comma or '}'"},
        {"[1 2]", 3, "expected a comma or ']'"},
        {"[1] 2", 4, "expected nothing after the value"},
        {"[\"\\q\"]", 3, "expected an escape that JSON has"},
        {"[\"\\u12x4\"]", 6, "expected four hexadecimal digits"},
        {"[\"\xC3(\"]", 3, "expected valid UTF-8"},
        {"[\"a\nb\"]", 3, "expected no control character in a string"},
        {"[-x]", 2, "expected a digit"},
        {"[1.x]", 3, "expected a digit"},
        {"[nulL]", 4, "expected true, false or null"},
    };
    for (const ErrorCase& wanted : cases) {
        const Verdict verdict = validate(wanted.text);
        EXPECT_FALSE(verdict.is_accepted) << wanted.text;
        EXPECT_EQ(verdict.error_offset, wanted.offset) << wanted.text;
        EXPECT_EQ(verdict.error_text, wanted.says) << wanted.text;
    }
}

TEST(Validator, KeepsFailingOnceFailed) {
    Validator validator({.source = ErrorSource::upstream});
    EXPECT_TRUE(validator.feed("[1").has_value());
    EXPECT_FALSE(validator.feed("}").has_value());
    const Status again = validator.feed("]");
    ASSERT_FALSE(again.has_value());
    EXPECT_EQ(again.error().source, ErrorSource::upstream);
    EXPECT_EQ(validator.error_offset(), 2U);
    EXPECT_FALSE(validator.finish().has_value());
    EXPECT_EQ(validator.error_offset(), 2U);
}

TEST(Validator, TellsAboutTheTopValue) {
    const auto check = [](std::string_view text, size_t object_begin, bool is_empty) {
        sluice::test::for_each_split(text, [&](const sluice::test::Pieces& pieces) {
            Validator validator;
            for (size_t i = 0; i < pieces.size(); ++i) {
                ASSERT_TRUE(validator.feed(pieces[i]).has_value());
            }
            ASSERT_TRUE(validator.finish().has_value());
            EXPECT_EQ(validator.size_bytes(), text.size());
            EXPECT_EQ(validator.is_object(), object_begin != 0);
            EXPECT_EQ(validator.object_begin(), object_begin);
            EXPECT_EQ(validator.is_empty_object(), is_empty);
        });
    };
    check("{}", 1, true);
    check("  { \n } ", 3, true);
    check("{\"a\":{}}", 1, false);
    check(" {\"a\":[{}],\"b\":{}}", 2, false);
    check("[{}]", 0, false);
    check("\"{}\"", 0, false);
    check("7", 0, false);
}

TEST(Validator, EmptyPiecesChangeNothing) {
    Validator validator;
    for (const std::string_view piece : {"", "[", "", "\"a", "", "b\"", "", "]", ""}) {
        EXPECT_TRUE(validator.feed(piece).has_value());
    }
    EXPECT_TRUE(validator.finish().has_value());
    EXPECT_EQ(validator.size_bytes(), 6U);
}

// Promise: memory of a body that is being read is bounded and small.
static_assert(sizeof(Validator) + sizeof(FieldWatch) <= 1024);

}  // namespace
}  // namespace sluice::json
