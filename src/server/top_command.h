// `sluice top`: what a running gateway does, as a picture that is drawn again every second.
#pragma once

#include <expected>
#include <span>
#include <string>

#include "base/time.h"
#include "config/environment.h"
#include "server/cli.h"
#include "server/client_options.h"
#include "server/top_facts.h"

namespace sluice::server {

struct TopRequest {
    Duration interval = Duration::seconds(1);
    bool once = false;
    TopSort sort = TopSort::name;
    ClientOptions client;
};

// The error is one line.
std::expected<TopRequest, std::string> parse_top(std::span<const std::string> arguments);

// Unless it shows one picture, it prints on standard output itself, until it is ended.
CommandOutput run_top(const CommandLine& line, const config::Environment& environment);

}  // namespace sluice::server
