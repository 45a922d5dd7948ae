// The text checks: what passes, what does not, and what they must not repeat.
#include "config/checks.h"

#include <initializer_list>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace sluice::config {
namespace {

using Check = std::string (*)(std::string_view);

void expect_good(Check check, std::initializer_list<std::string_view> texts) {
    for (const std::string_view text : texts) {
        EXPECT_EQ(check(text), "") << text;
    }
}

void expect_bad(Check check, std::initializer_list<std::string_view> texts) {
    for (const std::string_view text : texts) {
        const std::string problem = check(text);
        EXPECT_NE(problem, "") << text;
        EXPECT_TRUE(problem.contains("expected") || problem.contains("refused")) << problem;
    }
}

using namespace std::string_view_literals;

TEST(Checks, Host) {
    expect_good(check_host, {"127.0.0.1", "0.0.0.0", "::", "::1", "fe80::1", "localhost"});
    expect_bad(check_host, {"", "example.org", "127.0.0.1:80", "[::1]", "1.2.3", "127.0.0.1\0"sv});
}

TEST(Checks, BaseUrl) {
    expect_good(check_base_url,
                {"", "http://localhost", "https://api.openai.com/v1", "https://API.EXAMPLE/",
                 "http://127.0.0.1:8000/v1", "http://[::1]:8000", "https://[::1]/x",
                 "http://my_svc", "http://a:1", "http://a:65535/b%20c"});
    expect_bad(check_base_url, {"api.openai.com", "ftp://a",          "http://",
                                "https:///v1",    "http://a:",        "http://a:0",
                                "http://a:65536", "http://a:1x",      "http://a b/",
                                "http://a/b c",   "http://a?b",       "http://a/#b",
                                "http://[::1",    "http://[1.2.3.4]", "http://[::1]x",
                                "http://[]",      "http://a..b",      "http://a/\n",
                                "http://a\0b"sv,  "http://-=",        "https://u:p@host/"});
}

TEST(Checks, BaseUrlKeepsPasswordsToItself) {
    const std::string problem = check_base_url("https://me:hunter2@api.example/v1");
    EXPECT_FALSE(problem.contains("hunter2")) << problem;
    EXPECT_FALSE(check_base_url("me:hunter2@api").contains("hunter2"));
    EXPECT_FALSE(check_base_url("https://api.example/v1?key=hunter2").contains("hunter2"));
}

TEST(Checks, Origin) {
    expect_good(check_origin, {"*", "https://app.example.org", "http://localhost:5173"});
    expect_bad(check_origin, {"", "app.example.org", "https://a/", "https://a/b", "null",
                              "https://*.example.org", "file://x"});
}

TEST(Checks, PathPrefix) {
    expect_good(check_path_prefix, {"/", "/v1", "/v1/chat/completions", "/openai/v1.0/~x"});
    expect_bad(check_path_prefix,
               {"", "v1", "/v1/", "//", "/a//b", "/a?b", "/a#b", "/a*", "/a b", "/a\n", "/\x80"});
}

TEST(Checks, Model) {
    expect_good(check_model, {"gpt-4o", "gpt-4*", "*", "meta-llama/Llama-3", "a b"});
    expect_bad(check_model, {"", "a*b", "**", "a\n", std::string_view("a\0", 2)});
    EXPECT_EQ(check_model_alias("fast", "gpt-4o-mini"), "");
    EXPECT_NE(check_model_alias("fast*", "gpt-4o-mini"), "");
    EXPECT_NE(check_model_alias("fast", "gpt*"), "");
    EXPECT_NE(check_model_alias("", "gpt"), "");
    EXPECT_NE(check_model_alias("fast", ""), "");
}

TEST(Checks, EnvironmentName) {
    expect_good(check_environment_name, {"", "OPENAI_API_KEY", "_x", "a1"});
    expect_bad(check_environment_name, {"1A", "sk-abc", "A B", "A=B", "$A"});
    EXPECT_FALSE(check_environment_name("sk-hunter2").contains("hunter2"));
}

TEST(Checks, FilesAndTargets) {
    expect_good(check_file_path, {"", "a", "/etc/sluice/key.pem"});
    expect_bad(check_file_path, {"a\n", std::string_view("a\0b", 3), std::string(5'000, 'a')});
    expect_good(check_log_target, {"off", "stdout", "stderr", "/var/log/sluice.log"});
    expect_bad(check_log_target, {"", "a\nb"});
}

TEST(Checks, ServerName) {
    expect_good(check_server_name, {"", "api.example.org", "*.example.org", "localhost"});
    expect_bad(check_server_name, {"*", "a.*.org", "a b", "..", "https://a", "*."});
}

TEST(Checks, AddedHeader) {
    EXPECT_EQ(check_added_header("x-team", "search"), "");
    EXPECT_EQ(check_added_header("HTTP-Referer", "https://a b"), "");
    for (const std::string_view name :
         {"Content-Length", "transfer-encoding", "HOST", "connection", "authorization", "X-API-Key",
          "cookie", "", "a b", "a:b", "x\r\ny"}) {
        EXPECT_NE(check_added_header(name, "1"), "") << name;
    }
    for (const std::string_view value : {"a\r\nb: c", " a", "a ", "\x01", "\xFF"}) {
        EXPECT_NE(check_added_header("x-a", value), "") << value;
    }
    EXPECT_FALSE(check_added_header("authorization", "hunter2").contains("hunter2"));
    EXPECT_FALSE(check_added_header("x-a", "hunter2\n").contains("hunter2"));
}

TEST(Checks, QuotedIsOneShortLine) {
    EXPECT_EQ(in_quotes("a\nb\"c"), "\"a\\nb\\\"c\"");
    EXPECT_LT(in_quotes(std::string(1'000, 'x')).size(), 100U);
}

}  // namespace
}  // namespace sluice::config
