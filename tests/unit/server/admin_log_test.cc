// Levels of the log while the gateway runs: which of several counts, what the admin API says of
// them and takes, and the command line that asks for it.
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin_description.h"
#include "admin_fixture.h"
#include "base/arena.h"
#include "base/log_levels.h"
#include "json/tree.h"
#include "server/admin_api.h"
#include "server/log_command.h"
#include "server/log_control.h"
#include "server/options.h"

namespace sluice::server {

namespace {

using testing::HasSubstr;
using testing::StartsWith;

ServerOptions configured(LogLevel level, std::vector<std::string> rooms) {
    ServerOptions options;
    options.log_level = level;
    options.log_levels = std::move(rooms);
    return options;
}

class AdminLog : public AdminTest {
protected:
    void SetUp() override {
        AdminTest::SetUp();
        log_.configure(configured(LogLevel::warning, {"net:debug", "health:error"}));
    }
    void TearDown() override {
        set_log_level(LogLevel::info);
        AdminTest::TearDown();
    }
    std::string change(std::string_view body, int status = 200) {
        const AdminAnswer answer = ask(Method::patch, "/v1/log", body);
        EXPECT_EQ(answer.status, status) << answer.body;
        return answer.body;
    }
    // What the answer to GET says of a room.
    std::string told(std::string_view room) {
        Arena arena;
        const std::string body = ask(Method::get, "/v1/log").body;
        for (const json::Value& entry : parse(body, arena)["rooms"]) {
            if (entry["room"].text().raw == room) {
                return std::string(entry["level"].text().raw) + " from " +
                       std::string(entry["from"].text().raw);
            }
        }
        return "nothing";
    }
};

TEST_F(AdminLog, TheConfigurationIsInForceAtOnce) {
    EXPECT_TRUE(log_is_on("net", LogLevel::debug));
    EXPECT_FALSE(log_is_on("health", LogLevel::warning));
    EXPECT_FALSE(log_is_on("server", LogLevel::info));
    EXPECT_TRUE(log_is_on("server", LogLevel::warning));
}

TEST_F(AdminLog, ARequestComesBeforeTheConfigurationAndARoomBeforeAll) {
    change(R"({"level":"info","rooms":{"net":"error","server":"debug"}})");
    EXPECT_EQ(told("net"), "error from request");
    EXPECT_EQ(told("server"), "debug from request");
    EXPECT_EQ(told("health"), "error from configuration");
    EXPECT_EQ(told("cache"), "info from common");
    EXPECT_TRUE(log_is_on("server", LogLevel::debug));
    EXPECT_TRUE(log_is_on("cache", LogLevel::info));
    EXPECT_FALSE(log_is_on("net", LogLevel::warning));
}

TEST_F(AdminLog, NullTakesBackWhatWasAskedFor) {
    change(R"({"level":"info","rooms":{"net":"error","server":"debug"}})");
    change(R"({"rooms":{"net":null}})");
    EXPECT_EQ(told("net"), "debug from configuration");
    EXPECT_EQ(told("server"), "debug from request") << "what is not named stays";
    change(R"({"level":null,"rooms":{"server":null}})");
    EXPECT_EQ(told("server"), "warning from common");
    EXPECT_FALSE(log_is_on("server", LogLevel::info));
}

TEST_F(AdminLog, AConfigurationTakesAllBack) {
    change(R"({"level":"debug","rooms":{"net":"error","server":"debug"}})");
    log_.configure(configured(LogLevel::error, {"cache:info"}));
    EXPECT_EQ(told("net"), "error from common");
    EXPECT_EQ(told("server"), "error from common");
    EXPECT_EQ(told("cache"), "info from configuration");
    EXPECT_FALSE(log_is_on(LogLevel::debug));
}

TEST_F(AdminLog, IsToldAsDescribed) {
    expect_as_described(ask(Method::get, "/v1/log"), Method::get, "/v1/log", 200);
    expect_as_described(ask(Method::patch, "/v1/log", R"({"level":"info"})"), Method::patch,
                        "/v1/log", 200);
    expect_as_described(ask(Method::patch, "/v1/log", "{}"), Method::patch, "/v1/log", 400);
    expect_as_described(ask(Method::get, "/v1/log?room=net"), Method::get, "/v1/log", 400);
}

TEST_F(AdminLog, WhatIsWrongChangesNothing) {
    struct Case {
        std::string_view body;
        std::string_view message;
    };
    constexpr Case kCases[] = {
        {"", "the body is no JSON object"},
        {"[]", "the body is no JSON object"},
        {"{}", "the body names neither a level nor a room"},
        {R"({"rooms":{}})", "the body names neither a level nor a room"},
        {R"({"rooms":[]})", "rooms must be an object of rooms and levels"},
        {R"({"rooms":null})", "rooms must be an object of rooms and levels"},
        {R"({"levels":"info"})", "the body may have level and rooms, and nothing else"},
        {R"({"level":"debgu"})",
         "level: expected one of debug, info, warning, error, or null; did you mean "
         "\\\"debug\\\"?"},
        {R"({"level":7})", "level: expected one of debug, info, warning, error, or null\""},
        {R"({"level":"debug","rooms":{"net":"loud"}})", "rooms.net: expected one of debug, info"},
        {R"({"level":"debug","rooms":{"server":"debug","nett":"debug"}})",
         "\\\"nett\\\" is no room of the log; did you mean \\\"net\\\"?"},
        {R"({"level":"debug","rooms":{"x\"y":"debug"}})",
         "is no room of the log; expected some of admin, "},
    };
    for (const Case& wrong : kCases) {
        const std::string body = change(wrong.body, 400);
        EXPECT_THAT(body, HasSubstr(wrong.message)) << wrong.body;
        EXPECT_THAT(body, HasSubstr("\"code\":\"invalid_log_levels\""));
        EXPECT_EQ(told("server"), "warning from common") << wrong.body;
    }
}

std::string body_of(const std::vector<std::string>& words) {
    const auto request = parse_log(words);
    return request ? request->method + " " + request->body : request.error();
}

TEST(LogCommand, MakesOneRequest) {
    EXPECT_EQ(body_of({}), "GET ");
    EXPECT_EQ(body_of({"debug"}), R"(PATCH {"level":"debug"})");
    EXPECT_EQ(body_of({"default"}), R"(PATCH {"level":null})");
    EXPECT_EQ(body_of({"net", "warning"}), R"(PATCH {"rooms":{"net":"warning"}})");
    EXPECT_EQ(body_of({"net", "--json", "default"}), R"(PATCH {"rooms":{"net":null}})");
    EXPECT_EQ(body_of({"a\"b", "info"}), R"(PATCH {"rooms":{"a\"b":"info"}})");
    const auto request = parse_log(std::vector<std::string>{"--admin=127.0.0.1:1", "-c", "x.toml"});
    ASSERT_TRUE(request);
    EXPECT_EQ(request->client.admin_address, "127.0.0.1:1");
    EXPECT_EQ(request->client.config_file, "x.toml");
    EXPECT_TRUE(parse_log(std::vector<std::string>{"loud", "--help"})->client.wants_help);
}

TEST(LogCommand, SaysWhatIsWrong) {
    EXPECT_EQ(body_of({"net"}),
              "log: \"net\" is no level; expected one of debug, info, warning, error, default");
    EXPECT_THAT(body_of({"net", "debgu"}), HasSubstr("did you mean \"debug\"?"));
    EXPECT_EQ(body_of({"net", "debug", "x"}), "log: unexpected argument \"x\"");
    EXPECT_EQ(body_of({"--jsn"}), "log: unknown option \"--jsn\"; did you mean \"--json\"?");
    EXPECT_EQ(body_of({"--colour"}),
              "log: unknown option \"--colour\"; `sluice log --help` lists all");
    EXPECT_EQ(body_of({"--admin"}), "log: --admin: the value is missing");
    EXPECT_EQ(body_of({"--json=1"}), "log: --json: has no value");
}

TEST(LogCommand, ShowsATable) {
    const auto table = log_table(R"({"level":"warning","configured_level":"info","rooms":[)"
                                 R"({"room":"admin","level":"warning","from":"common"},)"
                                 R"({"room":"net","level":"debug","from":"request"}]})");
    ASSERT_TRUE(table);
    EXPECT_EQ(*table,
              "common level warning, configured info\n\n"
              "room   level    from\n"
              "admin  warning  common\n"
              "net    debug    request\n");
    EXPECT_THAT(*log_table(R"({"level":"info","configured_level":"info","rooms":[]})"),
                StartsWith("common level info\n"));
    EXPECT_FALSE(log_table("no JSON"));
    EXPECT_FALSE(log_table("{}"));
}

}  // namespace

}  // namespace sluice::server
