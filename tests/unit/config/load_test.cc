// Loading as a whole: the published example, collected errors with their places, suggestions,
// overrides and the built-in configurations.
#include "config/load.h"

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log_levels.h"
#include "cache/options.h"
#include "config/schema.h"
#include "config/snapshot.h"
#include "unit/config/helpers.h"

namespace sluice::config {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view kExample = R"([server]
host = "127.0.0.1"
port = 3000
cors_allowed_origins = ["*"]

[llm.openai_chat]
provider = "openai"
type = "chat"
base_url = "https://api.openai.com/v1"
token_env = "OPENAI_API_KEY"
supports_streaming = true

[[route]]
path_prefix = "/v1/chat/completions"
target_llm = "openai_chat"
processors = []
allow_streaming = true
allow_non_streaming = true
)";

TEST(Load, TakesThePublishedExampleAsItStands) {
    const LoadResult result = load(kExample, {{"OPENAI_API_KEY", "k1"}});
    ASSERT_TRUE(result.config) << result.report();
    EXPECT_THAT(lines_of(result), IsEmpty());
    const Config& config = config_of(result);
    EXPECT_EQ(config.server.host, "127.0.0.1");
    EXPECT_EQ(config.server.port, 3000);
    EXPECT_THAT(config.server.cors_allowed_origins, ElementsAre("*"));
    ASSERT_EQ(config.upstreams.size(), 1U);
    EXPECT_EQ(config.upstreams[0].name, "openai_chat");
    EXPECT_EQ(config.upstreams[0].provider, "openai");
    EXPECT_EQ(config.upstreams[0].type, upstream::UpstreamType::chat);
    EXPECT_EQ(config.upstreams[0].base_url, "https://api.openai.com/v1");
    EXPECT_EQ(config.upstreams[0].token.reveal(), "k1");
    EXPECT_TRUE(config.upstreams[0].supports_streaming);
    ASSERT_EQ(config.routes.size(), 1U);
    EXPECT_EQ(config.routes[0].path_prefix, "/v1/chat/completions");
    EXPECT_EQ(config.routes[0].target_llm, "openai_chat");
    EXPECT_THAT(config.routes[0].processors, IsEmpty());
    EXPECT_EQ(config.find_upstream("openai_chat"), &config.upstreams[0]);
    EXPECT_EQ(config.find_upstream("other"), nullptr);
}

TEST(Load, WarnsWhenTheKeyIsNotSet) {
    const LoadResult result = load(kExample);
    EXPECT_TRUE(result.config);
    EXPECT_THAT(lines_of(result),
                ElementsAre("test.toml:10:1: warning: llm.openai_chat.token_env: the environment "
                            "variable OPENAI_API_KEY is not set; requests to this upstream go out "
                            "without a key"));
}

TEST(Load, CollectsEveryError) {
    const LoadResult result = load(R"([server]
prot = 3000
port = 70000
log_level = "warn"

[llm.a]
provider = "openai"
base_url = "api.openai.com"

[[route]]
path_prefix = "v1"
target_llm = "b"
)");
    EXPECT_FALSE(result.config);
    EXPECT_EQ(result.error_count(), 6U);
    EXPECT_THAT(
        lines_of(result),
        ElementsAre(
            "test.toml:2:1: server.prot: unknown setting; did you mean \"port\"?",
            "test.toml:3:8: server.port: 70000 is out of range; expected an integer from 0 to "
            "65535",
            "test.toml:4:13: server.log_level: \"warn\" is not known; expected one of \"debug\", "
            "\"info\", \"warning\", \"error\"",
            "test.toml:6:6: warning: llm.a: no route uses it",
            "test.toml:8:12: llm.a.base_url: \"api.openai.com\" is wrong: a base URL must begin "
            "with "
            "http:// or https://; expected a URL such as \"https://api.openai.com/v1\"",
            "test.toml:11:15: route[0].path_prefix: \"v1\" is not a path; expected an absolute "
            "path such as \"/v1/chat/completions\"",
            "test.toml:12:1: route[0].target_llm: there is no [llm.NAME], [provider.NAME] or "
            "[pool.NAME] called \"b\"; did you mean \"a\"?"));
}

TEST(Load, PointsIntoInlineTables) {
    const LoadResult result =
        load(with_rest("[server]\n"
                       "http = { head_timeout_ms = 5, # short\n"
                       "  body_timeout_ms = 0,\n"
                       "  heads_max = 1,\n"
                       "}\n"));
    EXPECT_THAT(lines_of(result),
                ElementsAre("test.toml:3:21: server.http.body_timeout_ms: 0 is out of range; "
                            "expected an integer from 1 to 86400000",
                            HasSubstr("test.toml:4:3: server.http.heads_max: unknown setting")));
}

TEST(Load, ReportsASyntaxErrorWithItsPlace) {
    const LoadResult result = load("[server]\nport = \n");
    EXPECT_FALSE(result.config);
    ASSERT_EQ(result.diagnostics.size(), 1U);
    EXPECT_EQ(result.diagnostics[0].position.line, 2U);
    EXPECT_THAT(result.report(), HasSubstr("test.toml:2:8: "));
}

TEST(Load, SuggestsTheNearestKey) {
    struct Case {
        std::string_view text;
        std::string_view line;
    };
    const std::vector<Case> cases = {
        {"[sever]\n", "test.toml:1:2: sever: unknown setting; did you mean \"server\"?"},
        {"port = 1\n", "test.toml:1:1: port: unknown setting; did you mean \"server.port\"?"},
        {"[server]\nhsot = \"::1\"\n",
         "test.toml:2:1: server.hsot: unknown setting; did you mean \"host\"?"},
        {"[server.http]\nhead_timeout = 1\n",
         "test.toml:2:1: server.http.head_timeout: unknown setting; did you mean "
         "\"head_timeout_ms\"?"},
        {"[server.htpp]\n", "test.toml:1:9: server.htpp: unknown setting; did you mean \"http\"?"},
        {"[server.tls]\ncertificates = []\n",
         "test.toml:2:1: server.tls.certificates: unknown setting; did you mean \"certificate\"?"},
        {"[server]\nhead_timeout_ms = 1\n",
         "test.toml:2:1: server.head_timeout_ms: unknown setting; did you mean "
         "\"http.head_timeout_ms\"?"},
        {"[llm.x]\nprovider = \"simulated\"\ntimeout = 3\n",
         "test.toml:3:1: llm.x.timeout: unknown setting; did you mean \"timeouts.first_byte_ms\" "
         "and \"timeouts.silence_ms\"?"},
        {"[llm.x]\nprovider = \"simulated\"\napi_key_env = \"A\"\n",
         "test.toml:3:1: llm.x.api_key_env: unknown setting; did you mean \"token_env\"?"},
        {"[llm.x]\nprovider = \"simulated\"\nport = 3\n",
         "test.toml:3:1: llm.x.port: unknown setting; there is a \"port\" in [server]"},
        {"[server.access_log]\ntraget = \"off\"\n",
         "test.toml:2:1: server.access_log.traget: unknown setting; did you mean \"target\"?"},
        {"[server.access_log]\ncolour = \"off\"\n",
         "test.toml:2:1: server.access_log.colour: unknown setting; expected one of target, "
         "format, buffer_bytes_max"},
    };
    for (const Case& test : cases) {
        EXPECT_THAT(lines_of(load(with_rest(test.text))), Contains(test.line)) << test.text;
    }
}

TEST(Load, NamesWrongTypes) {
    const LoadResult result = load(with_rest(R"([server]
host = 3
port = "3000"
pin_shards = 1
cors_allowed_origins = "*"
drain_timeout_ms = 1.5
log_level = true
http = 3
tls.certificate = 3
)"));
    EXPECT_THAT(
        lines_of(result),
        ElementsAre("test.toml:2:8: server.host: is an integer; expected a string",
                    "test.toml:3:8: server.port: is a string; expected an integer from 0 to 65535",
                    "test.toml:4:14: server.pin_shards: is an integer; expected true or false",
                    "test.toml:5:24: server.cors_allowed_origins: is a string; expected a list of "
                    "strings",
                    "test.toml:6:20: server.drain_timeout_ms: is a number with a fraction; "
                    "expected an integer from 0 to 86400000",
                    "test.toml:7:13: server.log_level: is a boolean; expected one of \"debug\", "
                    "\"info\", \"warning\", \"error\"",
                    "test.toml:8:8: server.http: is an integer; expected a table",
                    "test.toml:9:19: server.tls.certificate: is an integer; expected "
                    "[[server.tls.certificate]], with two brackets on either side"));
}

TEST(Load, NamesWrongTables) {
    EXPECT_THAT(lines_of(load("server = 1\nllm = 2\nprovider = 3\nroute = 4\n")),
                ElementsAre("test.toml:1:10: server: is an integer; expected a table",
                            "test.toml:2:7: llm: is an integer; expected tables [llm.NAME]",
                            "test.toml:3:12: provider: is an integer; expected tables "
                            "[provider.NAME]",
                            "test.toml:4:9: route: is an integer; expected [[route]], with two "
                            "brackets on either side"));
    EXPECT_THAT(lines_of(load("route = [1]\n[llm]\nx = 3\n")),
                ElementsAre("test.toml:1:10: route[0]: is an integer; expected a table",
                            HasSubstr("test.toml:3:1: llm.x.base_url: is missing"),
                            "test.toml:3:5: llm.x: is an integer; expected a table"));
}

TEST(Load, NamesMissingSettings) {
    EXPECT_THAT(lines_of(load("[[route]]\n[llm.a]\n[[server.tls.certificate]]\n")),
                Contains("test.toml:1:1: route[0].path_prefix: is missing; expected a string"));
    const std::vector<std::string> lines =
        lines_of(load("[[route]]\n[llm.a]\n[[server.tls.certificate]]\n"));
    EXPECT_THAT(lines, Contains(HasSubstr("route[0].target_llm: is missing")));
    EXPECT_THAT(lines, Contains("test.toml:2:6: llm.a.base_url: is missing; expected where the "
                                "upstream is, such as \"https://api.openai.com/v1\""));
    EXPECT_THAT(lines, Contains("test.toml:3:1: server.tls.certificate[0].certificate_file: is "
                                "missing; expected a string"));
}

TEST(Load, KeepsTheOrderOfTheFile) {
    const LoadResult result = load(R"(
[llm.zebra]
provider = "simulated"
[llm.ant]
provider = "simulated"
[[route]]
path_prefix = "/z"
target_llm = "zebra"
[[route]]
path_prefix = "/a"
target_llm = "ant"
)");
    ASSERT_TRUE(result.config) << result.report();
    EXPECT_EQ(config_of(result).upstreams[0].name, "zebra");
    EXPECT_EQ(config_of(result).upstreams[1].name, "ant");
    EXPECT_EQ(config_of(result).routes[1].path_prefix, "/a");
}

TEST(Load, ReadsPairsWithNamesThatHaveDots) {
    const LoadResult good = load(with_rest(R"(
[llm.other]
base_url = "http://127.0.0.1:1"
models = { "gpt-4.1" = "big",
           fast = "small", }
headers = { x-team = "search" }
[[route]]
path_prefix = "/other"
target_llm = "other"
model_aliases = { best = "gpt-4.1" }
)"));
    ASSERT_TRUE(good.config) << good.report();
    const upstream::UpstreamOptions& other = config_of(good).upstreams[0];
    EXPECT_THAT(other.models, ElementsAre(upstream::ModelAlias{"gpt-4.1", "big"},
                                          upstream::ModelAlias{"fast", "small"}));
    EXPECT_THAT(other.headers, ElementsAre(upstream::HeaderOption{"x-team", "search"}));
    EXPECT_THAT(lines_of(load(with_rest("[llm.o.models]\ngpt-4.1 = \"big\"\n"))),
                Contains("test.toml:2:1: llm.o.models.gpt-4: is a table; expected a string (a name "
                         "with dots in it stands in quotes)"));
}

TEST(Load, OverridesWinInOrder) {
    LoadOptions options;
    options.environment =
        environment_of_map({{"SLUICE_PORT", "4000"}, {"SLUICE_LOG_LEVEL", "debug"}});
    options.overrides = environment_overrides(options.environment);
    EXPECT_EQ(options.overrides.size(), 2U);
    options.overrides.push_back(
        {Section::server, find_setting(Section::server, "port"), "5000", "--port"});
    const LoadResult result =
        load_text("test.toml", with_rest("[server]\nport = 3000\nhost = \"::1\"\n"), options);
    ASSERT_TRUE(result.config) << result.report();
    EXPECT_EQ(config_of(result).server.port, 5000);
    EXPECT_EQ(config_of(result).server.log_level, LogLevel::debug);
    EXPECT_EQ(config_of(result).server.host, "::1");
}

// The cache as the environment alone makes it, or what is wrong with that.
std::string cache_by(const std::map<std::string, std::string>& variables) {
    LoadOptions options;
    options.environment = environment_of_map(variables);
    options.overrides = environment_overrides(options.environment);
    const LoadResult result =
        load_text("test.toml", with_rest("[cache]\nttl_s = 7\nbytes_max = 2000000\n"), options);
    if (!result.config) {
        return result.report();
    }
    const cache::CacheOptions& cache = result.config->cache;
    return fmt::format("{} {} {} {}", cache.enabled, cache.entries_max, cache.bytes_max,
                       cache.ttl_s);
}

TEST(Load, TakesTheCacheFromTheEnvironment) {
    EXPECT_EQ(cache_by({}), "false 100000 2000000 7");
    EXPECT_EQ(cache_by({{"LLM_PROXY_CACHE_SIZE", "500"}}), "true 500 2000000 7");
    EXPECT_EQ(cache_by({{"LLM_PROXY_CACHE_SIZE", "256MB"}}), "true 100000 256000000 7");
    EXPECT_EQ(cache_by({{"LLM_PROXY_CACHE_SIZE", "64 MiB"}}), "true 100000 67108864 7");
    EXPECT_EQ(cache_by({{"LLM_PROXY_CACHE_SIZE", "1gib"}}), "true 100000 1073741824 7");
    EXPECT_EQ(cache_by({{"LLM_PROXY_CACHE_SIZE", "0"}}), "false 100000 2000000 7");
    EXPECT_EQ(cache_by({{"LLM_PROXY_CACHE_SIZE", "0MB"}}), "false 100000 2000000 7");
    EXPECT_EQ(cache_by({{"LLM_PROXY_CACHE_TTL", "60"}}), "false 100000 2000000 60");
    EXPECT_THAT(cache_by({{"LLM_PROXY_CACHE_SIZE", "many"}}),
                HasSubstr("LLM_PROXY_CACHE_SIZE: cache.entries_max: \"many\" is wrong"));
    EXPECT_THAT(cache_by({{"LLM_PROXY_CACHE_SIZE", "5 bags"}}), HasSubstr("is wrong"));
    EXPECT_THAT(cache_by({{"LLM_PROXY_CACHE_SIZE", "1KB"}}),
                HasSubstr("LLM_PROXY_CACHE_SIZE: cache.bytes_max: 1000 is"));
    EXPECT_THAT(cache_by({{"LLM_PROXY_CACHE_TTL", "1h"}}),
                HasSubstr("LLM_PROXY_CACHE_TTL: cache.ttl_s: \"1h\" is wrong"));
}

TEST(Overrides, RetriesAreOfEveryUpstream) {
    const std::string text = with_rest(
        "[llm.one]\nprovider = \"ollama\"\nmax_retries = 5\n[llm.two]\nprovider = \"ollama\"\n");
    const auto retries_by = [&](const Variables& variables) {
        LoadOptions options = {{}, environment_of_map(variables)};
        options.overrides = environment_overrides(options.environment);
        const LoadResult loaded = load_text("a.toml", text, options);
        if (!loaded.config) {
            return loaded.report();
        }
        std::string all;
        for (const upstream::UpstreamOptions& upstream : loaded.config->upstreams) {
            all += std::to_string(upstream.retry.retries_max) + " ";
        }
        return all;
    };
    EXPECT_THAT(retries_by({}), HasSubstr("5 2 "));
    EXPECT_THAT(retries_by({{"LLM_PROXY_MAX_RETRIES", "0"}}), testing::MatchesRegex("(0 )+"));
    EXPECT_THAT(retries_by({{"LLM_PROXY_MAX_RETRIES", "11"}}),
                HasSubstr("LLM_PROXY_MAX_RETRIES: llm.NAME.max_retries: 11 is out of range"));
}

TEST(Load, NamesTheOriginOfABadOverride) {
    LoadOptions options;
    options.environment =
        environment_of_map({{"SLUICE_PORT", "many"}, {"SLUICE_SOCKETS_QUEUE_LOW_BYTES", "100000"}});
    options.overrides = environment_overrides(options.environment);
    EXPECT_THAT(lines_of(load_text("test.toml", kRest, options)),
                ElementsAre("SLUICE_PORT: server.port: \"many\" is wrong; expected an integer from "
                            "0 to 65535",
                            "SLUICE_SOCKETS_QUEUE_LOW_BYTES: server.sockets.queue_low_bytes: "
                            "100000 is more than queue_high_bytes has (65536); expected at most "
                            "that"));
}

TEST(Load, IgnoresWhatKubernetesPutsIntoTheEnvironment) {
    const Environment environment =
        environment_of_map({{"SLUICE_PORT", "tcp://10.0.0.1:3000"}, {"SLUICE_SHARDS", "2"}});
    const std::vector<Override> overrides = environment_overrides(environment);
    ASSERT_EQ(overrides.size(), 1U);
    EXPECT_EQ(overrides[0].origin, "SLUICE_SHARDS");
}

TEST(Load, BoundsWhatItCompares) {
    std::string upstreams;
    std::string routes(kRest);
    for (size_t i = 0; i < kUpstreamsMax; ++i) {
        upstreams += "[llm.u" + std::to_string(i) + "]\nprovider = \"simulated\"\n";
    }
    for (size_t i = 0; i < kRoutesMax; ++i) {
        routes +=
            "[[route]]\npath_prefix = \"/r" + std::to_string(i) + "\"\ntarget_llm = \"sim\"\n";
    }
    EXPECT_THAT(lines_of(load(upstreams + std::string(kRest))),
                Contains(HasSubstr("llm.sim: there are more than 1024 upstreams")));
    EXPECT_THAT(lines_of(load(routes)),
                ElementsAre(HasSubstr("route: there are more than 4096 routes")));
}

TEST(Load, TurnsLocalhostIntoAnAddress) {
    const LoadResult result = load(with_rest("[server]\nhost = \"localhost\"\n"));
    ASSERT_TRUE(result.config);
    EXPECT_EQ(config_of(result).server.host, "127.0.0.1");
}

TEST(Load, ServesTheSimulatorWithoutAKey) {
    LoadOptions options;
    options.environment = environment_of_map({});
    const LoadResult result = load_default(options);
    ASSERT_TRUE(result.config) << result.report();
    EXPECT_THAT(lines_of(result), IsEmpty());
    ASSERT_EQ(config_of(result).upstreams.size(), 1U);
    EXPECT_TRUE(config_of(result).upstreams[0].is_simulated());
    std::vector<std::string> paths;
    for (const pipeline::RouteOptions& route : config_of(result).routes) {
        paths.push_back(route.path_prefix);
        EXPECT_EQ(route.target_llm, "simulated");
    }
    EXPECT_THAT(paths, ElementsAre("/v1/chat/completions", "/v1/completions", "/v1/embeddings",
                                   "/v1/responses", "/v1/messages", "/v1/models"));
}

TEST(Load, ServesOpenAiWithAKey) {
    LoadOptions options;
    options.environment = environment_of_map({{"OPENAI_API_KEY", "k2"}});
    const LoadResult result = load_default(options);
    ASSERT_TRUE(result.config) << result.report();
    EXPECT_THAT(lines_of(result), IsEmpty());
    EXPECT_EQ(config_of(result).upstreams[0].base_url, "https://api.openai.com/v1");
    EXPECT_EQ(config_of(result).upstreams[0].token.reveal(), "k2");
    EXPECT_EQ(config_of(result).routes.size(), 6U);
    options.environment = environment_of_map({{"OPENAI_API_KEY", ""}});
    EXPECT_TRUE(config_of(load_default(options)).upstreams[0].is_simulated());
}

TEST(Load, ReportsAFileThatIsNotThere) {
    const TemporaryFolder folder;
    LoadOptions options;
    options.environment = environment_of_map({});
    const std::string path = folder.path("none.toml");
    EXPECT_EQ(load_file(path, options).report(),
              path + ": cannot be read: No such file or directory\n");
    EXPECT_THAT(load_file(folder.path("."), options).report(), HasSubstr("Is a directory"));
    EXPECT_FALSE(load_file(path, options).config);
}

TEST(Load, RefusesAFileThatIsTooLarge) {
    const TemporaryFolder folder;
    LoadOptions options;
    options.environment = environment_of_map({});
    const std::string path = folder.write("big.toml", std::string(kConfigBytesMax + 1, '#'));
    EXPECT_THAT(load_file(path, options).report(), HasSubstr("has more than 4194304 bytes"));
}

TEST(Load, TellsWhatNeedsARestart) {
    const LoadResult before = load(with_rest("[server]\nport = 1\nlog_level = \"info\"\n"));
    const LoadResult after = load(with_rest("[server]\nport = 2\nlog_level = \"debug\"\n"));
    ASSERT_TRUE(before.config && after.config);
    EXPECT_THAT(restart_needed(config_of(before), config_of(after)), ElementsAre("server.port"));
    EXPECT_THAT(restart_needed(config_of(before), config_of(before)), IsEmpty());
}

TEST(Snapshot, SharesOneConfig) {
    const LoadResult result = load(kRest);
    const Snapshot first = make_snapshot(config_of(result), 1);
    Snapshot second = first;
    second.generation = 2;
    EXPECT_EQ(second.config.get(), first.config.get());
    EXPECT_EQ(second.config->routes.size(), 1U);
    EXPECT_EQ(first.generation, 1U);
}

}  // namespace
}  // namespace sluice::config
