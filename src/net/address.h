// Address: an IPv4 or IPv6 socket address as a value. No names are resolved here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <netinet/in.h>
#include <sys/socket.h>

namespace sluice::net {

class Address {
public:
    Address() = default;
    // From what the system returned; not set for families other than IPv4 and IPv6.
    Address(const sockaddr* address, socklen_t length);

    // "127.0.0.1", "::1" or "[::1]"; nullopt when it is not a literal address.
    static std::optional<Address> parse(std::string_view host, uint16_t port);
    static Address loopback(uint16_t port);

    // Where the system may write an address of this family.
    sockaddr* storage_for(int family);

    const sockaddr* data() const { return &storage_.any; }
    socklen_t length() const { return length_; }
    int family() const { return storage_.any.sa_family; }
    bool is_set() const { return length_ != 0; }
    uint16_t port() const;
    void set_port(uint16_t port);

    // "127.0.0.1:3000", "[::1]:3000"
    std::string to_string() const;
    static constexpr size_t kTextBytesMax = 64;
    // The same without an allocation; a view of what was written.
    std::string_view write_to(std::span<char, kTextBytesMax> to) const;
    // The host part alone, without brackets.
    std::string host() const;

    // Whether it is a unicast address of the public internet: neither this machine's nor one of a
    // private network, and none that only leads to such a one (net/address_blocks.cc).
    bool is_public() const;

    // Whether it is this machine's own (127.0.0.0/8, ::1, and the former inside IPv6).
    bool is_loopback() const;

    bool operator==(const Address& other) const;

private:
    union Storage {
        sockaddr any;
        sockaddr_in v4;
        sockaddr_in6 v6;
    };
    Storage storage_ = {};
    socklen_t length_ = 0;
};

}  // namespace sluice::net
