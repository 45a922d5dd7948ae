// Snapshot: a Config that nobody can change any more, with the number of the load it came from.
//
// A reload builds a new one and sends it to each shard by mailbox. A shard keeps one reference;
// exchanges count themselves locally on the shard's and keep the one they began with, so that the
// shared count is touched once per shard and reload, never per request.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "config/config.h"

namespace sluice::config {

struct Snapshot {
    std::shared_ptr<const Config> config;
    uint64_t generation = 0;  // 1 is the configuration of the start.
};

inline Snapshot make_snapshot(Config config, uint64_t generation) {
    return {std::make_shared<const Config>(std::move(config)), generation};
}

}  // namespace sluice::config
