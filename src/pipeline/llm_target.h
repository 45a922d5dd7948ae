// LlmTarget: a configured upstream that the gateway itself asks something, not for a client's
// route. Holds its upstream; one shard.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/local_ptr.h"
#include "upstream/upstream.h"

namespace sluice::pipeline {

class Service;

struct LlmTarget {
    std::string_view name;  // Of the configuration, which outlives it.
    LocalPtr<upstream::Upstream> upstream;
    const Service* service = nullptr;  // Of the snapshot.
    uint32_t index = 0;                // In the order of the configuration.
};

}  // namespace sluice::pipeline
