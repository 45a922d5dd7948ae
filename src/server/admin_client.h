// One request to the admin API of a running gateway, for the command line.
//
// Blocks, within limits of time and size; knows as much of HTTP as the gateway answers with.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "base/secret.h"
#include "net/endpoint.h"

namespace sluice::server {

struct AdminReply {
    uint16_t status = 0;
    std::string body;
};

// The error is the reason, for a person.
std::expected<AdminReply, std::string> ask_admin(const net::Endpoint& endpoint,
                                                 const Secret& token,
                                                 std::string_view method,
                                                 std::string_view path,
                                                 std::string_view body = "");

// The reply in these bytes, from the first one to the end of the connection.
std::expected<AdminReply, std::string> parse_admin_reply(std::string_view bytes);

}  // namespace sluice::server
