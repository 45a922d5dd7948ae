// What llm-load was asked to do. Filled from the command line once, then read by every shard.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "llm-kit/command_line.h"
#include "llm-kit/distribution.h"
#include "net/address.h"
#include "providers/simulated_llm.h"

namespace sluice::llm_load {

// How strictly answers are compared.
enum class Verify : uint8_t {
    exact,  // Every byte, against the answer that the mock and the simulated provider give.
    shape,  // Status, whole framing, whole events, [DONE] at the end: for servers we do not know.
    none,
};
inline constexpr std::string_view kVerifyNames[] = {"exact", "shape", "none"};

// Kernels queue some thousand connections that were not accepted yet; what is beyond waits a
// second.
inline constexpr Duration kRampPerConnection = Duration::microseconds(100);

// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): in the order of --help; there is one.
struct LoadOptions {
    // Where to.
    std::string url;
    net::Address target;
    std::string host;       // For TLS.
    std::string authority;  // As it stands in the Host field.
    std::string path;
    bool tls = false;
    std::string tls_ca_file;
    bool tls_insecure = false;
    bool has_full_handshakes = false;
    std::vector<net::Address> sources;  // Empty: the system chooses.

    // How much, how fast.
    uint32_t connections = 1;
    uint64_t requests_max = 0;  // 0: until the duration is over.
    Duration duration;
    double rate_per_second = 0;  // Above 0: open loop.
    llm_kit::Arrivals::Kind arrivals = llm_kit::Arrivals::Kind::poisson;
    std::optional<Duration> ramp;  // None: kRampPerConnection each.
    Duration warmup;
    Duration drain = Duration::seconds(30);
    Duration request_timeout = Duration::seconds(60);
    Duration hold;  // Above 0: one request for each connection, then all stay open that long.
    bool new_connections = false;

    // What.
    providers::SimulatedEndpoint endpoint = providers::SimulatedEndpoint::chat;
    std::string model = "sluice-simulated";
    bool stream = false;
    bool include_usage = false;
    uint32_t tokens = 16;
    uint64_t prompt_bytes = 64;
    uint32_t prompts = 16;
    std::vector<std::string> headers;
    std::string body_file;
    uint32_t event_bytes = 0;

    // Leaving early.
    std::optional<uint32_t> abort_after_events;
    Duration abort_after;
    double abort_fraction = 1;

    // Judging and telling.
    Verify verify = Verify::exact;
    uint32_t expected_status = 200;
    bool has_own_ids = false;  // The answers' ids and times are not the mock's.
    std::string answer_model;  // What the answers say, where a gateway renames the model.
    bool stamps = false;
    bool allow_errors = false;
    std::string json_file;
    bool quiet = false;

    // The generator itself.
    uint32_t shards = 1;
    std::vector<uint32_t> cpus;
    uint64_t seed = 1;
    uint32_t batch_us = 0;

    bool is_open_loop() const { return rate_per_second > 0; }
    bool may_abort() const { return abort_after_events.has_value() || abort_after.ns() > 0; }
};

// `options` outlives the command line, which points into it.
llm_kit::CommandLine describe_command_line(LoadOptions& options);

// Checks what the options mean together and fills in what follows from the URL. Returns what is
// wrong, or nothing.
std::string complete_options(LoadOptions& options, std::span<const std::string_view> operands);

}  // namespace sluice::llm_load
