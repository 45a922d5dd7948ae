// Endpoints from text: what is taken, what is refused, and which of them are local.
#include "net/endpoint.h"

#include <string>
#include <string_view>

#include "gtest/gtest.h"

namespace sluice::net {

namespace {

TEST(Endpoint, ReadsAddressesAndPaths) {
    for (const std::string_view text :
         {"127.0.0.1:3001", "[::1]:3001", "0.0.0.0:0", "unix:/run/sluice.sock", "unix:here"}) {
        const auto endpoint = Endpoint::parse(text);
        ASSERT_TRUE(endpoint) << text;
        EXPECT_EQ(endpoint->to_string(), text);
    }
    EXPECT_EQ(Endpoint::parse("LocalHost:80").value().to_string(), "127.0.0.1:80");
}

TEST(Endpoint, RefusesWhatIsNeither) {
    for (const std::string_view text :
         {"", "off", "3001", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536",
          "127.0.0.1:-1", "::1:3001", "example.org:80", "unix:", "http://127.0.0.1:80"}) {
        EXPECT_FALSE(Endpoint::parse(text)) << text;
    }
    EXPECT_TRUE(Endpoint::parse("unix:" + std::string(107, 'a')));
    EXPECT_FALSE(Endpoint::parse("unix:" + std::string(108, 'a')));
}

TEST(Endpoint, KnowsWhatOnlyThisMachineReaches) {
    for (const std::string_view text :
         {"127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1", "unix:/a"}) {
        EXPECT_TRUE(Endpoint::parse(text).value().is_local()) << text;
    }
    for (const std::string_view text : {"0.0.0.0:1", "10.0.0.1:1", "128.0.0.1:1", "[::]:1",
                                        "[::ffff:10.0.0.1]:1", "[fe80::1]:1"}) {
        EXPECT_FALSE(Endpoint::parse(text).value().is_local()) << text;
    }
}

}  // namespace

}  // namespace sluice::net
