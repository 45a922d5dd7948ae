// The rewriting of inline tables and the way back from each place of its result.
#include "config/toml_prepass.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "config/toml_document.h"

namespace sluice::config {
namespace {

std::string rewritten(std::string_view text) {
    const auto prepass = TomlPrepass::run(text);
    return prepass ? prepass->text() : "failed: " + prepass.error().text;
}

// The place of the first `mark` in `text`, as an editor shows it.
Position place_of(std::string_view text, std::string_view mark) {
    Position position = {1, 1};
    const size_t end = text.find(mark);
    EXPECT_NE(end, std::string_view::npos) << mark;
    for (const char c : text.substr(0, end)) {
        if (c == '\n') {
            ++position.line;
            position.column = 1;
        } else {
            position.column += (static_cast<unsigned char>(c) & 0xC0) != 0x80 ? 1 : 0;
        }
    }
    return position;
}

TEST(TomlPrepass, LeavesOrdinaryTextAlone) {
    for (const std::string_view text :
         {"", "a = 1\n", "[a]\nb = [1,\n # c\n 2,\n]\n", "a = { b = 1, c = [2, 3] }\n",
          "a = \"{\"\nb = '{'\n# {\n", "a = \"\"\"\n{\n\"\"\"\n", "a = '''\n{ \" '' }'''\n",
          "a = \"\\\"{\"\n", "[a.b]\n\r\n\tc = 1"}) {
        EXPECT_EQ(rewritten(text), text);
    }
}

TEST(TomlPrepass, JoinsInlineTables) {
    EXPECT_EQ(rewritten("a = {\n b = 1\n}\n"), "a = {  b = 1 }\n");
    EXPECT_EQ(rewritten("a = {\r\n b = 1\r\n}\r\n"), "a = {  b = 1 }\r\n");
    EXPECT_EQ(rewritten("a = { b = 1, # note }\n c = 2 }"), "a = { b = 1,   c = 2 }");
    EXPECT_EQ(rewritten("a = { b = 1, # note\r\n c = 2 }"), "a = { b = 1,   c = 2 }");
    EXPECT_EQ(rewritten("a = { b = { c = 1,\n }, }"), "a = { b = { c = 1   }  }");
}

TEST(TomlPrepass, DropsOnlyTheLastComma) {
    EXPECT_EQ(rewritten("a = { b = 1, }"), "a = { b = 1  }");
    EXPECT_EQ(rewritten("a = { b = 1, # why\n }"), "a = { b = 1    }");
    EXPECT_EQ(rewritten("a = { b = [1,], }"), "a = { b = [1,]  }");
    EXPECT_EQ(rewritten("a = { b = \"x\", }"), "a = { b = \"x\"  }");
    // These stay the mistakes they are.
    EXPECT_EQ(rewritten("a = { , }"), "a = { , }");
    EXPECT_EQ(rewritten("a = { b = 1,, }"), "a = { b = 1,, }");
    EXPECT_EQ(rewritten("a = { b, }"), "a = { b, }");
}

TEST(TomlPrepass, KeepsLineEndsInsidePairs) {
    EXPECT_EQ(rewritten("a = { b\n = 1 }"), "a = { b\n = 1 }");
    EXPECT_EQ(rewritten("a = { b =\n 1 }"), "a = { b =\n 1 }");
}

TEST(TomlPrepass, KeepsStringsInsideInlineTables) {
    constexpr std::string_view kText = "a = { b = \"\"\"x # {\n y\"\"\"\"\", c = '''\n}''' }";
    EXPECT_EQ(rewritten(kText), kText);
}

TEST(TomlPrepass, BoundsDepthAndKeyParts) {
    const std::string deep = std::string(kTomlDepthMax, '[') + std::string(kTomlDepthMax, ']');
    EXPECT_EQ(rewritten("a = " + deep), "a = " + deep);
    EXPECT_EQ(rewritten("a = [" + deep + "]"), "failed: brackets are nested more than 16 deep");
    std::string key = "a";
    for (uint32_t i = 1; i < kTomlKeyPartsMax; ++i) {
        key += ".a";
    }
    EXPECT_EQ(rewritten(key + " = 1\n"), key + " = 1\n");
    EXPECT_EQ(rewritten(key + ".a = 1\n"), "failed: a key has more than 16 parts");
    EXPECT_EQ(rewritten("[" + key + ".a]\n"), "failed: a key has more than 16 parts");
}

TEST(TomlPrepass, KeepsOtherThanAsciiInsideQuotes) {
    constexpr std::string_view kFine = "a = \"\xC3\xA4\" # \xC3\xA4\n'\xC3\xA4' = '''\xC3\xA4'''\n";
    EXPECT_EQ(rewritten(kFine), kFine);
    EXPECT_EQ(rewritten("\xEF\xBB\xBF[a]"), "[a]");  // A byte order mark.
    for (const std::string_view bad : {"\xC3\xA4 = 1", "a\xC2\xA0= 1", "[a\xC7\xA8]", "a = \v1"}) {
        EXPECT_EQ(rewritten(bad),
                  "failed: only printable ASCII may stand outside of quotes and comments");
    }
    const auto prepass = TomlPrepass::run("a = 1\nb = { c = \xC3\xA4 }");
    ASSERT_FALSE(prepass);
    EXPECT_EQ(prepass.error().position, (Position{2, 11}));
}

TEST(TomlPrepass, NamesAnUnclosedTable) {
    const auto prepass = TomlPrepass::run("x = 1\na = { b = 1\n[server]\nport = 3\n");
    ASSERT_FALSE(prepass);
    EXPECT_EQ(prepass.error().position, (Position{2, 5}));
}

TEST(TomlPrepass, LeadsBackToEveryCharacter) {
    const std::string text =
        "first = 1\n"
        "\"t\xC3\xA4\" = { # \xC3\xA4 comment, with {\n"
        "  b = [ 1, # inside a list\n"
        "        2 ],\n"
        "  c = \"\"\"\n"
        "x\"\"\", d = 4 , # last\n"
        "} # end\n"
        "last = { e = 5,\r\n f = 6 }\n";
    const auto prepass = TomlPrepass::run(text);
    ASSERT_TRUE(prepass);
    for (const std::string_view mark :
         {"first", "t\xC3\xA4", "b =", "1,", "2 ]", "c =", "x\"", "d =", "4 ", "} # end",
          "last =", "e =", "5,", "f =", "6 }"}) {
        EXPECT_EQ(prepass->original(place_of(prepass->text(), mark)), place_of(text, mark)) << mark;
    }
}

TEST(TomlPrepass, EveryCutOfATextIsSafe) {
    const std::string text =
        "a = { b = \"\\\"\", # c\n d = '''\n''', e = [1, { f = 2,\n }], }\r\n[x.y]\n";
    for (size_t length = 0; length <= text.size(); ++length) {
        const auto prepass = TomlPrepass::run(std::string_view(text).substr(0, length));
        if (prepass) {
            EXPECT_LE(prepass->text().size(), length);
        }
    }
}

// Each way of writing the table gives the same values, each at the place where it is written.
TEST(TomlDocument, ReadsEveryVariantOfAnInlineTable) {
    for (const std::string_view text :
         {"t = { one = 1, two = \"2\" }", "t = {\none = 1,\ntwo = \"2\"\n}",
          "t = { one = 1, two = \"2\", }", "t = {\n one = 1, # first\n two = \"2\", # second\n}",
          "t = { # nothing yet\n\n\n one = 1\n , two = \"2\"\n\n}",
          "t = {\r\n\tone = 1,\r\n\ttwo = \"2\",\r\n}\r\n", "[t]\none = 1\ntwo = \"2\"",
          "t.one = 1\nt.two = \"2\""}) {
        TomlNode root;
        Diagnostics diagnostics("test.toml");
        ASSERT_TRUE(parse_toml(text, root, diagnostics)) << text;
        TomlNode* table = root.find("t");
        ASSERT_NE(table, nullptr) << text;
        ASSERT_EQ(table->members.size(), 2U) << text;
        EXPECT_EQ(table->members[0].key, "one");
        EXPECT_EQ(table->members[0].value.integer, 1);
        EXPECT_EQ(table->members[0].value.position, place_of(text, "1")) << text;
        EXPECT_EQ(table->members[1].key, "two");
        EXPECT_EQ(table->members[1].value.text, "2");
        EXPECT_EQ(table->members[1].position, place_of(text, "two")) << text;
        EXPECT_EQ(table->members[1].value.position, place_of(text, "\"2\"")) << text;
    }
}

TEST(TomlDocument, ReportsSyntaxAtTheOriginalPlace) {
    struct Case {
        std::string_view text;
        Position position;
    };
    const std::vector<Case> cases = {
        {"t = {\n a = 1,\n b = @ }", {3, 6}},
        {"t = { # c\n a = 1\n b = 2 }", {3, 2}},  // No comma.
        {"t = { a\n = 1 }", {1, 8}},              // Not even TOML 1.1.
        {"t = { a = 1,, }", {1, 13}},
        {"t = { , }", {1, 7}},
        {"t = {\n a = 1,\n}\nx = \n", {4, 5}},
        {"t = {\n a = 1,\n a = 2,\n}", {3, 6}},
        {"x = 1\n[?]\n", {2, 2}},
        {"x = 0.\"\xC7\xBE\"", {1, 7}},
    };
    for (const Case& test : cases) {
        TomlNode root;
        Diagnostics diagnostics("test.toml");
        EXPECT_FALSE(parse_toml(test.text, root, diagnostics)) << test.text;
        const std::vector<Diagnostic> list = diagnostics.take();
        ASSERT_EQ(list.size(), 1U);
        EXPECT_EQ(list[0].position, test.position) << test.text << "\n" << list[0].to_string();
    }
}

}  // namespace
}  // namespace sluice::config
