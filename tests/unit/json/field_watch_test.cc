// Watched members: where they are, what they hold, over every split; second keys and lookalikes.
#include "json/field_watch.h"

#include <cstddef>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "json/validator.h"
#include "support/splits.h"

namespace sluice::json {
namespace {

enum Name : uint8_t { model, stream, options, include_usage, max_tokens, n, messages };
constexpr WatchList kList = {
    {"model", 32},     {"stream"}, {"stream_options"}, {"stream_options/include_usage"},
    {"max_tokens", 8}, {"n", 4},   {"messages"}};

// Feeds every split of `text`, expects it to be accepted, and hands each outcome to `check`.
template <class Check>
void for_each_outcome(std::string_view text, Check check) {
    sluice::test::for_each_split(text, [&](const sluice::test::Pieces& pieces) {
        FieldWatch watch(kList);
        Validator validator({.watch = &watch});
        for (size_t i = 0; i < pieces.size(); ++i) {
            ASSERT_TRUE(validator.feed(pieces[i]).has_value())
                << text << validator.error_text() << pieces.describe();
        }
        ASSERT_TRUE(validator.finish().has_value()) << text;
        SCOPED_TRACE(pieces.describe());
        check(watch);
    });
}

// Expects every split of `text` to fail with `where` and the offset of a key.
void expect_refused(std::string_view text, std::string_view where, size_t offset) {
    sluice::test::for_each_split(text, [&](const sluice::test::Pieces& pieces) {
        FieldWatch watch(kList);
        Validator validator({.watch = &watch});
        Status status;
        for (size_t i = 0; i < pieces.size() && status; ++i) {
            status = validator.feed(pieces[i]);
        }
        ASSERT_FALSE(status.has_value()) << text << pieces.describe();
        EXPECT_EQ(status.error().kind, ErrorKind::invalid_field) << text;
        EXPECT_EQ(status.error().where, where) << text;
        EXPECT_EQ(validator.error_offset(), offset) << text << pieces.describe();
    });
}

std::string_view raw(std::string_view text, const Field& field) {
    return text.substr(field.begin, field.end - field.begin);
}

TEST(FieldWatch, FindsWhatAChatRequestHas) {
    const std::string_view text =
        R"( {"model" : "gpt-4o-mini","messages":[{"role":"user","content":"model","model":1}],)"
        R"("stream":true, "stream_options":{"x":{"include_usage":0},"include_usage":false},)"
        R"("max_tokens":-12.5e1,"n":null,"include_usage":7})";
    for_each_outcome(text, [&](const FieldWatch& watch) {
        const Field found = watch.field(model);
        EXPECT_EQ(found.type, ValueType::string);
        EXPECT_TRUE(found.has_text);
        EXPECT_EQ(found.text, "gpt-4o-mini");
        EXPECT_EQ(raw(text, found), "\"gpt-4o-mini\"");
        EXPECT_EQ(text.substr(found.key_begin, 7), "\"model\"");
        EXPECT_EQ(watch.field(stream).type, ValueType::boolean_true);
        EXPECT_EQ(raw(text, watch.field(stream)), "true");
        EXPECT_FALSE(watch.field(stream).has_text);
        EXPECT_EQ(watch.field(options).type, ValueType::object);
        EXPECT_EQ(raw(text, watch.field(options)),
                  R"({"x":{"include_usage":0},"include_usage":false})");
        EXPECT_EQ(watch.field(include_usage).type, ValueType::boolean_false);
        EXPECT_EQ(raw(text, watch.field(include_usage)), "false");
        EXPECT_EQ(watch.field(max_tokens).type, ValueType::number);
        EXPECT_EQ(watch.field(max_tokens).text, "-12.5e1");
        EXPECT_EQ(raw(text, watch.field(max_tokens)), "-12.5e1");
        EXPECT_EQ(watch.field(n).type, ValueType::null);
        EXPECT_EQ(raw(text, watch.field(n)), "null");
        EXPECT_EQ(watch.field(messages).type, ValueType::array);
        EXPECT_EQ(raw(text, watch.field(messages)).front(), '[');
        EXPECT_EQ(raw(text, watch.field(messages)).back(), ']');
    });
}

TEST(FieldWatch, ComparesKeysAfterUnescaping) {
    const std::string_view texts[] = {
        R"({"mod\u0065l":"m"})", R"({"\u006D\u006f\u0064\u0065\u006C":"m"})",
        R"({"\u006dodel":"m"})", R"({"mode\u006c":"m"})", R"({"x":{},"mo\u0064el" : "m" })"};
    for (const std::string_view text : texts) {
        for_each_outcome(text, [&](const FieldWatch& watch) {
            EXPECT_EQ(watch.field(model).text, "m") << text;
            EXPECT_EQ(raw(text, watch.field(model)), "\"m\"") << text;
        });
    }
}

TEST(FieldWatch, IsNotTakenInByOtherKeys) {
    constexpr std::string_view kOtherLetters =
        "{\"m\xC3\xB6"
        "del\":1,\"\xD0\xBC"
        "odel\":2}";
    const std::string_view texts[] = {
        R"({"mode":1,"models":2,"modelx":3,"xmodel":4," model":5,"model ":6,"":7})",
        R"({"mod\\u0065l":1,"model\u0000":2,"\"model":3,"model\"":4,"mod\/el":5})",
        R"({"a":{"model":1},"b":[{"model":2}],"c":[["model",3]]})",
        R"([{"model":1,"stream_options":{"include_usage":true}}])",
        R"({"stream_options":[{"include_usage":true}],"x":{"stream_options":{"n":1}}})",
        R"({"include_usage":1,"stream_options":{"a":{"include_usage":1},"model":2,"n":3}})",
        R"({"stream_options/include_usage":true})",
        R"({"value":"model","other":"\"model\":1"})",
        R"({"mod\ud83dl":1,"m\u00f6del":2,"a key that is much longer than any watched key":3})",
        kOtherLetters,
        R"("model")",
        R"(["model"])"};
    for (const std::string_view text : texts) {
        for_each_outcome(text, [&](const FieldWatch& watch) {
            for (const Name name : {model, stream, include_usage, max_tokens, n, messages}) {
                EXPECT_FALSE(watch.field(name).is_present()) << text << name;
            }
        });
    }
}

TEST(FieldWatch, KeepsTextUpToItsLimit) {
    for (const size_t length : {0U, 1U, 31U, 32U, 33U, 64U, 65U, 200U, 5000U}) {
        const std::string name(length, 'm');
        const std::string text = R"({"model":")" + name + R"(","n":1234,"max_tokens":123456789})";
        for_each_outcome(text, [&](const FieldWatch& watch) {
            const Field found = watch.field(model);
            EXPECT_EQ(found.type, ValueType::string);
            EXPECT_EQ(found.end - found.begin, length + 2);
            EXPECT_EQ(found.has_text, length <= 32) << length;
            EXPECT_EQ(found.text, length <= 32 ? name : "") << length;
            EXPECT_EQ(watch.field(n).text, "1234");
            EXPECT_TRUE(watch.field(max_tokens).is_complete());
            EXPECT_FALSE(watch.field(max_tokens).has_text);  // Nine digits, eight allowed.
        });
    }
}

TEST(FieldWatch, KeepsEscapesAsWritten) {
    for_each_outcome(R"({"model":"a\"b\\\u00e9\n"})", [](const FieldWatch& watch) {
        EXPECT_EQ(watch.field(model).text, R"(a\"b\\\u00e9\n)");
    });
    for_each_outcome("{\"model\":\"\xE6\x95\x8F\xF0\x9F\xA6\x8A\"}", [](const FieldWatch& watch) {
        EXPECT_EQ(watch.field(model).text, "\xE6\x95\x8F\xF0\x9F\xA6\x8A");
    });
}

TEST(FieldWatch, TellsWhenAValueIsComplete) {
    FieldWatch watch(kList);
    Validator validator({.watch = &watch});
    const auto feed = [&](std::string_view piece) {
        ASSERT_TRUE(validator.feed(piece).has_value());
    };
    feed(R"({"model")");
    EXPECT_FALSE(watch.field(model).is_present());
    feed(R"(:"gp)");
    EXPECT_TRUE(watch.field(model).is_present());
    EXPECT_FALSE(watch.field(model).is_complete());
    EXPECT_FALSE(watch.field(model).has_text);
    feed("t\"");
    EXPECT_TRUE(watch.field(model).is_complete());
    EXPECT_EQ(watch.field(model).text, "gpt");
    feed(R"(,"n":12)");
    EXPECT_FALSE(watch.field(n).is_complete());  // More digits may come.
    feed(",");
    EXPECT_EQ(watch.field(n).text, "12");
    feed(R"("messages":[{})");
    EXPECT_EQ(watch.field(messages).type, ValueType::array);
    EXPECT_FALSE(watch.field(messages).is_complete());
    feed("]}");
    EXPECT_TRUE(watch.field(messages).is_complete());
}

TEST(FieldWatch, RefusesASecondKey) {
    expect_refused(R"({"model":"a","model":"b"})", "model", 13);
    expect_refused(R"({"model":"a","mod\u0065l":"b"})", "model", 13);
    expect_refused(R"({"stream":null,"x":{"stream":1}, "stream":null})", "stream", 33);
    expect_refused(R"({"messages":[],"messages":[]})", "messages", 15);
    expect_refused(R"({"stream_options":{},"stream_options":{"include_usage":true}})",
                   "stream_options", 21);
    expect_refused(R"({"stream_options":null,"stream_options":null})", "stream_options", 23);
    expect_refused(R"({"stream_options":{"include_usage":true,"include_usage":false}})",
                   "stream_options/include_usage", 40);
    expect_refused(R"({"n":1,"n":1})", "n", 7);
}

TEST(FieldWatch, RefusesLookalikes) {
    expect_refused(R"({"Model":"a"})", "model", 1);
    expect_refused(R"({"model":"a","MODEL":"b"})", "model", 13);
    expect_refused(R"({"\u004dodel":"a"})", "model", 1);
    expect_refused(R"({"stream_options":{"Include_Usage":true}})", "stream_options/include_usage",
                   19);
    expect_refused("{\"meſſages\":[]}", "messages", 1);
    expect_refused("{\"max_to\u212Aens\":1}", "max_tokens", 1);
    expect_refused(R"({"me\u017fsages":[]})", "messages", 1);
    expect_refused(R"({"max_to\u212aens":1})", "max_tokens", 1);
    expect_refused(R"({"N":1})", "n", 1);
}

TEST(FieldWatch, LookalikesCanBeAllowed) {
    const std::string_view text = R"({"Model":"a","model":"b","MODEL":"c","me\u017fsages":1})";
    FieldWatch watch(kList);
    Validator validator({.watch = &watch, .refuses_lookalikes = false});
    ASSERT_TRUE(validator.feed(text).has_value());
    ASSERT_TRUE(validator.finish().has_value());
    EXPECT_EQ(watch.field(model).text, "b");
    EXPECT_FALSE(watch.field(messages).is_present());
}

// Other keys may occur as often as they like.
TEST(FieldWatch, OtherKeysMayOccurTwice) {
    for_each_outcome(R"({"a":1,"a":2,"x":{"model":1,"model":2},"model":"m"})",
                     [](const FieldWatch& watch) { EXPECT_EQ(watch.field(model).text, "m"); });
}

TEST(FieldWatch, KnowsItsTable) {
    EXPECT_EQ(kList.size(), 7U);
    EXPECT_STREQ(kList.path(include_usage), "stream_options/include_usage");
    EXPECT_TRUE(kList.is_parent(options));
    EXPECT_FALSE(kList.is_parent(model));
    EXPECT_EQ(kList.find("include_usage", options), include_usage);
    EXPECT_EQ(kList.find("include_usage", WatchList::kNone), WatchList::kNone);
    EXPECT_EQ(kList.find("model", options), WatchList::kNone);
    EXPECT_EQ(kList.find(std::string(25, 'x'), WatchList::kNone), WatchList::kNone);
}

// Keys of every length up to the limit are told apart by each of their bytes.
TEST(FieldWatch, ComparesEveryByte) {
    static constexpr WatchList kLengths = {{"a"},
                                           {"ab"},
                                           {"abc"},
                                           {"abcd"},
                                           {"abcde"},
                                           {"abcdefg"},
                                           {"abcdefgh"},
                                           {"abcdefghi"},
                                           {"abcdefghijklmno"},
                                           {"abcdefghijklmnop"},
                                           {"abcdefghijklmnopq"},
                                           {"abcdefghijklmnopqrtuvwx"},
                                           {"abcdefghijlmnopqrtuvwxyz"}};
    for (size_t index = 0; index < kLengths.size(); ++index) {
        const std::string key = kLengths.path(index);
        EXPECT_EQ(kLengths.find(key, WatchList::kNone), index);
        for (size_t i = 0; i < key.size(); ++i) {
            std::string other = key;
            other[i] = '#';
            EXPECT_EQ(kLengths.find(other, WatchList::kNone), WatchList::kNone) << other;
        }
    }
}

}  // namespace
}  // namespace sluice::json
