// Endpoint: where the admin API listens, or is reached: an address with its port, or the path of a
// unix socket. A value; kept apart from Address, which every connection carries and which must stay
// small.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "net/address.h"

namespace sluice::net {

struct Endpoint {
    std::string unix_path;  // Empty: `address` counts.
    Address address;

    // "127.0.0.1:3001", "[::1]:3001", "localhost:3001" or "unix:/path"; nullopt for anything else.
    static std::optional<Endpoint> parse(std::string_view text);

    bool is_unix() const { return !unix_path.empty(); }
    // Whether only this machine can reach it.
    bool is_local() const { return is_unix() || address.is_loopback(); }
    // As parse() takes it.
    std::string to_string() const;
};

}  // namespace sluice::net
