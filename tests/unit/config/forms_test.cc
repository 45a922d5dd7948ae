// The two published forms give the same Config, and mistakes in either are told in its own words.

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/guard_options.h"
#include "pipeline/processor_options.h"
#include "pipeline/processors/enhancer.h"
#include "unit/config/helpers.h"

namespace sluice::config {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Forms, MapOnTheSameConfig) {
    const LoadResult canonical = load(R"(
[llm.openai]
provider = "openai"
type = "chat"
base_url = "https://api.openai.com/v1"
token_env = "KEY"
timeouts = { first_byte_ms = 30000, silence_ms = 30000 }
[[route]]
path_prefix = "/v1/chat/completions"
target_llm = "openai"
allow_streaming = true
)",
                                      {{"KEY", "k"}});
    const LoadResult accepted = load(R"(
[provider.openai]
type = "openai"
base_url = "https://api.openai.com/v1"
api_key_env = "KEY"
timeout = 30
[[route]]
path = "/v1/chat/completions"
provider = "openai"
allow_streaming = true
)",
                                     {{"KEY", "k"}});
    ASSERT_TRUE(canonical.config) << canonical.report();
    ASSERT_TRUE(accepted.config) << accepted.report();
    EXPECT_THAT(lines_of(accepted), IsEmpty());
    EXPECT_TRUE(config_of(canonical) == config_of(accepted));
    EXPECT_EQ(config_of(accepted).upstreams[0].timeouts.first_byte_ms, 30'000U);
    EXPECT_EQ(config_of(accepted).upstreams[0].timeouts.silence_ms, 30'000U);
    EXPECT_EQ(config_of(accepted).upstreams[0].timeouts.total_ms, 0U);
}

TEST(Forms, MayStandInOneFile) {
    const LoadResult result = load(R"(
[provider.b]
type = "vllm"
base_url = "http://127.0.0.1:8000/v1"
[llm.a]
provider = "simulated"
[[route]]
path = "/v1/a"
target_llm = "a"
[[route]]
path_prefix = "/v1/b"
provider = "b"
)");
    ASSERT_TRUE(result.config) << result.report();
    EXPECT_EQ(config_of(result).upstreams[0].name, "b");
    EXPECT_EQ(config_of(result).upstreams[0].provider, "vllm");
    EXPECT_EQ(config_of(result).upstreams[1].name, "a");
}

TEST(Forms, TakeTheOtherSettingsToo) {
    const LoadResult result = load(R"(
[provider.b]
type = "openai_compatible"
base_url = "http://127.0.0.1:8000/v1"
timeout = 5
supports_streaming = true
[provider.b.timeouts]
connect_ms = 7
[[route]]
path = "/v1"
provider = "b"
)");
    ASSERT_TRUE(result.config) << result.report();
    EXPECT_EQ(config_of(result).upstreams[0].timeouts.connect_ms, 7U);
    EXPECT_EQ(config_of(result).upstreams[0].timeouts.silence_ms, 5'000U);
}

constexpr std::string_view kRouteToB = "[[route]]\npath = \"/v1\"\nprovider = \"b\"\n";

LoadResult load_provider(std::string_view lines) {
    return load(
        "[provider.b]\ntype = \"openai_compatible\"\nbase_url = \"http://127.0.0.1:8000/v1\"\n" +
            std::string(lines) + std::string(kRouteToB),
        {{"A", "key-a"}, {"B", "key-b"}});
}

TEST(Forms, BothSpellingsOfTheTimeoutMeanTheSame) {
    const LoadResult published = load_provider("timeout_secs = 60\n");
    const LoadResult other = load_provider("timeout = 60\n");
    ASSERT_TRUE(published.config && other.config) << published.report() << other.report();
    EXPECT_TRUE(config_of(published) == config_of(other));
    EXPECT_EQ(config_of(published).upstreams[0].timeouts.first_byte_ms, 60'000U);
    EXPECT_THAT(lines_of(load_provider("timeout = 60\ntimeout_secs = 60\n")),
                ElementsAre(HasSubstr("provider.b.timeout: \"timeout_secs\" sets the same")));
    EXPECT_THAT(lines_of(load_provider("timeout_secs = 0\n")),
                ElementsAre(HasSubstr("provider.b.timeout_secs: 0 is out of range")));
}

TEST(Forms, AProviderWaitsFiveMinutesUnlessItIsTold) {
    const LoadResult silent = load_provider("");
    ASSERT_TRUE(silent.config) << silent.report();
    EXPECT_EQ(config_of(silent).upstreams[0].timeouts.first_byte_ms, 300'000U);
    EXPECT_EQ(config_of(silent).upstreams[0].timeouts.silence_ms, 300'000U);
    const LoadResult told = load_provider("timeouts = { first_byte_ms = 7 }\n");
    ASSERT_TRUE(told.config) << told.report();
    EXPECT_EQ(config_of(told).upstreams[0].timeouts.first_byte_ms, 7U);
}

TEST(Forms, AProviderMayHaveSeveralKeysAndRetries) {
    const LoadResult result =
        load_provider("api_key_envs = [\"A\", \"B\"]\nmax_retries = 5\nretry_multiplier = 1.5\n");
    ASSERT_TRUE(result.config) << result.report();
    const upstream::UpstreamOptions& upstream = config_of(result).upstreams[0];
    EXPECT_EQ(upstream.token.reveal(), "key-a");
    ASSERT_EQ(upstream.sibling_tokens.size(), 1U);
    EXPECT_EQ(upstream.sibling_tokens[0].reveal(), "key-b");
    EXPECT_EQ(upstream.retry.retries_max, 5U);
    EXPECT_EQ(upstream.retry.multiplier, 1.5);
    const LoadResult whole = load_provider("retry_multiplier = 3\n");
    ASSERT_TRUE(whole.config) << whole.report();
    EXPECT_EQ(config_of(whole).upstreams[0].retry.multiplier, 3.0);
}

TEST(Forms, SpeakTheUsersWords) {
    const LoadResult result = load(R"([provider.b]
type = "opneai"
base_url = 3
api_key_env = "sk-1"
timeout = 0
[[route]]
path = "v1"
provider = "c"
)");
    EXPECT_THAT(
        lines_of(result),
        ElementsAre(HasSubstr("test.toml:1:11: warning: provider.b: no route uses it"),
                    HasSubstr("test.toml:2:8: provider.b.type: \"opneai\" is not a provider"),
                    "test.toml:3:12: provider.b.base_url: is an integer; expected a string",
                    HasSubstr("test.toml:4:15: provider.b.api_key_env: is not the name"),
                    "test.toml:5:11: provider.b.timeout: 0 is out of range; expected seconds as an "
                    "integer from 1 to 86400",
                    HasSubstr("test.toml:7:8: route[0].path: \"v1\" is not a path"),
                    HasSubstr("test.toml:8:1: route[0].provider: there is no")));
}

TEST(Forms, RefuseOneSettingInTwoSpellings) {
    const LoadResult result = load(R"([provider.b]
type = "vllm"
provider = "vllm"
api_key_env = "A"
token_env = "A"
base_url = "http://127.0.0.1"
timeout = 3
timeouts = { silence_ms = 1 }
[[route]]
path = "/v1"
path_prefix = "/v1"
provider = "b"
target_llm = "b"
)",
                                   {{"A", "k"}});
    EXPECT_THAT(
        lines_of(result),
        ElementsAre("test.toml:2:1: provider.b.type: \"provider\" sets the same; expected one of "
                    "the two",
                    "test.toml:4:1: provider.b.api_key_env: \"token_env\" sets the same; expected "
                    "one of the two",
                    "test.toml:7:1: provider.b.timeout: \"timeouts.silence_ms\" sets the same; "
                    "expected one of the two",
                    "test.toml:10:1: route[0].path: \"path_prefix\" sets the same; expected one of "
                    "the two",
                    "test.toml:12:1: route[0].provider: \"target_llm\" sets the same; expected one "
                    "of the two"));
}

TEST(Forms, RefuseOneNameTwice) {
    EXPECT_THAT(lines_of(load("[provider.a]\ntype = \"simulated\"\n"
                              "[llm.a]\nprovider = \"simulated\"\n"
                              "[[route]]\npath = \"/\"\nprovider = \"a\"\n")),
                ElementsAre("test.toml:1:11: provider.a: [llm.a] in line 3 has the same name; "
                            "expected one of the two"));
}

TEST(Forms, RefuseNamesThatCannotBeLabels) {
    for (const std::string_view name : {"\"a b\"", "\"\"", "\"a\\nb\"", "\"a\\\"b\""}) {
        EXPECT_THAT(lines_of(load(with_rest(std::string("[llm.") + std::string(name) + "]\n"))),
                    Contains(HasSubstr("is not a name; expected 1 to 64 letters")))
            << name;
    }
}

TEST(Forms, TimeoutMustBeWholeSeconds) {
    for (const std::string_view value : {"\"30s\"", "1.5", "86401", "-1", "true", "[1]"}) {
        const LoadResult result =
            load(with_rest("[provider.x]\nbase_url = \"http://127.0.0.1\"\ntimeout = " +
                           std::string(value) + "\n"));
        EXPECT_THAT(lines_of(result),
                    Contains(testing::AllOf(HasSubstr("test.toml:3:11: provider.x.timeout: "),
                                            HasSubstr("expected seconds as an integer"))))
            << value;
    }
}

constexpr std::string_view kLlms = R"(
[llm.local]
provider = "vllm"
base_url = "http://127.0.0.1:8000/v1"
[llm.main]
provider = "openai"
type = "chat"
base_url = "https://api.openai.com/v1"
[[route]]
path_prefix = "/v1"
target_llm = "local"
processors = ["query_enhancer"]
)";

const pipeline::EnhancerOptions& enhancer_of(const LoadResult& result) {
    static const pipeline::EnhancerOptions kNone;
    const auto& processors = config_of(result).processors;
    const auto* const options = processors.empty()
                                    ? nullptr
                                    : std::get_if<pipeline::EnhancerOptions>(&processors[0].config);
    EXPECT_NE(options, nullptr);
    return options == nullptr ? kNone : *options;
}

// As it is published: over several lines inside of an inline table.
TEST(Forms, TakeThePublishedEnhancer) {
    const LoadResult result = load(R"([processor.query_enhancer]
type = "openai_chat"
config_value = "gpt-4o-mini"
additional_config = {
    system_prompt = "You are a helpful assistant that enhances user queries.",
}
)" + std::string(kLlms));
    ASSERT_TRUE(result.config) << result.report();
    EXPECT_THAT(lines_of(result), IsEmpty());
    const pipeline::EnhancerOptions& options = enhancer_of(result);
    EXPECT_EQ(options.target_llm, "main");
    EXPECT_EQ(options.model, "gpt-4o-mini");
    EXPECT_EQ(options.system_prompt, "You are a helpful assistant that enhances user queries.");
    EXPECT_EQ(config_of(result).processors[0].type, "enhancer");
    EXPECT_EQ(config_of(result).processors[0].on_failure, pipeline::OnFailure::skip);
    const LoadResult canonical = load(R"([processor.query_enhancer]
type = "enhancer"
target_llm = "main"
model = "gpt-4o-mini"
system_prompt = "You are a helpful assistant that enhances user queries."
)" + std::string(kLlms));
    EXPECT_TRUE(config_of(canonical) == config_of(result)) << canonical.report();
}

TEST(Forms, TakeAnUpstreamOrAModelAsTheValueOfAnEnhancer) {
    const auto with = [](std::string_view lines) {
        return load("[processor.query_enhancer]\ntype = \"openai_chat\"\n" + std::string(lines) +
                    std::string(kLlms));
    };
    const LoadResult named = with("config_value = \"local\"\non_failure = \"fail\"\n");
    EXPECT_EQ(enhancer_of(named).target_llm, "local");
    EXPECT_EQ(enhancer_of(named).model, "");
    EXPECT_EQ(config_of(named).processors[0].on_failure, pipeline::OnFailure::fail);
    const LoadResult both =
        with("config_value = \"local\"\nadditional_config = { model = \"m\", timeout_ms = 5 }\n");
    EXPECT_EQ(enhancer_of(both).target_llm, "local");
    EXPECT_EQ(enhancer_of(both).model, "m");
    EXPECT_EQ(enhancer_of(both).timeout_ms, 5U);
    const LoadResult model = with("config_value = \"m\"\ntarget_llm = \"local\"\n");
    EXPECT_EQ(enhancer_of(model).target_llm, "local");
    EXPECT_EQ(enhancer_of(model).model, "m");
    EXPECT_EQ(enhancer_of(with("")).target_llm, "main");
    EXPECT_THAT(lines_of(with("config_value = 3\nadditional_config = \"x\"\n")),
                Contains("test.toml:3:1: processor.query_enhancer.config_value: is an integer; "
                         "expected a string"));
    EXPECT_THAT(lines_of(with("additional_config = { modle = \"x\" }\n")),
                Contains(HasSubstr("test.toml:3:23: processor.query_enhancer.modle: unknown "
                                   "setting; did you mean \"model\"?")));
    EXPECT_THAT(
        lines_of(with("system_prompt = \"a\"\nadditional_config = { system_prompt = \"b\" }\n")),
        Contains(HasSubstr("additional_config.system_prompt: \"system_prompt\" sets the "
                           "same; expected one of the two")));
}

TEST(Forms, TakeTheMainValueOfOtherTypes) {
    const LoadResult guard =
        load(with_rest("[processor.g]\ntype = \"guard\"\nconfig_value = \"a+\"\n"
                       "additional_config = { action = \"flag\" }\n"));
    const auto& processors = config_of(guard).processors;
    ASSERT_EQ(processors.size(), 1U);
    const auto* const options = std::get_if<pipeline::GuardOptions>(&processors[0].config);
    ASSERT_NE(options, nullptr);
    EXPECT_THAT(options->patterns, ElementsAre("a+"));
    EXPECT_EQ(options->action, pipeline::GuardAction::flag);
    EXPECT_THAT(
        lines_of(load(with_rest("[processor.h]\ntype = \"headers\"\nconfig_value = \"a\"\n"))),
        Contains("test.toml:3:1: processor.h.config_value: has no meaning for the type "
                 "\"headers\"; expected its settings by their names"));
    EXPECT_THAT(
        lines_of(load(with_rest("[processor.h]\ntype = \"openai_chat\"\nconfig_value = \"a\"\n"))),
        Contains(HasSubstr("there is no upstream that speaks OpenAI's API to ask for "
                           "\"a\"; expected one, or target_llm")));
}

}  // namespace
}  // namespace sluice::config
