// How far credentials with an end are on their way to it. Pure; the times are the provider's.
#pragma once

#include <cstdint>

namespace sluice::providers {

enum class CredentialStage : uint8_t {
    fresh,
    ageing,  // New ones may be fetched beside the work.
    stale,   // New ones must be fetched first.
};

}  // namespace sluice::providers
