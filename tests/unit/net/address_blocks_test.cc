// Public or not: the first and last address of every block, their neighbours, and the forms that
// hide an IPv4 address.
#include <string>

#include "gtest/gtest.h"
#include "net/address.h"

namespace sluice::net {

namespace {

bool is_public(const std::string& host) {
    const auto address = Address::parse(host, 443);
    EXPECT_TRUE(address.has_value()) << host;
    return address && address->is_public();
}

TEST(AddressBlocks, FourByteBlocksBeginAndEndWhereTheyShould) {
    for (const char* host :
         {"0.0.0.0",         "0.255.255.255",   "10.0.0.0",        "10.255.255.255",
          "100.64.0.0",      "100.127.255.255", "127.0.0.1",       "127.255.255.255",
          "169.254.0.0",     "169.254.169.254", "169.254.255.255", "172.16.0.0",
          "172.31.255.255",  "192.0.0.0",       "192.0.0.255",     "192.0.2.1",
          "192.88.99.1",     "192.168.0.0",     "192.168.255.255", "198.18.0.0",
          "198.19.255.255",  "198.51.100.7",    "203.0.113.7",     "224.0.0.1",
          "239.255.255.255", "240.0.0.0",       "255.255.255.255"}) {
        EXPECT_FALSE(is_public(host)) << host;
    }
    for (const char* host : {"1.0.0.0",      "9.255.255.255",   "11.0.0.0",     "100.63.255.255",
                             "100.128.0.0",  "126.255.255.255", "128.0.0.0",    "169.253.255.255",
                             "169.255.0.0",  "172.15.255.255",  "172.32.0.0",   "192.0.1.0",
                             "192.0.3.0",    "192.88.98.255",   "192.88.100.0", "192.167.255.255",
                             "192.169.0.0",  "198.17.255.255",  "198.20.0.0",   "198.51.99.255",
                             "198.51.101.0", "203.0.112.255",   "203.0.114.0",  "223.255.255.255",
                             "8.8.8.8"}) {
        EXPECT_TRUE(is_public(host)) << host;
    }
}

TEST(AddressBlocks, OnlyGlobalUnicastIsPublicInIpv6) {
    for (const char* host :
         {"::", "::1", "100::1", "64:ff9b:1::1", "fc00::1", "fd12:3456::1", "fe80::1", "febf::1",
          "fec0::1", "ff02::1", "ff0e::1", "4000::1", "5f00::1", "2001::1", "2001:1ff:ffff::1",
          "2001:db8::1", "2001:db8:ffff::1", "3fff::1", "3fff:fff:ffff::1"}) {
        EXPECT_FALSE(is_public(host)) << host;
    }
    for (const char* host :
         {"2000::1", "2001:200::1", "2001:4860:4860::8888", "2001:db7::1", "2001:db9::1",
          "2606:4700::1111", "2a00::1", "3ffe::1", "3fff:1000::1"}) {
        EXPECT_TRUE(is_public(host)) << host;
    }
}

TEST(AddressBlocks, AnAddressInsideAnotherDecides) {
    for (const std::string inside : {"127.0.0.1", "10.1.2.3", "169.254.169.254", "192.168.0.1",
                                     "100.64.0.1", "0.0.0.0", "255.255.255.255"}) {
        EXPECT_FALSE(is_public("::ffff:" + inside)) << inside;
        EXPECT_FALSE(is_public("64:ff9b::" + inside)) << inside;
        EXPECT_FALSE(is_public("::" + inside)) << inside;
    }
    EXPECT_TRUE(is_public("::ffff:8.8.8.8"));
    EXPECT_TRUE(is_public("64:ff9b::8.8.8.8"));
    // IPv4-compatible addresses lead nowhere any more (RFC 4291 section 2.5.5.1).
    EXPECT_FALSE(is_public("::8.8.8.8"));
    EXPECT_FALSE(is_public("::ffff:0:8.8.8.8"));  // Translated by RFC 2765, obsolete.
    EXPECT_FALSE(is_public("2002:7f00:1::1"));
    EXPECT_FALSE(is_public("2002:a9fe:a9fe::1"));
    EXPECT_FALSE(is_public("2002:c0a8:1::1"));
    EXPECT_TRUE(is_public("2002:808:808::1"));
}

TEST(AddressBlocks, NothingIsNotPublic) {
    EXPECT_FALSE(Address().is_public());
}

}  // namespace

}  // namespace sluice::net
