// Lists of models in a simulated gateway: what its upstreams say that they have, and what the
// gateway, where it answers by itself, must make of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/prng.h"
#include "config/config.h"
#include "sim/gateway_plan.h"
#include "sim/upstream_actor.h"

namespace sluice::sim {

// The target of the requests by which the gateway asks, and the one by which it relays.
inline constexpr const char* kListTarget = "/api/models";

// What a client may get for /v1/models: first the list of everything, then those that lack what
// one upstream or another did not say. Empty where the request is relayed.
std::vector<std::string> merged_lists(const config::Config& config);

// The answer of an upstream to the gateway's own question; only a good one may be passed on.
UpstreamAnswer draw_list_answer(Prng& prng,
                                const PlanLimits& limits,
                                uint32_t upstream,
                                bool may_be_bad);

}  // namespace sluice::sim
