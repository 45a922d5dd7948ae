// Addresses: literals only, both families, and back to text.
#include "net/address.h"

#include <optional>
#include <string>
#include <string_view>

#include <sys/socket.h>

#include "gtest/gtest.h"

namespace sluice::net {

namespace {

TEST(Address, ReadsLiteralsOfBothFamilies) {
    const auto v4 = Address::parse("192.0.2.7", 80);
    ASSERT_TRUE(v4.has_value());
    EXPECT_EQ(v4->family(), AF_INET);
    EXPECT_EQ(v4->port(), 80);
    EXPECT_EQ(v4->to_string(), "192.0.2.7:80");
    for (const char* host : {"2001:db8::1", "[2001:db8::1]"}) {
        const auto v6 = Address::parse(host, 443);
        ASSERT_TRUE(v6.has_value());
        EXPECT_EQ(v6->family(), AF_INET6);
        EXPECT_EQ(v6->to_string(), "[2001:db8::1]:443");
        EXPECT_EQ(v6->host(), "2001:db8::1");
    }
}

TEST(Address, RefusesWhatIsNoLiteral) {
    for (const char* host :
         {"", "[]", "localhost", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.4 ",
          "[1.2.3.4", "::g", "[::1", "::1]", "0x7f.1", "1.2.3.4\n"}) {
        EXPECT_EQ(Address::parse(host, 1), std::nullopt) << host;
    }
    EXPECT_EQ(Address::parse(std::string_view("127.0.0.1\0x", 11), 1), std::nullopt);
    EXPECT_EQ(Address::parse(std::string(100, '1'), 1), std::nullopt);
}

TEST(Address, ComparesAllParts) {
    const Address one = Address::loopback(1);
    EXPECT_EQ(one, *Address::parse("127.0.0.1", 1));
    EXPECT_FALSE(one == Address::loopback(2));
    EXPECT_FALSE(one == *Address::parse("127.0.0.2", 1));
    EXPECT_FALSE(one == *Address::parse("::1", 1));
    EXPECT_FALSE(one == Address());
    EXPECT_EQ(Address(), Address());
}

TEST(Address, TakesWhatTheSystemReturned) {
    const Address original = *Address::parse("::1", 8080);
    const Address copy(original.data(), original.length());
    EXPECT_EQ(copy, original);
    EXPECT_TRUE(copy.is_set());
    EXPECT_FALSE(Address().is_set());
    EXPECT_EQ(Address().host(), "");
}

TEST(Address, ThePortCanBeSet) {
    for (const char* host : {"127.0.0.1", "::1"}) {
        Address address = *Address::parse(host, 0);
        address.set_port(65535);
        EXPECT_EQ(address.port(), 65535);
    }
}

}  // namespace

}  // namespace sluice::net
