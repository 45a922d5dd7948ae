// What a failure is: to the rules about where a request goes next, and to the record of its target.
//
// An attempt fails with an Error of ours, or with what its target said, a ProviderError, which then
// decides. Pure.
#pragma once

#include <cstdint>

#include "balance/charge.h"
#include "base/error.h"
#include "providers/provider_error.h"

namespace sluice::pipeline {

// What a failure is to the rules about where a request goes next.
enum class FailureClass : uint8_t {
    none,        // Nobody else would do better.
    throttled,   // 429, or overloaded
    server,      // 500 and above, or a reply that broke
    timeout,     // nothing came for too long
    connection,  // refused, reset, DNS, TLS
    credential,  // 401, 402, 403
    model,       // It does not have the model.
    too_long,    // for the target's context
    filtered,    // The target refuses the content.
};

// `refusal`: what the target said; null when it said nothing.
FailureClass failure_class(const Error& error, const providers::ProviderError* refusal);

// What an attempt that ended with `error`, which is one, says of its target.
balance::Outcome outcome_of_failure(const Error& error, const providers::ProviderError* refusal);

}  // namespace sluice::pipeline
