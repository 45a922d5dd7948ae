// The writer: commas, escapes, numbers, both outputs; everything it writes is read back.
#include "json/writer.h"

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include <gtest/gtest.h>
#include <simdjson.h>

#include "base/arena.h"
#include "base/prng.h"
#include "json/validator.h"

namespace sluice::json {
namespace {

bool is_valid(std::string_view text) {
    Validator validator;
    return validator.feed(text) && validator.finish();
}

std::string written(void (*write)(Writer&)) {
    std::string text;
    StringText output(text);
    Writer writer(output);
    write(writer);
    output.finish();

    Arena arena;
    ArenaText other(arena, 1);  // Grows all the time.
    Writer again(other);
    write(again);
    EXPECT_EQ(other.view(), text);
    EXPECT_TRUE(is_valid(text)) << text;
    return text;
}

TEST(Writer, PutsCommas) {
    EXPECT_EQ(written([](Writer& w) { w.begin_object().end_object(); }), "{}");
    EXPECT_EQ(written([](Writer& w) { w.begin_array().end_array(); }), "[]");
    EXPECT_EQ(written([](Writer& w) { w.begin_array().integer(1).integer(2).end_array(); }),
              "[1,2]");
    EXPECT_EQ(written([](Writer& w) {
                  w.begin_object().key("a").string("b").key("c").begin_array();
                  w.begin_array().end_array().begin_object().end_object().null();
                  w.end_array().key("d").boolean(false).key("e").begin_object();
                  w.key("f").boolean(true).end_object().end_object();
              }),
              R"({"a":"b","c":[[],{},null],"d":false,"e":{"f":true}})");
}

// Strings that end like something after which no comma comes.
TEST(Writer, IsNotTakenInByTheEndOfAString) {
    EXPECT_EQ(written([](Writer& w) {
                  w.begin_array().string("{").string("[").string(":").string(",");
                  w.raw("\"{\"").raw("[]").raw("{}").raw("0").end_array();
              }),
              R"(["{","[",":",",","{",[],{},0])");
}

TEST(Writer, GoesOnBehindWhatIsThere) {
    std::string text = "data: ";
    StringText output(text);
    Writer(output).begin_object().key("a").integer(1).end_object();
    EXPECT_EQ(output.view(), R"({"a":1})");
    output.append("\n\n");
    output.finish();
    EXPECT_EQ(text, "data: {\"a\":1}\n\n");
    Writer(output).begin_array().end_array();
    output.finish();
    EXPECT_EQ(text, "data: {\"a\":1}\n\n[]");
}

TEST(Writer, WritesIntegers) {
    EXPECT_EQ(written([](Writer& w) {
                  w.begin_array().integer(0).integer(-1).integer(INT64_MIN).integer(INT64_MAX);
                  w.unsigned_integer(UINT64_MAX).end_array();
              }),
              "[0,-1,-9223372036854775808,9223372036854775807,18446744073709551615]");
}

TEST(Writer, WritesDoublesThatReadBackTheSame) {
    const double values[] = {0.0,
                             -0.0,
                             1.0,
                             0.1,
                             1.0 / 3,
                             1e21,
                             1e-7,
                             1e300,
                             -2.5e-300,
                             5e-324,
                             1.7976931348623157e308,
                             123456789.125};
    simdjson::dom::parser parser;
    const auto check = [&](double value) {
        std::string text;
        StringText output(text);
        Writer(output).begin_array().number(value).end_array();
        output.finish();
        EXPECT_TRUE(is_valid(text)) << text;
        double back = 0;
        ASSERT_EQ(parser.parse(text).at(0).get(back), simdjson::SUCCESS) << text;
        EXPECT_EQ(back, value) << text;
    };
    for (const double value : values) {
        check(value);
    }
    Prng prng(5);
    for (int round = 0; round < 2000; ++round) {
        check((prng.unit() - 0.5) * (prng.chance(0.5) ? 1e-12 : 1e15));
    }
    EXPECT_EQ(written([](Writer& w) {
                  w.begin_array().number(0.1).number(100).number(1e21).end_array();
              }),
              "[0.1,100,1e+21]");
}

TEST(Writer, WritesNullForWhatJsonCannotSay) {
    EXPECT_EQ(written([](Writer& w) {
                  w.begin_array().number(std::numeric_limits<double>::infinity());
                  w.number(-std::numeric_limits<double>::infinity());
                  w.number(std::numeric_limits<double>::quiet_NaN()).end_array();
              }),
              "[null,null,null]");
}

TEST(Writer, Escapes) {
    EXPECT_EQ(written([](Writer& w) {
                  w.begin_object().key("q\"\\").string("a\nb\rc\td\x01\x1F\x7F/").end_object();
              }),
              "{\"q\\\"\\\\\":\"a\\nb\\rc\\td\\u0001\\u001f\x7F/\"}");
    EXPECT_EQ(written([](Writer& w) { w.string("\xE6\x95\x8F\xF0\x9F\xA6\x8A"); }),
              "\"\xE6\x95\x8F\xF0\x9F\xA6\x8A\"");
    EXPECT_EQ(written([](Writer& w) { w.string("a\x80z\xC3"); }), "\"a\xEF\xBF\xBDz\xEF\xBF\xBD\"");
    EXPECT_EQ(written([](Writer& w) { w.string("\xED\xA0\x80"); }),
              "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

// Any bytes at all, of every length around the block size, give valid JSON that means the same as
// long as they are UTF-8.
TEST(Writer, WritesAnyBytes) {
    Prng prng(6);
    simdjson::dom::parser parser;
    for (int round = 0; round < 3000; ++round) {
        std::string bytes;
        const bool is_ascii = prng.chance(0.5);
        for (uint32_t i = prng.below(200); i > 0; --i) {
            const bool is_plain = prng.chance(0.9);
            const uint32_t byte =
                is_plain ? 'a' + prng.below(26) : prng.below(is_ascii ? 128 : 256);
            bytes += static_cast<char>(byte);
        }
        Arena arena;
        ArenaText output(arena);
        Writer(output).string(bytes);
        ASSERT_TRUE(is_valid(output.view())) << bytes;
        std::string_view back;
        ASSERT_EQ(parser.parse(std::string(output.view())).get(back), simdjson::SUCCESS);
        if (is_ascii) {
            EXPECT_EQ(back, bytes);
        }
    }
}

}  // namespace
}  // namespace sluice::json
