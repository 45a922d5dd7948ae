// Checks that look at several settings at once.

#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/load.h"
#include "pipeline/guard_options.h"
#include "pipeline/processors/system_prompt.h"
#include "unit/config/helpers.h"

namespace sluice::config {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> lines(std::string_view text) {
    return lines_of(load(text));
}

TEST(Validate, WantsARoute) {
    EXPECT_THAT(lines(""), ElementsAre("test.toml: there is no [[route]]; expected at least one, "
                                       "or every request gets a 404"));
}

TEST(Validate, WantsKnownTargets) {
    EXPECT_THAT(lines("[llm.openai]\nprovider = \"simulated\"\n"
                      "[[route]]\npath_prefix = \"/v1\"\ntarget_llm = \"opneai\"\n"),
                Contains("test.toml:5:1: route[0].target_llm: there is no [llm.NAME], "
                         "[provider.NAME] or [pool.NAME] "
                         "called \"opneai\"; did you mean \"openai\"?"));
}

TEST(Validate, WarnsOfUnusedUpstreams) {
    const LoadResult result = load(with_rest("[llm.spare]\nprovider = \"simulated\"\n"));
    EXPECT_TRUE(result.config);
    EXPECT_THAT(lines_of(result),
                ElementsAre("test.toml:1:6: warning: llm.spare: no route uses it"));
}

TEST(Validate, RefusesTwinRoutes) {
    EXPECT_THAT(lines(with_rest("[[route]]\npath_prefix = \"/v1\"\ntarget_llm = \"sim\"\n")),
                ElementsAre("test.toml:8:1: route[1].path_prefix: route[0] in line 1 takes every "
                            "model of \"/v1\" already; expected another path, or models on one of "
                            "the two"));
    EXPECT_THAT(lines(with_rest(R"([[route]]
path_prefix = "/v1"
models = ["a", "b*"]
target_llm = "sim"
[[route]]
path_prefix = "/v1"
model_aliases = { a = "c" }
models = ["d"]
target_llm = "sim"
)")),
                ElementsAre("test.toml:8:1: route[1].models: route[0] in line 1 takes \"a\" of "
                            "\"/v1\" already; expected another model or path"));
}

TEST(Validate, TakesRoutesThatDiffer) {
    EXPECT_THAT(lines(with_rest(R"([[route]]
path_prefix = "/v1"
models = ["gpt-4*"]
target_llm = "sim"
[[route]]
path_prefix = "/v1"
models = ["gpt-4o"]
target_llm = "sim"
[[route]]
path_prefix = "/v1/chat"
target_llm = "sim"
)")),
                IsEmpty());
}

TEST(Validate, LooksAtStreaming) {
    EXPECT_THAT(lines(with_rest(R"([llm.slow]
base_url = "http://127.0.0.1"
supports_streaming = false
[[route]]
path_prefix = "/slow"
target_llm = "slow"
[[route]]
path_prefix = "/none"
target_llm = "slow"
allow_streaming = false
allow_non_streaming = false
)")),
                ElementsAre("test.toml:4:1: warning: route[0].allow_streaming: is true, but "
                            "\"slow\" has supports_streaming = false; streamed requests will get "
                            "an error",
                            "test.toml:11:1: route[1].allow_non_streaming: allow_streaming is "
                            "false as well, so that no request is taken; expected one of them to "
                            "be true"));
}

TEST(Validate, NamesProcessorsThatAreNotThere) {
    constexpr std::string_view kBegin =
        "[llm.sim]\nprovider = \"simulated\"\n"
        "[processor.team]\ntype = \"headers\"\n"
        "[[route]]\npath_prefix = \"/v1\"\ntarget_llm = \"sim\"\n";
    EXPECT_THAT(lines(std::string(kBegin) + "processors = [\"team\"]\n"), IsEmpty());
    EXPECT_THAT(lines(std::string(kBegin) + "processors = [\"taem\",\n \"cache\"]\n"),
                ElementsAre(HasSubstr("processor.team: no route uses it"),
                            HasSubstr("test.toml:8:15: route[0].processors[0]: there is no "
                                      "[processor.NAME] called \"taem\"; did you mean \"team\"?"),
                            HasSubstr("test.toml:9:2: route[0].processors[1]: there is no "
                                      "[processor.NAME] called \"cache\"")));
    EXPECT_THAT(lines(std::string(kBegin) + "processors = [\"team\", \"team\"]\n"),
                ElementsAre(HasSubstr("route[0].processors[0]: \"team\" stands here twice"),
                            HasSubstr("route[0].processors[1]: \"team\" stands here twice")));
}

TEST(Validate, LooksAtTypesAndConditionsOfProcessors) {
    EXPECT_THAT(lines("[processor.a]\ntype = \"haeders\"\n"),
                Contains(HasSubstr("processor.a.type: \"haeders\" is not a type of processor; did "
                                   "you mean \"headers\"?")));
    EXPECT_THAT(lines("[processor.a]\ntype = \"headers\"\nwhen = \"modell == 1\"\n"),
                Contains(HasSubstr("processor.a.when: is not a condition: at column 1: expected a "
                                   "fact")));
    EXPECT_THAT(lines("[processor.a]\ntype = \"headers\"\nreponse_set = {}\n"),
                Contains(HasSubstr("processor.a.reponse_set: unknown setting; did you mean "
                                   "\"response_set\"?")));
}

std::string processor(std::string_view text) {
    return "[processor.a]\n" + std::string(text) + "\n" + std::string(kRest) +
           "processors = [\"a\"]\n";
}

TEST(Validate, LooksAtPrompts) {
    const TemporaryFolder folder;
    const auto prompt = [](std::string_view text) {
        return processor("type = \"system_prompt\"\n" + std::string(text));
    };
    const auto in_file = [&](std::string_view content) {
        return prompt("text_file = \"" + folder.write("prompt.txt", content) + "\"");
    };
    EXPECT_THAT(lines(prompt("text = \"Be {{tenant}}\"")), IsEmpty());
    EXPECT_THAT(lines(prompt("text = \"Be {{tenent}}\"")),
                ElementsAre(HasSubstr("test.toml:3:8: processor.a.text: is not a template: at "
                                      "column 4: expected a variable")));
    EXPECT_THAT(lines(prompt("")),
                ElementsAre(HasSubstr("test.toml:1:12: processor.a: has no prompt; expected")));
    EXPECT_THAT(lines(prompt("text = \"\"")), ElementsAre(HasSubstr("has an empty prompt")));
    EXPECT_THAT(
        lines(prompt("text = \"a\"\ntext_file = \"b\"")),
        ElementsAre(HasSubstr("test.toml:4:1: processor.a.text_file: text is set as well")));
    EXPECT_THAT(lines(prompt("text_file = \"" + folder.path("none") + "\"")),
                ElementsAre(HasSubstr("cannot be read: No such file")));
    EXPECT_THAT(lines(in_file("a\nb {{x}}\n")),
                ElementsAre(HasSubstr("is not a template: at line 2, column 3: expected")));
    EXPECT_THAT(lines(in_file("\n\n")), ElementsAre(HasSubstr("is empty; expected a prompt")));
    EXPECT_THAT(lines(in_file(std::string(300'000, 'x'))), ElementsAre(HasSubstr("text_file")));
    const LoadResult result = load(in_file("Be kind.\r\n\n"));
    const auto& options =
        std::get<pipeline::SystemPromptOptions>(config_of(result).processors.at(0).config);
    EXPECT_EQ(options.loaded_text, "Be kind.");
    EXPECT_EQ(options.text, "");
}

TEST(Validate, LooksAtEditsOfRequests) {
    const auto edit = [](std::string_view text) {
        return lines(processor("type = \"transform\"\n" + std::string(text)));
    };
    EXPECT_THAT(
        edit("set = { t = \"0.2\", \"metadata.team\" = '\"x\"' }\nclamp = { t = \"0..1\" }"),
        IsEmpty());
    EXPECT_THAT(edit("set = { t = \"x\" }"),
                ElementsAre(HasSubstr("processor.a.set.t: the value of \"t\" is not JSON")));
    EXPECT_THAT(edit("default = { \"a..b\" = \"1\" }"),
                ElementsAre(HasSubstr("is not a path such as")));
    EXPECT_THAT(edit("rename = { a = \"b.c\" }"),
                ElementsAre(HasSubstr("\"b.c\" is not the name of a member")));
    EXPECT_THAT(edit("rename = { \"a[0]\" = \"b\" }"), ElementsAre(HasSubstr("leads to an item")));
    EXPECT_THAT(edit("clamp = { t = \"1..0\" }"),
                ElementsAre(HasSubstr("expected the lower number first")));
    EXPECT_THAT(edit("remove = [\"a[x]\"]"),
                ElementsAre(HasSubstr("processor.a.remove[0]: \"a[x]\" is not a path")));
}

TEST(Validate, LooksAtLevelsOfTheLog) {
    EXPECT_THAT(lines(with_rest("[server]\nlog_levels = [\"net:debug\", \"health:error\"]\n")),
                IsEmpty());
    EXPECT_THAT(
        lines(with_rest("[server]\nlog_levels = [\"net\",\n \"helth:debug\",\n \"http:debug\",\n"
                        " \"net:warn\",\n \"net:\"]\n")),
        ElementsAre("test.toml:2:15: server.log_levels[0]: \"net\" is no room with a level; "
                    "expected one such as \"net:debug\"",
                    "test.toml:3:2: server.log_levels[1]: \"helth\" is no room of the log; did "
                    "you mean \"health\"?",
                    "test.toml:4:2: server.log_levels[2]: \"http\" is no room of the log; "
                    "expected one of admin, balance, cache, config, discovery, health, keys, "
                    "ledger, net, pipeline, server, traces",
                    "test.toml:5:2: server.log_levels[3]: \"warn\" is no level of the log; "
                    "expected one of debug, info, warning, error",
                    "test.toml:6:2: server.log_levels[4]: \"\" is no level of the log; expected "
                    "one of debug, info, warning, error"));
    EXPECT_THAT(lines(with_rest("[server]\nlog_levels = [\"net:debug\", \"net:info\"]\n")),
                ElementsAre("test.toml:2:28: server.log_levels[1]: \"net\" has a level already; "
                            "expected each room once"));
}

TEST(Validate, FitsLimitsTogether) {
    EXPECT_THAT(lines(with_rest(R"([server]
sockets = { queue_high_bytes = 8192, queue_low_bytes = 8193 }
buffers = { blocks_max = 16, window_blocks = 32 }
http = { head_bytes_max = 8192, field_bytes_max = 8193, request_line_bytes_max = 8194 }
)")),
                ElementsAre("test.toml:2:38: server.sockets.queue_low_bytes: 8193 is more than "
                            "queue_high_bytes has (8192); expected at most that",
                            "test.toml:3:30: server.buffers.window_blocks: 32 is more than "
                            "blocks_max has (16); expected at most that",
                            "test.toml:4:33: server.http.field_bytes_max: 8193 is more than "
                            "head_bytes_max has (8192); expected at most that",
                            "test.toml:4:57: server.http.request_line_bytes_max: 8194 is more than "
                            "head_bytes_max has (8192); expected at most that"));
}

TEST(Validate, WantsCertificatesToBeThere) {
    const TemporaryFolder folder;
    const std::string there = folder.write("there.pem", "x");
    const std::string gone = folder.path("gone.pem");
    const std::string text = "[server.tls]\nclient_ca_file = \"" + gone +
                             "\"\n[[server.tls.certificate]]\n" + "certificate_file = \"" + there +
                             "\"\nprivate_key_file = \"" + gone + "\"\n";
    const std::string cannot = "\"" + gone + "\" cannot be read: No such file or directory";
    EXPECT_THAT(
        lines(with_rest(text)),
        ElementsAre("test.toml:2:1: server.tls.client_ca_file: " + cannot,
                    "test.toml:5:1: server.tls.certificate[0].private_key_file: " + cannot));
    EXPECT_THAT(lines(with_rest("[server.tls]\nclient_ca_file = \"" + there + "\"\n")),
                ElementsAre(HasSubstr("server.tls.client_ca_file: there is no "
                                      "[[server.tls.certificate]]")));
}

TEST(Validate, LooksAtTlsOfUpstreams) {
    const TemporaryFolder folder;
    const std::string pem = folder.write("a.pem", "x");
    const auto upstream = [](std::string_view url, std::string_view tls) {
        return with_rest("[llm.a]\nbase_url = \"" + std::string(url) + "\"\n[llm.a.tls]\n" +
                         std::string(tls) +
                         "\n[[route]]\npath_prefix = \"/a\"\ntarget_llm = \"a\"\n");
    };
    EXPECT_THAT(lines(upstream("https://a", "certificate_file = \"" + pem + "\"")),
                ElementsAre("test.toml:4:1: llm.a.tls.certificate_file: certificate_file and "
                            "private_key_file belong together; expected both or neither"));
    EXPECT_THAT(lines(upstream("https://a", "verify = false")),
                ElementsAre(HasSubstr("test.toml:4:1: warning: llm.a.tls.verify: ")));
    EXPECT_THAT(lines(upstream("http://127.0.0.1", "verify = false")),
                ElementsAre("test.toml:3:8: warning: llm.a.tls: has no effect, because base_url "
                            "does not begin with https"));
    EXPECT_THAT(lines(upstream("https://a", "ca_file = \"" + folder.path("none") + "\"")),
                ElementsAre(HasSubstr("test.toml:4:1: llm.a.tls.ca_file: ")));
    EXPECT_THAT(lines(upstream("https://a", "server_name = \"b.example\"")), IsEmpty());
}

TEST(Validate, WarnsOfKeysOverPlainHttp) {
    const auto upstream = [](std::string_view url) {
        return with_rest("[llm.a]\nbase_url = \"" + std::string(url) + "\"\ntoken_env = \"K\"\n" +
                         "[[route]]\npath_prefix = \"/a\"\ntarget_llm = \"a\"\n");
    };
    const Variables key = {{"K", "k"}};
    EXPECT_THAT(lines_of(load(upstream("http://api.example"), key)),
                ElementsAre(HasSubstr("test.toml:2:1: warning: llm.a.base_url: the key travels "
                                      "unencrypted")));
    EXPECT_THAT(lines_of(load(upstream("https://api.example"), key)), IsEmpty());
    EXPECT_THAT(lines_of(load(upstream("http://127.0.0.1:1"), key)), IsEmpty());
    EXPECT_THAT(lines_of(load(upstream("http://localhost/v1"), key)), IsEmpty());
    EXPECT_THAT(lines_of(load(upstream("http://localhost.evil.example/"), key)),
                ElementsAre(HasSubstr("unencrypted")));
}

TEST(Validate, WarnsOfWhatTheSimulatorIgnores) {
    EXPECT_THAT(lines_of(load("[llm.s]\nprovider = \"simulated\"\nbase_url = \"http://a\"\n"
                              "[[route]]\npath_prefix = \"/\"\ntarget_llm = \"s\"\n")),
                ElementsAre("test.toml:3:1: warning: llm.s.base_url: has no effect with provider "
                            "\"simulated\""));
}

TEST(Validate, TotalMustOutlastConnecting) {
    EXPECT_THAT(lines(with_rest("[llm.a]\nbase_url = \"http://127.0.0.1\"\n"
                                "timeouts.total_ms = 100\n"
                                "[[route]]\npath_prefix = \"/a\"\ntarget_llm = \"a\"\n")),
                ElementsAre("test.toml:3:10: llm.a.timeouts.total_ms: 100 is less than connect_ms "
                            "has (5000); expected more, or 0 for no limit"));
}

TEST(Validate, LooksAtGuards) {
    EXPECT_THAT(lines("[processor.a]\ntype = \"guard\"\n"),
                Contains(HasSubstr("processor.a.patterns: is empty, as are words, presets")));
    EXPECT_THAT(lines("[processor.a]\ntype = \"guard\"\npatterns = [\"ok\", \"a(b\"]\n"),
                Contains(HasSubstr("test.toml:3:19: processor.a.patterns[1]: \"a(b\" is not a "
                                   "pattern: at column 1: missing ): a(b; expected RE2's syntax")));
    EXPECT_THAT(lines("[processor.a]\ntype = \"guard\"\npatterns = [\"a*\"]\n"),
                Contains(HasSubstr("it matches a text without characters")));
    EXPECT_THAT(lines("[processor.a]\ntype = \"guard\"\npresets = [\"mail\"]\n"),
                Contains(HasSubstr("\"mail\" is not a preset; expected one of api_key")));
    EXPECT_THAT(
        lines("[processor.a]\ntype = \"guard\"\npatterns = [\"a\", \"b\"]\npatterns_max = 1\n"),
        Contains(HasSubstr("processor.a.patterns: has 2 patterns; expected at most")));
    EXPECT_THAT(lines("[processor.a]\ntype = \"guard\"\npatterns = ['\\pL{200}']\n"
                      "memory_bytes_max = 1048576\n"),
                Contains(HasSubstr("processor.a.memory_bytes_max: the rules cannot be compiled: "
                                   "\"pattern-1\": ")));
    EXPECT_THAT(lines("[processor.a]\ntype = \"guard\"\nwords_file = \"/nonexistent/words\"\n"),
                Contains(HasSubstr("processor.a.words_file: \"/nonexistent/words\" cannot be")));
    EXPECT_THAT(lines("[processor.a]\ntype = \"guard\"\nwebhook_url = \"ftp://x\"\n"),
                Contains(HasSubstr("processor.a.webhook_url: is not a URL")));
}

TEST(Validate, ReadsListsOfWords) {
    const TemporaryFolder folder;
    const std::string file = folder.write("words", "# words\nzebra\nnew york\n");
    const LoadResult result =
        load(with_rest("[processor.a]\ntype = \"guard\"\nwords_file = \"" + file + "\"\n"));
    ASSERT_EQ(config_of(result).processors.size(), 1U);
    EXPECT_THAT(std::get<pipeline::GuardOptions>(config_of(result).processors[0].config).file_words,
                ElementsAre("zebra", "new york"));
}

TEST(Validate, GuardsOfAnswersNeedAnswersThatCanBeRead) {
    const std::string guard =
        "[processor.g]\ntype = \"guard\"\nwords = [\"x\"]\ndirection = \"both\"\n";
    EXPECT_THAT(lines_of(load(guard + "[llm.sim]\nprovider = \"simulated\"\n[[route]]\n"
                                      "path_prefix = \"/v1\"\ntarget_llm = \"sim\"\n"
                                      "processors = [\"g\"]\n")),
                ElementsAre(HasSubstr("route[0].processors[0]: \"g\" looks at answers")));
}

TEST(Validate, EnhancersNeedAnUpstream) {
    EXPECT_THAT(lines("[processor.a]\ntype = \"enhancer\"\n"),
                Contains(HasSubstr("processor.a.target_llm: is missing")));
    EXPECT_THAT(lines("[processor.a]\ntype = \"enhancer\"\ntarget_llm = \"slm\"\n"),
                Contains(HasSubstr("processor.a.target_llm: there is no [llm.NAME] or "
                                   "[provider.NAME] called \"slm\"")));
}

TEST(Validate, WantsATokenForAnAdminApiThatOthersReach) {
    EXPECT_THAT(
        lines(with_rest("[admin]\nlisten = \"0.0.0.0:3001\"\n")),
        ElementsAre("test.toml:2:1: admin.listen: \"0.0.0.0:3001\" can be reached from other "
                    "machines; expected token_env or token_file as well, or a loopback "
                    "address"));
    for (const std::string_view local : {"127.0.0.1:1", "[::1]:1", "unix:/run/a", "off"}) {
        EXPECT_THAT(lines(with_rest(fmt::format("[admin]\nlisten = \"{}\"\n", local))), IsEmpty());
    }
    const LoadResult result =
        load(with_rest("[admin]\nlisten = \"0.0.0.0:3001\"\ntoken_env = \"TOKEN\"\n"),
             {{"TOKEN", "t0k3n\n"}});
    EXPECT_EQ(config_of(result).admin.token.reveal(), "t0k3n");
    EXPECT_TRUE(result.sets_admin_listen);
    EXPECT_FALSE(load(kRest).sets_admin_listen);
}

TEST(Validate, WantsTheAdminTokenThatIsNamed) {
    EXPECT_THAT(lines(with_rest("[admin]\ntoken_env = \"TOKEN\"\n")),
                ElementsAre("test.toml:2:1: admin.token_env: the environment variable TOKEN is not "
                            "set; expected the token that opens the admin API"));
    EXPECT_THAT(lines(with_rest("[admin]\nlisten = \"off\"\ntoken_env = \"TOKEN\"\n")),
                ElementsAre(HasSubstr("warning: admin.token_env: has no effect")));
}

}  // namespace
}  // namespace sluice::config
