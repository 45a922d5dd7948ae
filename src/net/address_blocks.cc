// Which addresses are public: the special-purpose registries of RFC 6890 as tables.
//
// IPv6 is public only inside the one block that is assigned for global unicast, so whatever lies
// elsewhere needs no line. Forms that carry an IPv4 address inside are as public as that one: a
// translator on the way would deliver there. One with a prefix of a network's own (RFC 6052) looks
// like any other address and cannot be told.
#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <string_view>

#include <netinet/in.h>
#include <sys/socket.h>

#include "net/address.h"

namespace sluice::net {

namespace {

constexpr uint32_t v4(uint32_t a, uint32_t b, uint32_t c = 0, uint32_t d = 0) {
    return a << 24U | b << 16U | c << 8U | d;
}

template <class Bits>
struct Block {
    Bits prefix;
    unsigned prefix_bits;
    std::string_view name;

    constexpr bool has(Bits address) const {
        return (address ^ prefix) >> (sizeof(Bits) * 8 - prefix_bits) == 0;
    }
};

constexpr Block<uint32_t> kNotPublicV4[] = {
    {v4(0, 0), 8, "this network, and the unspecified address (RFC 1122)"},
    {v4(10, 0), 8, "private (RFC 1918)"},
    {v4(100, 64), 10, "shared by carriers' NATs (RFC 6598)"},
    {v4(127, 0), 8, "loopback (RFC 1122)"},
    {v4(169, 254), 16, "link-local, and clouds' metadata (RFC 3927)"},
    {v4(172, 16), 12, "private (RFC 1918)"},
    {v4(192, 0, 0), 24, "protocol assignments (RFC 6890)"},
    {v4(192, 0, 2), 24, "documentation (RFC 5737)"},
    {v4(192, 88, 99), 24, "relays of 6to4, abandoned (RFC 7526)"},
    {v4(192, 168), 16, "private (RFC 1918)"},
    {v4(198, 18), 15, "benchmarks (RFC 2544)"},
    {v4(198, 51, 100), 24, "documentation (RFC 5737)"},
    {v4(203, 0, 113), 24, "documentation (RFC 5737)"},
    {v4(224, 0), 4, "multicast (RFC 5771)"},
    {v4(240, 0), 4, "reserved, and broadcast (RFC 1112, RFC 919)"},
};

// By their upper halves.
constexpr Block<uint64_t> kGlobalUnicast = {0x2000'0000'0000'0000, 3, "global unicast (RFC 4291)"};
constexpr Block<uint64_t> kNotPublicV6[] = {
    {0x2001'0000'0000'0000, 23, "protocol assignments, Teredo among them (RFC 2928, RFC 4380)"},
    {0x2001'0db8'0000'0000, 32, "documentation (RFC 3849)"},
    {0x3fff'0000'0000'0000, 20, "documentation (RFC 9637)"},
};
constexpr Block<uint64_t> k6to4 = {0x2002'0000'0000'0000, 16, "6to4 (RFC 3056)"};

// What precedes an IPv4 address in the last four bytes.
constexpr uint64_t kNat64High = 0x0064'ff9b'0000'0000;  // RFC 6052
constexpr uint32_t kMappedMiddle = 0x0000'ffff;         // RFC 4291, after a half of zeros.

template <class T>
T big_endian(const unsigned char* from) {
    T value = 0;
    std::memcpy(&value, from, sizeof value);
    return std::endian::native == std::endian::little ? std::byteswap(value) : value;
}

bool is_public_v4(uint32_t address) {
    return std::none_of(std::begin(kNotPublicV4), std::end(kNotPublicV4),
                        [&](const auto& block) { return block.has(address); });
}

bool is_public_v6(const in6_addr& address) {
    const unsigned char* const bytes = address.s6_addr;
    const auto high = big_endian<uint64_t>(bytes);
    const auto middle = big_endian<uint32_t>(bytes + 8);
    const auto low = big_endian<uint32_t>(bytes + 12);
    const bool is_mapped = high == 0 && middle == kMappedMiddle;
    const bool is_nat64 = high == kNat64High && middle == 0;
    if (is_mapped || is_nat64) {
        return is_public_v4(low);
    }
    if (k6to4.has(high)) {
        return is_public_v4(static_cast<uint32_t>(high >> 16U));
    }
    return kGlobalUnicast.has(high) &&
           std::none_of(std::begin(kNotPublicV6), std::end(kNotPublicV6),
                        [&](const auto& block) { return block.has(high); });
}

}  // namespace

bool Address::is_public() const {
    if (family() == AF_INET6) {
        return is_public_v6(storage_.v6.sin6_addr);
    }
    return family() == AF_INET && is_public_v4(ntohl(storage_.v4.sin_addr.s_addr));
}

bool Address::is_loopback() const {
    if (family() == AF_INET6) {
        const in6_addr& address = storage_.v6.sin6_addr;
        return IN6_IS_ADDR_LOOPBACK(&address) ||
               (IN6_IS_ADDR_V4MAPPED(&address) && address.s6_addr[12] == 127);
    }
    return family() == AF_INET && ntohl(storage_.v4.sin_addr.s_addr) >> 24U == 127;
}

}  // namespace sluice::net
