// Who is let in: tokens, hosts and origins, for each way of listening.
#include "server/admin_access.h"

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/secret.h"
#include "http/header_map.h"
#include "http/message.h"

namespace sluice::server {

namespace {

using Fields = std::vector<std::pair<std::string_view, std::string_view>>;

// The code of the refusal; "" when there is none.
std::string_view refusal(AdminReach reach,
                         std::string_view token,
                         std::string_view authority,
                         const Fields& fields = {}) {
    std::array<http::HeaderField, 8> storage;
    http::RequestHead head;
    head.authority = authority;
    head.headers = http::HeaderMap(storage);
    for (const auto& [name, value] : fields) {
        EXPECT_TRUE(head.headers.add(name, value));
    }
    const auto refused = check_admin_access(head, reach, Secret(token));
    return refused ? refused->code : "";
}

TEST(AdminAccess, WantsTheToken) {
    for (const AdminReach reach :
         {AdminReach::unix_socket, AdminReach::loopback, AdminReach::network}) {
        const auto with = [reach](std::string_view value) {
            return refusal(reach, "t0k3n", "admin.example", {{"authorization", value}});
        };
        EXPECT_EQ(with("Bearer t0k3n"), "");
        EXPECT_EQ(with("bearer t0k3n"), "");
        for (const std::string_view wrong :
             {"Bearer t0k3", "Bearer t0k3n1", "Bearer", "Bearer ", "Basic t0k3n", "t0k3n", ""}) {
            EXPECT_EQ(with(wrong), "unauthorized") << wrong;
        }
        EXPECT_EQ(refusal(reach, "t0k3n", "localhost"), "unauthorized");
    }
}

TEST(AdminAccess, RefusesTheNetworkWithoutAToken) {
    EXPECT_EQ(refusal(AdminReach::network, "", "localhost"), "unauthorized");
    EXPECT_EQ(refusal(AdminReach::network, "", "localhost", {{"authorization", "Bearer "}}),
              "unauthorized");
}

TEST(AdminAccess, TakesOnlyThisMachinesNamesOnLoopback) {
    for (const std::string_view ours : {"localhost", "LOCALHOST:3001", "127.0.0.1",
                                        "127.0.0.1:3001", "127.1.2.3:1", "[::1]", "[::1]:3001"}) {
        EXPECT_EQ(refusal(AdminReach::loopback, "", ours), "") << ours;
    }
    for (const std::string_view foreign :
         {"", "evil.example", "evil.example:3001", "localhost.evil.example",
          "127.0.0.1.evil.example", "10.0.0.1:3001", "0.0.0.0:3001", "[::2]:3001",
          "localhost@evil.example", ":3001"}) {
        EXPECT_EQ(refusal(AdminReach::loopback, "", foreign), "foreign_host") << foreign;
    }
}

TEST(AdminAccess, RefusesPagesOfOtherOrigins) {
    const auto from = [](std::string_view origin) {
        return refusal(AdminReach::loopback, "", "127.0.0.1:3001", {{"origin", origin}});
    };
    EXPECT_EQ(from("http://127.0.0.1:3001"), "");
    for (const std::string_view foreign :
         {"https://evil.example", "http://127.0.0.1:3000", "http://127.0.0.1", "null", "",
          "https://127.0.0.1:3001", "http://localhost:3001"}) {
        EXPECT_EQ(from(foreign), "foreign_origin") << foreign;
    }
}

TEST(AdminAccess, LeavesAUnixSocketToItsFile) {
    EXPECT_EQ(refusal(AdminReach::unix_socket, "", "anything", {{"origin", "null"}}), "");
}

}  // namespace

}  // namespace sluice::server
