// LlmTarget: a configured upstream that is asked something, and what it calls the model. Holds its
// upstream; one shard.
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
    // What this target calls every model; empty leaves it to the upstream's own list of names.
    std::string_view model = {};

    std::string_view model_for(std::string_view asked) const {
        return model.empty() ? upstream->model_for(asked) : model;
    }
};

}  // namespace sluice::pipeline
