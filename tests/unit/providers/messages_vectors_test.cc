// The recorded exchanges of Anthropic's Messages API, as provider and as client's dialect.
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "providers/dialect.h"
#include "providers/vendor.h"
#include "unit/providers/vector_case.h"
#include "unit/providers/vector_exchange.h"

namespace sluice::providers::test {
namespace {

class AnthropicVectors : public testing::TestWithParam<std::string> {};

TEST_P(AnthropicVectors, Pass) {
    check_exchange(GetParam(), *find_vendor("anthropic"));
}

std::string test_name(const testing::TestParamInfo<std::string>& info) {
    std::string name = info.param.substr(info.param.find('/') + 1);
    name.resize(name.find('.'));
    std::ranges::replace(name, '-', '_');
    return name;
}

class AnthropicClientVectors : public testing::TestWithParam<std::string> {};

TEST_P(AnthropicClientVectors, Pass) {
    const VectorCase exchange(GetParam());
    const std::string provider = exchange.text(exchange["provider"]);
    if (provider == "anthropic") {
        GTEST_SKIP() << "Between two sides of one dialect bytes are relayed, not translated.";
    }
    check_exchange(GetParam(), *find_vendor(provider == "compat" ? "vllm" : provider));
}

// The notes of the vectors name what cannot be sent.
std::vector<std::string> dropped(const std::string& name, Dialect client, std::string_view vendor) {
    const VectorCase exchange(name);
    std::vector<std::string> names =
        VectorExchange(exchange, *find_vendor(vendor), client).send().dropped;
    std::ranges::sort(names);
    return names;
}

TEST(MessagesVectors, WhatIsLeftOutIsListed) {
    EXPECT_EQ(dropped("anthropic/request-mapping.json", Dialect::chat, "anthropic"),
              (std::vector<std::string>{"logit_bias", "presence_penalty", "seed", "stop",
                                        "temperature", "top_p"}));
    EXPECT_EQ(dropped("anthropic/stream-thinking.json", Dialect::chat, "anthropic"),
              (std::vector<std::string>{"temperature"}));
    EXPECT_EQ(dropped("anthropic_in/request-mapping.json", Dialect::messages, "openai"),
              (std::vector<std::string>{"cache_control", "stop", "thinking_blocks", "top_k"}));
}

INSTANTIATE_TEST_SUITE_P(Messages,
                         AnthropicVectors,
                         testing::ValuesIn(vector_names("anthropic")),
                         test_name);
INSTANTIATE_TEST_SUITE_P(Messages,
                         AnthropicClientVectors,
                         testing::ValuesIn(vector_names("anthropic_in")),
                         test_name);

}  // namespace
}  // namespace sluice::providers::test
