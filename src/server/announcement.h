// What is printed when the gateway has started: where it listens, what it serves, and what is off.
// Text only; the process prints it.
#pragma once

#include <string>
#include <string_view>

#include "config/config.h"
#include "net/address.h"

namespace sluice::server {

struct Started {
    const config::Config& config;
    const net::Address& address;
    std::string_view source;  // Of the configuration.
    bool has_config_file = false;
    // Where the admin API listens, or why it does not.
    std::string_view admin;
};

std::string announcement(const Started& started);

}  // namespace sluice::server
