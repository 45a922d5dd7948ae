// A DNS message that answers a question for SRV records (RFC 2782), as bytes from the network.
//
// Pure: c-ares checks that the message answers the question and hands it over as it came.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::net {

// One server of a service.
struct ServiceRecord {
    std::string host;  // Without a dot at its end.
    uint16_t port = 0;
    uint16_t priority = 0;
    uint16_t weight = 0;

    bool operator==(const ServiceRecord&) const = default;
};

struct SrvReply {
    // Those that name a server: a target of "." says that there is none.
    std::vector<ServiceRecord> records;
    uint32_t ttl_s = UINT32_MAX;  // The least of all records of the answer.
};

// Nothing when the message is malformed. What is beyond `records_max` is dropped.
std::optional<SrvReply> parse_srv_reply(std::string_view message, size_t records_max);

}  // namespace sluice::net
