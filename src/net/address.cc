// Text to address and back, by inet_pton and inet_ntop.
#include "net/address.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <arpa/inet.h>

namespace sluice::net {

Address::Address(const sockaddr* address, socklen_t length)
    : length_(std::min<socklen_t>(length, sizeof storage_)) {
    if (address->sa_family == AF_INET || address->sa_family == AF_INET6) {
        std::memcpy(&storage_, address, length_);
    } else {
        length_ = 0;
    }
}

std::optional<Address> Address::parse(std::string_view host, uint16_t port) {
    if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
        host = host.substr(1, host.size() - 2);
    }
    char text[INET6_ADDRSTRLEN];
    if (host.empty() || host.size() >= sizeof text || host.find('\0') != std::string_view::npos) {
        return std::nullopt;
    }
    std::memcpy(text, host.data(), host.size());
    text[host.size()] = '\0';
    Address address;
    if (::inet_pton(AF_INET, text, &address.storage_.v4.sin_addr) == 1) {
        address.storage_.v4.sin_family = AF_INET;
        address.length_ = sizeof(sockaddr_in);
    } else if (::inet_pton(AF_INET6, text, &address.storage_.v6.sin6_addr) == 1) {
        address.storage_.v6.sin6_family = AF_INET6;
        address.length_ = sizeof(sockaddr_in6);
    } else {
        return std::nullopt;
    }
    address.set_port(port);
    return address;
}

sockaddr* Address::storage_for(int family) {
    storage_ = {};
    length_ = family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
    return &storage_.any;
}

Address Address::loopback(uint16_t port) {
    return parse("127.0.0.1", port).value_or(Address());
}

uint16_t Address::port() const {
    return ntohs(family() == AF_INET6 ? storage_.v6.sin6_port : storage_.v4.sin_port);
}

void Address::set_port(uint16_t port) {
    if (family() == AF_INET6) {
        storage_.v6.sin6_port = htons(port);
    } else {
        storage_.v4.sin_port = htons(port);
    }
}

std::string Address::host() const {
    char text[INET6_ADDRSTRLEN] = "";
    if (family() == AF_INET) {
        ::inet_ntop(AF_INET, &storage_.v4.sin_addr, text, sizeof text);
    } else if (family() == AF_INET6) {
        ::inet_ntop(AF_INET6, &storage_.v6.sin6_addr, text, sizeof text);
    }
    return text;
}

std::string Address::to_string() const {
    std::array<char, kTextBytesMax> text;
    return std::string(write_to(text));
}

std::string_view Address::write_to(std::span<char, kTextBytesMax> to) const {
    char* at = to.data();
    char* const end = at + to.size();
    if (family() == AF_INET6) {
        *at++ = '[';
        if (::inet_ntop(AF_INET6, &storage_.v6.sin6_addr, at, INET6_ADDRSTRLEN) == nullptr) {
            return {};
        }
        at += std::strlen(at);
        *at++ = ']';
    } else {
        // inet_ntop() goes through printf().
        unsigned char bytes[4];
        std::memcpy(bytes, &storage_.v4.sin_addr, sizeof bytes);
        for (size_t i = 0; i < sizeof bytes; ++i) {
            if (i > 0) {
                *at++ = '.';
            }
            at = std::to_chars(at, end, bytes[i]).ptr;
        }
    }
    *at++ = ':';
    at = std::to_chars(at, end, port()).ptr;
    return {to.data(), at};
}

bool Address::operator==(const Address& other) const {
    return length_ == other.length_ && std::memcmp(&storage_, &other.storage_, length_) == 0;
}

}  // namespace sluice::net
