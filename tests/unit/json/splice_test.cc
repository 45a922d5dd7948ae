// Splicing: named cases with their exact result, over every way the body can lie in slices; random
// documents with random edits, checked for what changed and for what did not; and that nothing is
// copied.
#include "json/splice.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/prng.h"
#include "base/slice.h"
#include "base/slice_queue.h"
#include "json/field_watch.h"
#include "json/validator.h"
#include "support/json_edits.h"
#include "support/splits.h"
#include "unit/json/random_json.h"

namespace sluice::json {
namespace {

using test::Body;
using test::kEditable;
using enum test::Name;

std::string applied(Splice& splice, Body& body) {
    const auto before = static_cast<int64_t>(body.queue().size_bytes());
    const int64_t growth = splice.growth_bytes();
    SliceQueue result;
    splice.apply(result);
    EXPECT_TRUE(body.queue().empty());
    EXPECT_EQ(static_cast<int64_t>(result.size_bytes()), before + growth);
    return result.to_string();
}

// Every split of `text`, edited by `edit`, gives `expected`.
void expect_spliced(std::string_view text,
                    std::string_view expected,
                    void (*edit)(Splice&, const Body&)) {
    sluice::test::for_each_split(text, [&](const sluice::test::Pieces& pieces) {
        Body body(pieces);
        ASSERT_TRUE(body.is_valid()) << text;
        Splice splice(body.queue());
        edit(splice, body);
        EXPECT_EQ(applied(splice, body), expected) << text << pieces.describe();
    });
}

TEST(Splice, Replaces) {
    const auto edit = [](Splice& splice, const Body& body) {
        splice.replace(body.field(model), "\"other\"");
    };
    expect_spliced(R"({"model":"a","x":1})", R"({"model":"other","x":1})", edit);
    expect_spliced(R"( { "x" : [1] , "model" : "a \" b" } )",
                   R"( { "x" : [1] , "model" : "other" } )", edit);
    expect_spliced(R"({"model":{"a":[]}})", R"({"model":"other"})", edit);
    expect_spliced(R"({"mod\u0065l":null })", R"({"mod\u0065l":"other" })", edit);
}

TEST(Splice, ReplacesSeveralInAnyOrder) {
    expect_spliced(R"({"model":"a","n":1,"stream_options":{"include_usage":false},"stream":false})",
                   R"({"model":"b","n":20,"stream_options":{"include_usage":true},"stream":null})",
                   [](Splice& splice, const Body& body) {
                       splice.replace(body.field(stream), "null");
                       splice.replace(body.field(model), "\"b\"");
                       splice.replace(body.field(include_usage), "true");
                       splice.replace(body.field(n), "20");
                   });
}

TEST(Splice, Renames) {
    const auto edit = [](Splice& splice, const Body& body) {
        splice.rename(body.field(max_tokens), "\"max_completion_tokens\"");
    };
    expect_spliced(R"({"max_tokens":1})", R"({"max_completion_tokens":1})", edit);
    expect_spliced(R"({"a":2, "m\u0061x_tokens" : 1})", R"({"a":2, "max_completion_tokens" : 1})",
                   edit);
}

TEST(Splice, InsertsFirst) {
    const auto edit = [](Splice& splice, const Body& body) {
        splice.insert_first(body.object_begin(), R"("n":1)");
    };
    expect_spliced(R"({})", R"({"n":1})", edit);
    expect_spliced(" {\n} ", " {\"n\":1\n} ", edit);
    expect_spliced(R"({"a":{}})", R"({"n":1,"a":{}})", edit);
    expect_spliced(R"( { "a":1})", R"( {"n":1, "a":1})", edit);
}

TEST(Splice, InsertsSeveralInTheOrderOfTheCalls) {
    const auto edit = [](Splice& splice, const Body& body) {
        splice.insert_first(body.object_begin(), R"("x":1)");
        splice.insert_first(body.object_begin(), R"("y":2)");
        splice.insert_first(body.object_begin(), R"("z":3)");
    };
    expect_spliced(R"({})", R"({"x":1,"y":2,"z":3})", edit);
    expect_spliced(R"({"a":0})", R"({"x":1,"y":2,"z":3,"a":0})", edit);
}

TEST(Splice, RemovesWithTheRightComma) {
    const auto edit = [](Splice& splice, const Body& body) { splice.remove(body.field(n)); };
    expect_spliced(R"({"n":1})", R"({})", edit);
    expect_spliced(R"({"n":1,"a":2})", R"({"a":2})", edit);
    expect_spliced(R"({"a":2,"n":1})", R"({"a":2})", edit);
    expect_spliced(R"({"a":2,"n":1,"b":3})", R"({"a":2,"b":3})", edit);
    expect_spliced(R"({ "a" : 2 , "n" : 1 , "b" : 3 })", R"({ "a" : 2 ,  "b" : 3 })", edit);
    expect_spliced(R"({ "a" : 2 , "n" : 1 } )", R"({ "a" : 2  } )", edit);
}

TEST(Splice, RemovesNeighbours) {
    const auto edit = [](Splice& splice, const Body& body) {
        for (const test::Name name : {n, model, stream}) {
            splice.remove(body.field(name));
        }
    };
    expect_spliced(R"({"model":1,"stream":2,"n":3})", R"({})", edit);
    expect_spliced(R"({ "model":1 , "stream":2 , "n":3 })", R"({  })", edit);
    expect_spliced(R"({"model":1,"stream":2,"n":3,"a":4})", R"({"a":4})", edit);
    expect_spliced(R"({"a":4,"model":1,"stream":2,"n":3})", R"({"a":4})", edit);
    expect_spliced(R"({"model":1,"a":4,"stream":2,"n":3})", R"({"a":4})", edit);
    expect_spliced(R"({"model":1,"stream":2,"a":4,"n":3})", R"({"a":4})", edit);
    expect_spliced(R"({"model":1,"a":4,"stream":2,"b":5,"n":3})", R"({"a":4,"b":5})", edit);
}

TEST(Splice, RemovesDeeperMembers) {
    const auto edit = [](Splice& splice, const Body& body) {
        splice.remove(body.field(include_usage));
        splice.remove(body.field(n));
    };
    expect_spliced(R"({"stream_options":{"include_usage":true},"n":1})", R"({"stream_options":{}})",
                   edit);
    expect_spliced(R"({"n":1,"stream_options":{"a":1,"include_usage":true}})",
                   R"({"stream_options":{"a":1}})", edit);
}

TEST(Splice, InsertsWhereAllWasRemoved) {
    const auto edit = [](Splice& splice, const Body& body) {
        splice.remove(body.field(n));
        splice.insert_first(body.object_begin(), R"("x":1)");
        splice.remove(body.field(model));
    };
    expect_spliced(R"({"n":1,"model":2})", R"({"x":1})", edit);
    expect_spliced(R"({ "model":2 , "n":1 })", R"({"x":1  })", edit);
    expect_spliced(R"({"n":1,"model":2,"a":3})", R"({"x":1,"a":3})", edit);
    expect_spliced(R"({"n":1,"a":3,"model":2})", R"({"x":1,"a":3})", edit);
}

TEST(Splice, NoEditChangesNothing) {
    expect_spliced(R"({"n":1})", R"({"n":1})", [](Splice&, const Body&) {});
}

// The model is known before the body is: what is still to come is sent on behind.
TEST(Splice, WorksOnTheBeginningOfABody) {
    FieldWatch watch(kEditable);
    Validator validator({.watch = &watch});
    const std::string_view beginning = R"({"model":"a","messages":[{"role":"us)";
    ASSERT_TRUE(validator.feed(beginning).has_value());
    SliceQueue queue;
    queue.push_back(Slice::copy_of(beginning));
    Splice splice(queue);
    splice.replace(watch.field(model), "\"long-name\"");
    splice.insert_first(validator.object_begin(), R"("x":0)");
    EXPECT_EQ(splice.growth_bytes(), 14);
    SliceQueue result;
    splice.apply(result);
    EXPECT_EQ(result.to_string(), R"({"x":0,"model":"long-name","messages":[{"role":"us)");
}

// The bytes that stay are the same bytes in the same memory.
TEST(Splice, CopiesNothing) {
    const std::string_view text = R"({"model":"a","messages":"0123456789"})";
    Body body(sluice::test::whole(text));
    const char* const memory = body.queue().front().data();
    Splice splice(body.queue());
    splice.replace(body.field(model), "\"b\"");
    SliceQueue result;
    splice.apply(result);
    ASSERT_EQ(result.slice_count(), 3U);
    EXPECT_EQ(result.at(0).data(), memory);
    EXPECT_EQ(result.at(2).data(), memory + 12);
    EXPECT_EQ(result.at(0).block(), result.at(2).block());
    EXPECT_EQ(result.at(2).view(), text.substr(12));
}

TEST(Splice, RandomEdits) {
    Prng prng(12);
    simdjson::dom::parser before_parser;
    simdjson::dom::parser after_parser;
    int edited = 0;
    for (int round = 0; round < 6000; ++round) {
        const std::string text = test::RandomJson(prng).document();
        FieldWatch watch(kEditable);
        Validator watching({.watch = &watch});
        if (!watching.feed(text) || !watching.is_object()) {
            continue;  // A watched key occurs twice, or there is nothing to edit.
        }
        Body body(sluice::test::random_pieces(text, 5, prng));
        const test::Plan plan = test::make_plan(body, prng);
        Splice splice(body.queue());
        test::apply_plan(splice, body, plan);
        const std::string result = applied(splice, body);
        simdjson::dom::element before;
        simdjson::dom::element after;
        ASSERT_EQ(before_parser.parse(text).get(before), simdjson::SUCCESS) << text;
        ASSERT_EQ(after_parser.parse(result).get(after), simdjson::SUCCESS)
            << text << " became " << result;
        EXPECT_EQ(test::flat(after, nullptr, WatchList::kNone),
                  test::flat(before, &plan, WatchList::kNone))
            << text << " became " << result;
        ++edited;
    }
    EXPECT_GT(edited, 3000);
}

// With replacements alone, every byte outside of them is what it was.
TEST(Splice, RandomReplacementsTouchNothingElse) {
    Prng prng(13);
    for (int round = 0; round < 2000; ++round) {
        const std::string text = test::RandomJson(prng).document();
        FieldWatch watch(kEditable);
        Validator watching({.watch = &watch});
        if (!watching.feed(text) || !watch.field(model).is_complete()) {
            continue;
        }
        Body body(sluice::test::random_pieces(text, 5, prng));
        const Field field = body.field(model);
        Splice splice(body.queue());
        splice.replace(field, "\"instead\"");
        EXPECT_EQ(applied(splice, body),
                  text.substr(0, field.begin) + "\"instead\"" + text.substr(field.end));
    }
}

}  // namespace
}  // namespace sluice::json
