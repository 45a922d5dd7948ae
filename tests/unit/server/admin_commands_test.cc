// What the command line makes of the admin API's answers.
#include "server/admin_commands.h"

#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/admin_client.h"
#include "unit/config/helpers.h"

namespace sluice::server {

namespace {

using testing::HasSubstr;

TEST(AdminClient, ReadsAWholeAnswer) {
    const auto reply = parse_admin_reply(
        "HTTP/1.1 409 Conflict\r\nContent-Type: application/json\r\ncontent-length: 2\r\n\r\n{}");
    ASSERT_TRUE(reply) << reply.error();
    EXPECT_EQ(reply->status, 409);
    EXPECT_EQ(reply->body, "{}");
}

TEST(AdminClient, RefusesWhatIsNone) {
    for (const std::string_view bytes :
         {"", "SSH-2.0-OpenSSH_9.2\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 2",
          "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n{}",
          "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n{}", "HTTP/1.1 2x0 OK\r\n\r\n"}) {
        EXPECT_FALSE(parse_admin_reply(bytes)) << bytes;
    }
}

constexpr std::string_view kStats =
    R"({"uptime_seconds":12.5,"in_flight":2,"requests":10,"failures":1,"error_rate":0.1,)"
    R"("latency_ms":{"average":5,"p50":4,"p90":8,"p99":9},)"
    R"("time_to_first_token_ms":{"average":2,"p50":1,"p90":3,"p99":3},)"
    R"("tokens":{"prompt":70,"cached":0,"completion":80,"reasoning":0},"routes":[{"route":"/v1",)"
    R"("requests":9,"failures":1,"error_rate":0.1111,"latency_ms":{"average":5.25,"p50":4}}],)"
    R"("upstreams":[]})";

TEST(StatsTable, HasALineForEach) {
    const auto table = stats_table(kStats);
    ASSERT_TRUE(table) << table.error();
    EXPECT_THAT(*table, HasSubstr("up 12 s, 2 in flight\n"));
    EXPECT_THAT(*table,
                HasSubstr("/v1                                9        1  11.11%       5.2"));
    EXPECT_THAT(*table, HasSubstr("\nall                               10        1  10.00%"));
    EXPECT_FALSE(stats_table("{}"));
    EXPECT_FALSE(stats_table("no JSON"));
}

CommandOutput run(std::vector<const char*> arguments, const config::Variables& variables = {}) {
    const config::Environment environment = config::environment_of_map(variables);
    const auto line = parse_command_line(arguments, environment);
    EXPECT_TRUE(line) << line.error();
    return line ? run_command(*line, environment) : CommandOutput{};
}

TEST(AdminCommands, SayWhomTheyCannotReach) {
    const CommandOutput off = run({"stats"}, {{"SLUICE_ADMIN_LISTEN", "off"}});
    EXPECT_EQ(off.exit_code, kExitFailure);
    EXPECT_THAT(off.standard_error, HasSubstr("expected --admin ADDRESS"));
    const CommandOutput wrong = run({"reload", "--admin", "nowhere"});
    EXPECT_EQ(wrong.exit_code, kExitFailure);
    EXPECT_THAT(wrong.standard_error, HasSubstr("\"nowhere\" is no address with a port"));
    const config::TemporaryFolder folder;
    const std::string absent = "unix:" + folder.path("none.sock");
    const CommandOutput none = run({"stats", "--admin", absent.c_str()});
    EXPECT_EQ(none.exit_code, kExitFailure);
    EXPECT_THAT(none.standard_error, HasSubstr("none.sock: connecting: No such file"));
}

}  // namespace

}  // namespace sluice::server
