// Reading values out of small complete texts.
#include "json/document.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace sluice::json {
namespace {

constexpr std::string_view kUsage =
    R"({"id":"c1","usage":{"prompt_tokens":9,"completion_tokens":-3,"cost":1.5,"big":1e300,)"
    R"("huge":18446744073709551615,"details":{"cached":0}},"choices":[{"index":0},{"index":1}],)"
    R"("ok":true,"no":false,"none":null,"text":"a\n\u00e9","empty":{},"list":[]})";

TEST(Document, ReadsValuesByPath) {
    Document document;
    ASSERT_TRUE(document.parse(kUsage).has_value());
    EXPECT_EQ(document.integer("/usage/prompt_tokens").value_or(0), 9);
    EXPECT_EQ(document.integer("/usage/completion_tokens").value_or(0), -3);
    EXPECT_EQ(document.integer("/choices/1/index").value_or(0), 1);
    EXPECT_EQ(document.number("/usage/cost").value_or(0), 1.5);
    EXPECT_EQ(document.number("/usage/prompt_tokens").value_or(0), 9.0);
    EXPECT_EQ(document.string("/text").value_or("?"), "a\n\xC3\xA9");
    EXPECT_EQ(document.boolean("/ok").value_or(false), true);
    EXPECT_EQ(document.boolean("/no").value_or(true), false);
    EXPECT_EQ(document.size("/choices").value_or(99), 2U);
    EXPECT_EQ(document.size("/usage").value_or(99), 6U);
    EXPECT_EQ(document.size("/empty").value_or(99), 0U);
    EXPECT_EQ(document.size("/list").value_or(99), 0U);
}

TEST(Document, TellsTypes) {
    Document document;
    ASSERT_TRUE(document.parse(kUsage).has_value());
    EXPECT_EQ(document.type(""), ValueType::object);
    EXPECT_EQ(document.type("/choices"), ValueType::array);
    EXPECT_EQ(document.type("/text"), ValueType::string);
    EXPECT_EQ(document.type("/usage/cost"), ValueType::number);
    EXPECT_EQ(document.type("/usage/huge"), ValueType::number);
    EXPECT_EQ(document.type("/ok"), ValueType::boolean_true);
    EXPECT_EQ(document.type("/no"), ValueType::boolean_false);
    EXPECT_EQ(document.type("/none"), ValueType::null);
    EXPECT_EQ(document.type("/nowhere"), ValueType::absent);
    EXPECT_EQ(document.type("/choices/2"), ValueType::absent);
    EXPECT_EQ(document.type("/text/x"), ValueType::absent);
    EXPECT_TRUE(document.has("/none"));
    EXPECT_FALSE(document.has("/nowhere"));
}

TEST(Document, NamesThePathThatIsWrong) {
    Document document({.source = ErrorSource::client});
    ASSERT_TRUE(document.parse(kUsage).has_value());
    for (const char* path : {"/nowhere", "/text", "/none", "/usage/cost", "/usage/huge"}) {
        const Result<int64_t> value = document.integer(path);
        ASSERT_FALSE(value.has_value()) << path;
        EXPECT_EQ(value.error().kind, ErrorKind::invalid_field);
        EXPECT_EQ(value.error().source, ErrorSource::client);
        EXPECT_STREQ(value.error().where, path);
    }
    EXPECT_FALSE(document.string("/ok").has_value());
    EXPECT_FALSE(document.boolean("/text").has_value());
    EXPECT_FALSE(document.number("/none").has_value());
    EXPECT_FALSE(document.size("/ok").has_value());
    EXPECT_FALSE(document.string("no pointer").has_value());
}

TEST(Document, RefusesWhatIsNotJson) {
    Document document;
    for (const std::string_view text : {"", " ", "{", "{\"a\":1", "{\"a\":1}}", "[1,]", "nope",
                                        "<html>", "{\"a\":\"\xFF\"}", "[\"\\ud800\"]"}) {
        const Status status = document.parse(text);
        ASSERT_FALSE(status.has_value()) << text;
        EXPECT_EQ(status.error().kind, ErrorKind::invalid_json);
        EXPECT_EQ(status.error().source, ErrorSource::upstream);
        EXPECT_FALSE(document.has("")) << text;
        EXPECT_FALSE(document.integer("/a").has_value()) << text;
    }
}

TEST(Document, IsUsedAgainAndAgain) {
    Document document;
    EXPECT_FALSE(document.has(""));
    for (size_t size = 0; size < 5000; size += 37) {
        const std::string text =
            "{\"pad\":\"" + std::string(size, 'x') + "\",\"n\":" + std::to_string(size) + "}";
        ASSERT_TRUE(document.parse(text).has_value());
        EXPECT_EQ(document.integer("/n").value_or(-1), static_cast<int64_t>(size));
        EXPECT_EQ(document.string("/pad").value_or("?").size(), size);
        EXPECT_FALSE(document.parse("{").has_value());
        EXPECT_FALSE(document.has("/n"));
    }
}

TEST(Document, HasALimit) {
    Document document({.text_bytes_max = 100});
    EXPECT_TRUE(document.parse("[" + std::string(98, ' ') + "]").has_value());
    EXPECT_FALSE(document.parse("[" + std::string(99, ' ') + "]").has_value());
    EXPECT_FALSE(document.has(""));
}

TEST(Document, IsSafeFromDeepNesting) {
    Document document;
    EXPECT_FALSE(document.parse(std::string(100'000, '[')).has_value());
    EXPECT_FALSE(document.parse(std::string(3000, '[') + std::string(3000, ']')).has_value());
}

}  // namespace
}  // namespace sluice::json
