// What may be asked twice at once, and what leaves something behind.
#include "pipeline/repeatable.h"

#include <string_view>

#include <gtest/gtest.h>

#include "base/arena.h"
#include "base/error.h"
#include "http/types.h"
#include "json/tree.h"
#include "pipeline/client_call.h"

namespace sluice::pipeline {
namespace {

bool repeats(std::string_view path, std::string_view body) {
    Arena arena;
    const auto tree = json::Value::parse(body, arena, ErrorSource::client);
    EXPECT_TRUE(tree) << body;
    return tree && is_repeatable(client_call(http::Method::post, path), **tree);
}

bool chat_repeats(std::string_view body) {
    return repeats("/v1/chat/completions", body);
}

TEST(Repeatable, WhatOnlyAnswers) {
    EXPECT_TRUE(chat_repeats(R"({"model":"m","stream":true,"messages":[]})"));
    EXPECT_TRUE(chat_repeats(R"({"store":false,"n":1,"tools":[]})"));
    EXPECT_TRUE(chat_repeats(R"({"store":null,"n":null})"));
    EXPECT_TRUE(repeats("/v1/completions", R"({"prompt":"a","best_of":1})"));
    EXPECT_TRUE(repeats("/v1/embeddings", R"({"input":["a","b"]})"));
    EXPECT_TRUE(repeats("/v1/messages", R"({"max_tokens":9,"messages":[]})"));
}

TEST(Repeatable, NothingIsStored) {
    EXPECT_FALSE(chat_repeats(R"({"store":true})"));
    EXPECT_FALSE(repeats("/v1/responses", R"({"input":"a"})")) << "stored unless it says otherwise";
    EXPECT_TRUE(repeats("/v1/responses", R"({"input":"a","store":false})"));
    EXPECT_FALSE(repeats("/v1/responses", R"({"store":false,"background":true})"));
    EXPECT_FALSE(repeats("/v1/responses", R"({"store":false,"previous_response_id":"r"})"));
    EXPECT_FALSE(repeats("/v1/responses", R"({"store":false,"conversation":"c"})"));
    EXPECT_FALSE(repeats("/v1/messages", R"({"container":"c"})"));
}

TEST(Repeatable, NoMoreThanOneAnswer) {
    EXPECT_FALSE(chat_repeats(R"({"n":2})"));
    EXPECT_FALSE(chat_repeats(R"({"n":1.5})"));
    EXPECT_FALSE(repeats("/v1/completions", R"({"best_of":3})"));
}

TEST(Repeatable, NoToolIsCalledOnTheWay) {
    EXPECT_TRUE(chat_repeats(R"({"tools":[{"type":"function","function":{"name":"f"}}]})"));
    EXPECT_TRUE(repeats("/v1/messages", R"({"tools":[{"name":"f"},{"type":"custom"}]})"));
    EXPECT_FALSE(
        repeats("/v1/messages", R"({"tools":[{"name":"f"},{"type":"web_search_20250305"}]})"));
    EXPECT_FALSE(repeats("/v1/messages", R"({"mcp_servers":[{"url":"u"}]})"));
    EXPECT_FALSE(chat_repeats(R"({"web_search_options":{}})"));
    EXPECT_FALSE(
        repeats("/v1/responses", R"({"store":false,"tools":[{"type":"code_interpreter"}]})"));
}

TEST(Repeatable, OnlyCallsThatAreKnown) {
    EXPECT_FALSE(repeats("/v1/images/generations", R"({"prompt":"a"})"));
    EXPECT_FALSE(repeats("/v1/messages/count_tokens", R"({"messages":[]})"));
    EXPECT_FALSE(chat_repeats(R"([1])"));
}

}  // namespace
}  // namespace sluice::pipeline
