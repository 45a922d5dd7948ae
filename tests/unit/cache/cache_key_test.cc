// Keys: what makes two requests the same, what must never do so, and how a text is told again.
#include "cache/cache_key.h"

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "base/error.h"
#include "crypto/digest.h"
#include "gtest/gtest.h"
#include "json/tree.h"

namespace sluice::cache {

namespace {

constexpr KeyIdentity kChat = {
    .operation = "chat", .target = "openai", .tenant = "t1", .model = "m", .variant = ""};

class CacheKeyTest : public testing::Test {
protected:
    KeyRef key(std::string_view body, const KeyIdentity& identity = kChat) {
        const auto tree = json::Value::parse(body, arena_, ErrorSource::client);
        EXPECT_TRUE(tree.has_value()) << body;
        return maker_.make(identity, **tree);
    }
    bool same(std::string_view a, std::string_view b) { return *key(a) == *key(b); }

    Arena arena_;
    KeyMaker maker_{"a secret of this process"};
};

TEST_F(CacheKeyTest, WhiteSpaceAndTheOrderOfMembersDoNotMatter) {
    EXPECT_TRUE(same(R"({"model":"m","n":1})", "{ \"n\" : 1 ,\n\t\"model\":\"m\" }"));
    EXPECT_TRUE(same(R"({"messages":[{"role":"user","content":"a b"}]})",
                     R"({"messages": [ {"content":"a b", "role":"user"} ]})"));
    EXPECT_TRUE(same(R"({"messages":[{"content":[{"type":"text","text":"x"}]}]})",
                     R"({"messages":[{"content":[{"text":"x","type":"text"}]}]})"));
    EXPECT_TRUE(same("{}", " { } "));
}

TEST_F(CacheKeyTest, WhiteSpaceInsideStringsMatters) {
    EXPECT_FALSE(same(R"({"a":"b c"})", R"({"a":"b  c"})"));
    EXPECT_FALSE(same(R"({"a":"\" b"})", R"({"a":"\"b"})"));
    EXPECT_FALSE(same(R"({"a":"\\","b":" c"})", R"({"a":"\\","b":"c"})"));
    EXPECT_TRUE(same(R"({"a":"\\", "b" : "c"})", R"({"a":"\\","b":"c"})"));
    EXPECT_TRUE(same(R"({"a":["\\\"", "b" , [ ] ]})", R"({"a":["\\\"","b",[]]})"));
}

TEST_F(CacheKeyTest, WhatDoesNotChangeTheAnswerIsLeftOut) {
    constexpr std::string_view kPlain = R"({"model":"m"})";
    for (const std::string_view member :
         {"cache_enabled", "client_metadata", "metadata", "prompt_cache_key",
          "prompt_cache_retention", "safety_identifier", "store", "stream", "stream_options",
          "user"}) {
        EXPECT_TRUE(is_left_out(member)) << member;
        EXPECT_TRUE(same(kPlain, "{\"" + std::string(member) + "\":{\"x\":[1]},\"model\":\"m\"}"))
            << member;
    }
    // Only at the top.
    EXPECT_FALSE(same(R"({"messages":[{"user":"a"}]})", R"({"messages":[{}]})"));
}

TEST_F(CacheKeyTest, EverythingElseMatters) {
    constexpr auto kBodies = std::to_array<std::string_view>({
        R"({"model":"m"})",
        R"({"model":"n"})",
        R"({"model":"m","temperature":0})",
        R"({"model":"m","temperature":0.0})",
        R"({"model":"m","temperature":"0"})",
        R"({"model":"m","temperature":0,"temperature":1})",
        R"({"model":"m","temperature":1,"temperature":0})",
        R"({"model":"m","seed":1})",
        R"({"model":"m","seed":null})",
        R"({"model":"m","never_heard_of":1})",
        R"({"model":"m","messages":[]})",
        R"({"model":"m","messages":["a","b"]})",
        R"({"model":"m","messages":["b","a"]})",
        R"({"model":"m","messages":[["a"],"b"]})",
        // The order of a schema's properties is the order of the answer's.
        R"({"model":"m","tools":[{"parameters":{"a":1,"b":2}}]})",
        R"({"model":"m","tools":[{"parameters":{"b":2,"a":1}}]})",
        // The arguments of a call are part of the prompt.
        R"({"messages":[{"content":[{"input":{"a":1,"b":2}}]}]})",
        R"({"messages":[{"content":[{"input":{"b":2,"a":1}}]}]})",
    });
    for (size_t i = 0; i < kBodies.size(); ++i) {
        for (size_t j = 0; j < i; ++j) {
            EXPECT_FALSE(same(kBodies[i], kBodies[j])) << kBodies[i] << " " << kBodies[j];
        }
    }
}

TEST_F(CacheKeyTest, NoIdentityRunsIntoAnother) {
    const std::string_view body = R"({"model":"m"})";
    const auto identities = std::to_array<KeyIdentity>({
        kChat,
        {.operation = "messages", .target = "openai", .tenant = "t1", .model = "m", .variant = ""},
        {.operation = "chat", .target = "other", .tenant = "t1", .model = "m", .variant = ""},
        {.operation = "chat", .target = "openai", .tenant = "t2", .model = "m", .variant = ""},
        {.operation = "chat", .target = "openai", .tenant = "", .model = "m", .variant = ""},
        {.operation = "chat", .target = "openait", .tenant = "1", .model = "m", .variant = ""},
        {.operation = "chat", .target = "openai", .tenant = "t11:m", .model = "", .variant = ""},
        {.operation = "chat", .target = "openai", .tenant = "t1", .model = "m", .variant = "v"},
    });
    for (size_t i = 0; i < identities.size(); ++i) {
        for (size_t j = 0; j < i; ++j) {
            EXPECT_FALSE(*key(body, identities[i]) == *key(body, identities[j])) << i << " " << j;
        }
    }
}

TEST_F(CacheKeyTest, ItKnowsTenantAndModel) {
    const KeyRef made = key(
        R"({"model":"m"})",
        {.operation = "chat", .target = "a:b", .tenant = "3:x", .model = "gpt:4", .variant = "9:"});
    EXPECT_EQ(made->tenant(), "3:x");
    EXPECT_EQ(made->model(), "gpt:4");
    EXPECT_GE(made->memory_bytes(), sizeof(CacheKey) + made->text().size());
}

TEST_F(CacheKeyTest, ATextIsRestoredAndNothingElseIs) {
    const KeyRef made = key(R"({"model":"m","n":1})");
    const KeyRef again = maker_.restore(made->text());
    ASSERT_TRUE(again);
    EXPECT_TRUE(*again == *made);
    EXPECT_EQ(again->tenant(), "t1");
    const std::string text(made->text());
    for (size_t length = 0; length < text.find('{'); ++length) {
        EXPECT_FALSE(maker_.restore(text.substr(0, length))) << length;
    }
    EXPECT_FALSE(maker_.restore("sluice-key-1\n99999:chat"));
}

TEST_F(CacheKeyTest, TheDigestIsKeyed) {
    const json::Value& body = **json::Value::parse(R"({"model":"m"})", arena_, ErrorSource::client);
    const KeyMaker other("another secret");
    EXPECT_NE(maker_.make(kChat, body)->digest(), other.make(kChat, body)->digest());
    EXPECT_EQ(maker_.make(kChat, body)->digest(), maker_.make(kChat, body)->digest());
}

TEST_F(CacheKeyTest, EqualDigestsAloneAreNotEqualKeys) {
    const KeyMaker colliding([](std::string_view) { return crypto::Sha256{1, 2, 3}; });
    const json::Value& a = **json::Value::parse(R"({"n":1})", arena_, ErrorSource::client);
    const json::Value& b = **json::Value::parse(R"({"n":2})", arena_, ErrorSource::client);
    EXPECT_EQ(colliding.make(kChat, a)->digest(), colliding.make(kChat, b)->digest());
    EXPECT_FALSE(*colliding.make(kChat, a) == *colliding.make(kChat, b));
}

TEST_F(CacheKeyTest, DepthIsNoMatter) {
    std::string deep = R"({"a":)";
    for (int i = 0; i < json::Value::kDepthMax - 1; ++i) {
        deep += "[ ";
    }
    deep += std::string(json::Value::kDepthMax - 1, ']') + "}";
    std::string tight = deep;
    std::erase(tight, ' ');
    EXPECT_TRUE(same(deep, tight));
}

TEST_F(CacheKeyTest, ShardsAreHitEvenly) {
    constexpr int kKeys = 4000;
    std::array<int, 3> counts = {};
    for (int i = 0; i < kKeys; ++i) {
        ++counts[owner_of(key("{\"n\":" + std::to_string(i) + "}")->shard_hash(), 3)];
    }
    for (const int count : counts) {
        EXPECT_NEAR(count, kKeys / 3.0, 150);
    }
}

}  // namespace

}  // namespace sluice::cache
