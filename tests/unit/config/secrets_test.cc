// Keys: where they come from, how they are trimmed, and that no output ever shows one.

#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/print.h"
#include "unit/config/helpers.h"

namespace sluice::config {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view kKey = "hunter2-hunter2";

std::string file_with(std::string_view line) {
    return std::string(R"([llm.a]
base_url = "http://127.0.0.1:8000/v1"
)") + std::string(line) +
           R"(
[[route]]
path_prefix = "/v1"
target_llm = "a"
)";
}

std::string_view token_of(const LoadResult& result) {
    return config_of(result).upstreams[0].token.reveal();
}

TEST(Secrets, ComeFromTheEnvironment) {
    const LoadResult result = load(file_with("token_env = \"KEY\""), {{"KEY", std::string(kKey)}});
    ASSERT_TRUE(result.config) << result.report();
    EXPECT_EQ(token_of(result), kKey);
    EXPECT_THAT(lines_of(result), IsEmpty());
}

TEST(Secrets, ComeFromAFileWithoutItsLineEnd) {
    const TemporaryFolder folder;
    for (const std::string_view end : {"", "\n", "\r\n", "\n\n"}) {
        const std::string path = folder.write("key", std::string(kKey) + std::string(end));
        const LoadResult result = load(file_with("token_file = \"" + path + "\""));
        ASSERT_TRUE(result.config) << result.report();
        EXPECT_EQ(token_of(result), kKey);
    }
}

std::vector<std::string_view> tokens_of(const LoadResult& result) {
    const upstream::UpstreamOptions& upstream = config_of(result).upstreams[0];
    std::vector<std::string_view> tokens = {upstream.token.reveal()};
    for (const Secret& token : upstream.sibling_tokens) {
        tokens.push_back(token.reveal());
    }
    return tokens;
}

TEST(Secrets, MayBeSeveral) {
    const LoadResult result = load(file_with(R"(token_envs = ["A", "B", "C"])"),
                                   {{"A", "key-a"}, {"B", "key-b"}, {"C", "key-c"}});
    ASSERT_TRUE(result.config) << result.report();
    EXPECT_THAT(tokens_of(result), ElementsAre("key-a", "key-b", "key-c"));
    EXPECT_THAT(lines_of(result), IsEmpty());
    const TemporaryFolder folder;
    const std::string first = folder.write("first", "key-a\n");
    const std::string second = folder.write("second", "key-b\n");
    const LoadResult files =
        load(file_with("token_files = [\"" + first + "\", \"" + second + "\"]"));
    ASSERT_TRUE(files.config) << files.report();
    EXPECT_THAT(tokens_of(files), ElementsAre("key-a", "key-b"));
}

TEST(Secrets, OfSeveralTheOnesThatAreThereAreUsed) {
    const LoadResult result = load(file_with(R"(token_envs = ["NONE", "B", "SAME"])"),
                                   {{"B", "key-b"}, {"SAME", "key-b"}});
    ASSERT_TRUE(result.config) << result.report();
    EXPECT_THAT(tokens_of(result), ElementsAre("key-b"));
    EXPECT_THAT(lines_of(result),
                ElementsAre("test.toml:3:15: warning: llm.a.token_envs[0]: the environment "
                            "variable NONE is not set; requests to this upstream go out without "
                            "this key",
                            "test.toml:3:28: warning: llm.a.token_envs[2]: is the same key as one "
                            "before it, and is left out"));
    EXPECT_THAT(print_config(config_of(result), "test"), HasSubstr("# 1 of 3 keys set"));
}

TEST(Secrets, OneOrSeveralAreNamedInOnePlace) {
    const LoadResult result =
        load(file_with("token_env = \"A\"\ntoken_envs = [\"B\"]"), {{"A", "a"}, {"B", "b"}});
    EXPECT_THAT(lines_of(result),
                Contains("test.toml:4:1: llm.a.token_envs: token_env is set as well; expected one "
                         "of the two"));
}

TEST(Secrets, AreReadAnewByEachLoad) {
    const TemporaryFolder folder;
    const std::string text = file_with("token_file = \"" + folder.write("key", "old\n") + "\"");
    const LoadResult before = load(text);
    folder.write("key", "new\n");
    const LoadResult after = load(text);
    ASSERT_TRUE(before.config && after.config);
    EXPECT_EQ(token_of(before), "old");
    EXPECT_EQ(token_of(after), "new");
    EXPECT_FALSE(config_of(before) == config_of(after));
}

TEST(Secrets, AFileThatCannotBeReadIsAnError) {
    const TemporaryFolder folder;
    const std::string path = folder.path("none");
    EXPECT_THAT(lines_of(load(file_with("token_file = \"" + path + "\""))),
                ElementsAre("test.toml:3:1: llm.a.token_file: \"" + path +
                            "\" cannot be read: No such file or directory"));
    const std::string empty = folder.write("empty", "\n");
    EXPECT_THAT(
        lines_of(load(file_with("token_file = \"" + empty + "\""))),
        ElementsAre("test.toml:3:1: llm.a.token_file: \"" + empty + "\" is empty; expected a key"));
    const std::string big = folder.write("big", std::string(20'000, 'k'));
    EXPECT_THAT(lines_of(load(file_with("token_file = \"" + big + "\""))),
                ElementsAre(HasSubstr("has more than 16384 bytes")));
}

TEST(Secrets, ComeFromOnePlaceOnly) {
    EXPECT_THAT(lines_of(load(file_with("token_env = \"KEY\"\ntoken_file = \"key\""))),
                ElementsAre("test.toml:4:1: llm.a.token_file: token_env is set as well; expected "
                            "one of the two"));
}

TEST(Secrets, ThatCannotBeSentAreRefusedUnseen) {
    for (const std::string_view bad : {"hunter2 hunter2", "hunter2\r\nx: y", "hunter2\xC3\xA4"}) {
        const LoadResult result =
            load(file_with("token_env = \"KEY\""), {{"KEY", std::string(bad)}});
        EXPECT_FALSE(result.config);
        ASSERT_EQ(result.diagnostics.size(), 1U);
        EXPECT_EQ(result.diagnostics[0].to_string(),
                  "test.toml:3:1: llm.a.token_env: the environment variable KEY holds something "
                  "that cannot be sent as a key; expected printable ASCII without blanks (byte 8 "
                  "is not)");
    }
}

TEST(Secrets, NeverShowInPrintConfig) {
    const TemporaryFolder folder;
    const std::string path = folder.write("key", kKey);
    const LoadResult from_file = load(file_with("token_file = \"" + path + "\""));
    const LoadResult from_environment =
        load(file_with("token_env = \"KEY\""), {{"KEY", std::string(kKey)}});
    ASSERT_TRUE(from_file.config && from_environment.config);
    const std::string first = print_config(config_of(from_file), "test.toml");
    const std::string second = print_config(config_of(from_environment), "test.toml");
    EXPECT_FALSE(first.contains("hunter2")) << first;
    EXPECT_FALSE(second.contains("hunter2")) << second;
    EXPECT_THAT(first, HasSubstr("# file:" + path + " (set)"));
    EXPECT_THAT(second, HasSubstr("# env:KEY (set)"));
    const LoadResult unset = load(file_with("token_env = \"KEY\""));
    EXPECT_THAT(print_config(config_of(unset), "test.toml"), HasSubstr("# env:KEY (not set)"));
}

// Keys pasted into the file by mistake, in every place somebody might: refused, and not repeated.
TEST(Secrets, PastedIntoTheFileAreNotRepeated) {
    for (const std::string_view line :
         {"token = \"sk-hunter2\"", "api_key = \"sk-hunter2\"", "token_env = \"sk-hunter2\"",
          "headers = { Authorization = \"Bearer hunter2\" }",
          "headers = { x-api-key = \"hunter2\" }", "headers = { x-key = \"hunter2\\n\" }",
          "token_env = \"$hunter2\"", "organization = \"hunter2\\u0007\"", "token = sk-hunter2",
          "token = 0xhunter2", "token = 12hunter2", "token_env = \"hunter2",
          "token_env = \"K\"hunter2", "token_env = 'hunter2\n"}) {
        const LoadResult result = load(file_with(line));
        EXPECT_FALSE(result.config) << line;
        EXPECT_FALSE(result.report().contains("hunter2")) << result.report();
    }
    const LoadResult url = load(
        "[llm.a]\nbase_url = \"https://hunter2:hunter2@a/v1\"\n"
        "[[route]]\npath_prefix = \"/v1\"\ntarget_llm = \"a\"\n");
    EXPECT_FALSE(url.config);
    EXPECT_FALSE(url.report().contains("hunter2")) << url.report();
}

}  // namespace
}  // namespace sluice::config
