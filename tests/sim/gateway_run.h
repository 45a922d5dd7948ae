// One seed of the gateway simulation: a drawn world, a whole gateway, clients, upstreams, and what
// must hold for all of them.
#pragma once

#include <cstdint>

#include "sim/run_result.h"

namespace sluice::sim {

// Ways to be wrong that somebody built in, to see whether they are found. They stand where the
// gateway's bytes pass, so that they look as if the gateway had done it.
enum class GatewayBug : uint8_t {
    none,
    loses_an_event,
    doubles_an_event,
    mixes_two_answers,
    completes_what_was_cut,  // A last chunk, and a [DONE], for a stream that had none.
    drops_the_error_event,
    sends_twice,  // The upstream gets a request again.
    reuses_after_error,
    leaks_the_clients_key,
    leaks_the_upstreams_key,
    notices_no_leaving,  // A client's end reaches the gateway late.
    never_answers,
    leaks_a_descriptor,
    ends_an_exchange_twice,
    tells_an_error_as_another,
    loses_models,
    leaks_a_slot,  // Of a concurrency limit.
};
inline constexpr uint8_t kGatewayBugs = 17;
const char* gateway_bug_name(GatewayBug bug);

RunResult run_gateway(uint64_t seed, GatewayBug bug = GatewayBug::none);

}  // namespace sluice::sim
