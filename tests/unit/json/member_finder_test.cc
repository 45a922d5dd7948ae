// The member finder: over every split and at every level of scanning, on texts made to mislead it,
// and on random documents against a parser.
#include "json/member_finder.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <simdjson.h>

#include "base/arena.h"
#include "base/prng.h"
#include "json/text_scan.h"
#include "support/splits.h"
#include "unit/json/random_json.h"

namespace sluice::json {
namespace {

constexpr std::string_view kKey = "\"usage\"";

std::vector<const TextScan*> levels() {
    std::vector<const TextScan*> found;
    for (const ScanLevel level : {ScanLevel::plain, ScanLevel::sse2, ScanLevel::avx2}) {
        if (const TextScan* scan = text_scan(level); scan != nullptr) {
            found.push_back(scan);
        }
    }
    return found;
}

// Every split of `text` finds `expected` last, `count` objects in all.
void expect_found(std::string_view text, std::string_view expected, uint32_t count) {
    for (const TextScan* scan : levels()) {
        sluice::test::for_each_split(text, [&](const sluice::test::Pieces& pieces) {
            Arena arena;
            MemberFinder finder(kKey, arena, {.scan = scan});
            for (size_t i = 0; i < pieces.size(); ++i) {
                finder.feed(pieces[i]);
            }
            EXPECT_EQ(finder.value(), expected) << text << pieces.describe();
            EXPECT_EQ(finder.count(), count) << text << pieces.describe();
            EXPECT_EQ(finder.has_value(), count > 0);
        });
    }
}

TEST(MemberFinder, FindsAnObject) {
    expect_found(R"({"usage":{"a":1}})", R"({"a":1})", 1);
    expect_found(R"({"usage" : { } })", R"({ })", 1);
    expect_found("{\"usage\"\n:\t{\"a\":{\"b\":{}},\"c\":[{}]}}", R"({"a":{"b":{}},"c":[{}]})", 1);
    expect_found(R"({"x":1,"y":{"usage":{"a":"}"}}})", R"({"a":"}"})", 1);
    expect_found(R"({"usage":{"a":"\"}\\","b":"{"}})", R"({"a":"\"}\\","b":"{"})", 1);
    expect_found(R"({"usage":{"usage":{"a":1}}})", R"({"usage":{"a":1}})", 1);
}

// The texts of "why", in the order in which they are found.
std::vector<std::string> texts_in(const sluice::test::Pieces& pieces, const TextScan* scan) {
    Arena arena;
    MemberFinder finder("\"why\"", arena,
                        {.value_bytes_max = 8, .finds_texts = true, .scan = scan});
    std::vector<std::string> found;
    for (size_t i = 0; i < pieces.size(); ++i) {
        std::string_view rest = pieces[i];
        while (!rest.empty()) {
            const uint32_t before = finder.count();
            rest = finder.feed_to_find(rest);
            if (finder.count() != before) {
                found.emplace_back(finder.value());
            }
        }
    }
    return found;
}

void expect_texts(std::string_view text, const std::vector<std::string>& expected) {
    for (const TextScan* scan : levels()) {
        sluice::test::for_each_split(text, [&](const sluice::test::Pieces& pieces) {
            EXPECT_EQ(texts_in(pieces, scan), expected) << text << pieces.describe();
        });
    }
}

TEST(MemberFinder, FindsTextsWhereItIsToldSo) {
    expect_texts(R"({"why":"stop"})", {"stop"});
    expect_texts(R"([{"why" : "stop"},{"why":null},{"why":""},{"why":"end"}])", {"stop", "end"});
    expect_texts(R"({"a":"\"why\":\"x\"","why":"a\"b\\"})", {R"(a\"b\\)"});
    expect_texts(R"({"why":{"why":"in"},"b":["why","x"],"why":7})", {"in"});
    expect_texts(R"({"why":"far too long","why":"12345678"})", {"12345678"});
    expect_texts(R"({"x":"why","why2":"y"})", {});
}

TEST(MemberFinder, ReportsTheLastObject) {
    expect_found(R"({"usage":{"a":1}}{"usage":{"a":2}})", R"({"a":2})", 2);
    expect_found(R"({"usage":{"a":1}} {"usage":null})", R"({"a":1})", 1);
    expect_found("data: {\"usage\":null}\n\ndata: {\"usage\":{\"t\":3}}\n\ndata: [DONE]\n\n",
                 R"({"t":3})", 1);
    expect_found(R"({"usage":{"a":1}}{"usage":{"a":2)", R"({"a":1})", 1);
}

TEST(MemberFinder, PassesOverWhatIsNoObject) {
    for (const std::string_view text :
         {"", "{}", R"({"usage":null})", R"({"usage":1,"a":{}})", R"({"usage":[{}]})",
          R"({"usage":"{}"})", R"(["usage",{"a":1}])", R"({"usag":{}})", R"({"usages":{}})",
          R"({"xusage":{}})", R"({"a":"usage"})", R"({"Usage":{}})", R"("usage")", R"({"usage)",
          R"({"usage":)", R"({"usage":{)", R"({"usage":{"a":1)", R"("usage""usage":1)"}) {
        expect_found(text, "", 0);
    }
    expect_found(R"("usage""usage":{"a":1})", R"({"a":1})", 1);
    expect_found(R"({"usage":"usage","usage":{"b":2}})", R"({"b":2})", 1);
}

// The key as text inside of strings, in every spelling that JSON allows.
TEST(MemberFinder, IsNotTakenInByStrings) {
    for (const std::string_view text :
         {R"({"a":"\"usage\":{\"x\":1}"})", R"({"a":"\"usage\":{}"})",
          R"({"a":"x\"usage":{"x":1}})", R"({"a\"usage":{"x":1}})", R"({"\"usage":{"x":1}})",
          R"({"\\\"usage":{"x":1}})", R"({"a":"\\\"usage\\\":{}"})", R"({"a":"usage\":{}"})",
          R"({"a":"'usage':{}"})", R"(["\"usage\"",{"x":1}])", R"({"a":"\\\\\"usage":{"x":1}})"}) {
        expect_found(text, "", 0);
    }
    // Here the string before ends in backslashes, and the key is a key.
    expect_found(R"({"a":"x\\","usage":{"x":1}})", R"({"x":1})", 1);
    expect_found(R"({"a":"\\\\","usage":{"x":1}})", R"({"x":1})", 1);
    expect_found(R"({"a":"\"","usage":{"x":1}})", R"({"x":1})", 1);
}

TEST(MemberFinder, FindsItAtEveryDistance) {
    for (size_t before = 0; before < 140; ++before) {
        for (const size_t after : {0U, 1U, 40U}) {
            const std::string text = "{\"p\":\"" + std::string(before, 'u') +
                                     "\",\"usage\":{\"a\":1}}" + std::string(after, '"');
            for (const TextScan* scan : levels()) {
                Arena arena;
                MemberFinder finder(kKey, arena, {.scan = scan});
                finder.feed(text);
                EXPECT_EQ(finder.value(), "{\"a\":1}") << before;
            }
        }
    }
}

TEST(MemberFinder, PassesOverWhatIsTooLong) {
    const auto with_size = [](size_t size) {
        return "{\"a\":\"" + std::string(size - 8, 'x') + "\"}";
    };
    for (const size_t size : {511U, 512U, 513U, 1024U, 4095U, 4096U}) {
        Arena arena;
        MemberFinder finder(kKey, arena);
        const std::string value = with_size(size);
        finder.feed("{\"usage\":" + value + "}");
        EXPECT_EQ(finder.value(), value);
    }
    Arena arena;
    MemberFinder finder(kKey, arena);
    finder.feed(R"({"usage":{"a":1}})");
    finder.feed("{\"usage\":" + with_size(4097) + "}");
    EXPECT_EQ(finder.value(), R"({"a":1})");
    EXPECT_EQ(finder.count(), 1U);
    finder.feed(R"({"usage":{"a":2}})");
    EXPECT_EQ(finder.value(), R"({"a":2})");
}

// A stream in which every event has the member holds a constant piece of memory.
TEST(MemberFinder, ReusesItsMemory) {
    Arena arena;
    MemberFinder finder(kKey, arena);
    for (int i = 0; i < 1000; ++i) {
        finder.feed("{\"usage\":{\"total_tokens\":");
        finder.feed(std::to_string(i) + "}}");
    }
    EXPECT_EQ(finder.count(), 1000U);
    EXPECT_EQ(finder.value(), R"({"total_tokens":999})");
    EXPECT_LE(arena.reserved_bytes(), 4096U);
}

TEST(MemberFinder, TakesNoMemoryBeforeItFinds) {
    Arena arena;
    MemberFinder finder(kKey, arena);
    finder.feed(R"({"choices":[{"delta":{"content":"usage"}}],"usage":null})");
    EXPECT_EQ(arena.reserved_bytes(), 0U);
}

// The last value under `key` that is an object and not inside of another such value.
void find_by_parsing(simdjson::dom::element element, std::string& last, uint32_t& count) {
    simdjson::dom::object object;
    simdjson::dom::array array;
    if (element.get(object) == simdjson::SUCCESS) {
        for (const auto& [key, value] : object) {
            if (key == "usage" && value.is<simdjson::dom::object>()) {
                last = simdjson::minify(value);
                ++count;
            } else {
                find_by_parsing(value, last, count);
            }
        }
    } else if (element.get(array) == simdjson::SUCCESS) {
        for (const simdjson::dom::element item : array) {
            find_by_parsing(item, last, count);
        }
    }
}

TEST(MemberFinder, AgreesWithAParser) {
    Prng prng(14);
    simdjson::dom::parser parser;
    uint32_t total = 0;
    for (int round = 0; round < 6000; ++round) {
        const std::string text = test::RandomJson(prng).document();
        simdjson::dom::element element;
        ASSERT_EQ(parser.parse(text).get(element), simdjson::SUCCESS);
        std::string expected;
        uint32_t count = 0;
        find_by_parsing(element, expected, count);
        Arena arena;
        MemberFinder finder(kKey, arena);
        const auto pieces = sluice::test::random_pieces(text, 5, prng);
        for (size_t i = 0; i < pieces.size(); ++i) {
            finder.feed(pieces[i]);
        }
        ASSERT_EQ(finder.count(), count) << text;
        total += count;
        if (count > 0) {
            ASSERT_EQ(parser.parse(std::string(finder.value())).get(element), simdjson::SUCCESS);
            EXPECT_EQ(simdjson::minify(element), expected) << text;
        }
    }
    EXPECT_GT(total, 150U);
}

}  // namespace
}  // namespace sluice::json
