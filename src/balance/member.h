// Member: one endpoint of a pool, as whoever knows the fleet names it: a file, DNS, Kubernetes. A
// plain value; what becomes of it is server/membership.h's business.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace sluice::balance {

struct Member {
    std::string address = {};  // host:port, as it stands in a URL.
    // Which of those that had the address, one after the other; empty when the source cannot tell.
    std::string instance = {};
    // Instead of those that the pool has for its members.
    std::optional<uint32_t> weight = {};
    std::optional<uint32_t> priority = {};

    bool operator==(const Member&) const = default;
};

}  // namespace sluice::balance
