// What llm-mock was asked to be. Filled from the command line once, then read by every shard.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"
#include "llm-kit/command_line.h"
#include "llm-kit/fault.h"
#include "llm-kit/pacer.h"

namespace sluice::llm_mock {

struct MockOptions {
    std::string host = "127.0.0.1";
    uint16_t port = 8000;
    uint32_t shards = 1;
    std::vector<uint32_t> cpus;
    std::string certificate_file;
    std::string private_key_file;

    llm_kit::Pace pace;  // Each request may change its own by x-mock-* header fields.
    uint32_t tokens = 64;
    uint32_t event_bytes = 0;
    bool stamps = false;
    std::vector<std::string> models = {"sluice-simulated"};
    uint64_t seed = 1;

    llm_kit::FaultSpec fault;
    double fault_fraction = 1;

    Duration idle_timeout = Duration::seconds(3600);
    uint32_t requests_per_connection_max = 0;
    bool tolerates_half_close = false;
    uint32_t records_max = 0;  // Requests kept for GET /mock/requests.
    uint32_t batch_us = 0;
    bool quiet = false;

    bool has_tls() const { return !certificate_file.empty(); }
};

llm_kit::CommandLine describe_command_line(MockOptions& options);

// Checks what the options mean together; returns what is wrong, or nothing.
std::string complete_options(const MockOptions& options);

}  // namespace sluice::llm_mock
