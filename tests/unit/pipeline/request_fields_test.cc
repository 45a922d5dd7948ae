// The members of a request body that the gateway goes by: their types, absence and length.
#include "pipeline/request_fields.h"

#include <optional>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "base/error.h"
#include "base/result.h"
#include "gtest/gtest.h"
#include "json/field_watch.h"
#include "json/validator.h"

namespace sluice::pipeline {

namespace {

class RequestFieldsTest : public testing::Test {
protected:
    // `body` in two pieces, cut at `cut`.
    Result<RequestFields> read(std::string_view body, size_t cut) {
        json::FieldWatch watch(request_watch_list());
        json::Validator validator({.watch = &watch});
        EXPECT_TRUE(validator.feed(body.substr(0, cut)));
        EXPECT_TRUE(validator.feed(body.substr(cut)));
        EXPECT_TRUE(validator.finish());
        return read_request_fields(watch, arena_);
    }
    Result<RequestFields> read(std::string_view body) { return read(body, 0); }
    void expect_refused(std::string_view body, std::string_view where) {
        const Result<RequestFields> fields = read(body);
        ASSERT_FALSE(fields) << body;
        EXPECT_EQ(fields.error().kind, ErrorKind::invalid_field);
        EXPECT_EQ(fields.error().source, ErrorSource::client);
        EXPECT_NE(std::string_view(fields.error().where).find(where), std::string_view::npos)
            << fields.error().where;
    }

    Arena arena_;
};

TEST_F(RequestFieldsTest, KnowsWhoAsksForATierOfService) {
    EXPECT_TRUE(read(R"({"service_tier":"flex"})")->wants_tier);
    EXPECT_FALSE(read(R"({"service_tier":null})")->wants_tier);
    EXPECT_FALSE(read(R"({"metadata":{"service_tier":"flex"}})")->wants_tier);
}

TEST_F(RequestFieldsTest, ReadsTheMembersOverEverySplit) {
    const std::string_view body =
        R"({"stream":true,"model":"gpt-\u0034o","stream_options":{"include_usage":true}})";
    for (size_t cut = 0; cut <= body.size(); ++cut) {
        const Result<RequestFields> fields = read(body, cut);
        ASSERT_TRUE(fields) << cut;
        EXPECT_EQ(fields->model, "gpt-4o");
        EXPECT_EQ(body.substr(fields->model_field.begin,
                              fields->model_field.end - fields->model_field.begin),
                  R"("gpt-\u0034o")");
        EXPECT_TRUE(fields->stream);
        EXPECT_TRUE(fields->include_usage);
    }
}

TEST_F(RequestFieldsTest, WhatIsAbsentOrNullIsNotThere) {
    for (const std::string_view body :
         {R"({})", R"([])", R"({"model":null,"stream":null,"stream_options":null})",
          R"({"stream_options":{}})", R"({"stream_options":{"include_usage":null}})",
          R"({"messages":[{"model":"inner","stream":true}]})"}) {
        const Result<RequestFields> fields = read(body);
        ASSERT_TRUE(fields) << body;
        EXPECT_EQ(fields->model, std::nullopt) << body;
        EXPECT_FALSE(fields->stream) << body;
        EXPECT_FALSE(fields->include_usage) << body;
    }
}

TEST_F(RequestFieldsTest, AnEmptyModelIsAModel) {
    EXPECT_EQ(read(R"({"model":""})")->model, "");
}

TEST_F(RequestFieldsTest, FalseIsNoTrue) {
    const Result<RequestFields> fields =
        read(R"({"stream":false,"stream_options":{"include_usage":false}})");
    ASSERT_TRUE(fields);
    EXPECT_FALSE(fields->stream);
    EXPECT_FALSE(fields->include_usage);
}

TEST_F(RequestFieldsTest, OtherTypesAreRefused) {
    for (const std::string value : {"7", "true", "false", "[]", "{}", "[\"m\"]"}) {
        expect_refused(R"({"model":)" + value + "}", "'model' must be a string");
    }
    for (const std::string value : {"7", "0", "1", "\"true\"", "[]", "{}", "\"\""}) {
        expect_refused(R"({"stream":)" + value + "}", "'stream' must be true or false");
        expect_refused(R"({"stream_options":{"include_usage":)" + value + "}}",
                       "'stream_options.include_usage' must be");
    }
    for (const std::string value : {"7", "true", "\"x\"", "[]"}) {
        expect_refused(R"({"stream_options":)" + value + "}", "'stream_options' must be an object");
    }
}

TEST_F(RequestFieldsTest, AModelHas256BytesAtMost) {
    const std::string longest(256, 'm');
    EXPECT_EQ(read(R"({"model":")" + longest + "\"}")->model, longest);
    expect_refused(R"({"model":")" + longest + "m\"}", "256 bytes");
}

TEST_F(RequestFieldsTest, AModelThatIsNoTextIsRefused) {
    EXPECT_FALSE(read(R"({"model":"\ud800"})"));
    EXPECT_EQ(read(R"({"model":"\ud83d\ude00"})")->model, "\xF0\x9F\x98\x80");
}

}  // namespace

}  // namespace sluice::pipeline
