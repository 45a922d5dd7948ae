// Texts for a terminal: nothing in them that it would obey.
#include "server/text_table.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/arena.h"
#include "base/error.h"
#include "json/tree.h"

namespace sluice::server {
namespace {

std::string shown(std::string_view json) {
    Arena arena;
    const auto value = json::Value::parse(json, arena, ErrorSource::upstream);
    return value ? shown_text(**value, arena) : "no JSON";
}

TEST(ShownText, HasNothingThatATerminalObeys) {
    EXPECT_EQ(shown(R"("a\u001b[2Jb\u007f\u0000\t")"), "a?[2Jb???");
    EXPECT_EQ(shown(R"("\u009b31mred\u0080\u009f")"), "?31mred??");
    EXPECT_EQ(shown("\"\xC2\x9B\""), "?");
    EXPECT_EQ(shown(R"("\u202egpj\u2066x\u2069")"), "?gpj?x?");
}

TEST(ShownText, LeavesOtherTextsAsTheyAre) {
    EXPECT_EQ(shown(R"("gr\u00fc\u00a0n \u20ac \ud83d\ude00")"),
              "gr\u00fc\u00a0n \u20ac \U0001F600");
    EXPECT_EQ(shown("7"), "");
}

TEST(ShownText, IsAsWideAsItsCharacters) {
    EXPECT_EQ(width(shown(R"("\u009b\u20ac")")), 2U);
    EXPECT_EQ(table_of(std::vector<Row>{{"a", "b"}, {"long", "c"}}), "a     b\nlong  c\n");
}

}  // namespace
}  // namespace sluice::server
