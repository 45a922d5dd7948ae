// What an inference engine says of its own queue, read from its metrics in Prometheus' text format.
//
// Engines have names of their own for the same three numbers: requests that wait, requests that
// run, and the share of its memory for contexts that is in use. Pure; the text comes from the
// network and may be anything.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice::providers {

struct EngineLoad {
    uint32_t waiting = 0;
    uint32_t running = 0;
    double kv_share = 0;  // Of 0 to 1.

    bool operator==(const EngineLoad&) const = default;
};

// Of all models and ranks behind the address together; of the share, the largest. Nothing when the
// text has neither a number of waiting nor one of running requests.
std::optional<EngineLoad> read_engine_load(std::string_view metrics);

}  // namespace sluice::providers
