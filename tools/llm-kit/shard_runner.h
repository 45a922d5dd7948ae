// run_shards: a program that is nothing but servers: one thread for each shard, and the thread of
// main(), which waits for the end.
//
// What a shard serves is made, run and destroyed on its own thread. SIGINT and SIGTERM end all.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/time.h"
#include "net/shard.h"

namespace sluice::llm_kit {

class ShardService {
public:
    ShardService() = default;
    virtual ~ShardService() = default;
    ShardService(const ShardService&) = delete;
    ShardService& operator=(const ShardService&) = delete;

    // Appends the ports that it listens on. Returns what is wrong, or nothing.
    virtual std::string start(std::vector<uint16_t>& ports) = 0;
    // Ends everything now; is_over() says when it has.
    virtual void stop() = 0;
    virtual bool is_over() const = 0;
};

struct ShardPlan {
    uint32_t shards = 1;
    std::vector<uint32_t> cpus;  // Shard i is bound to the i-th, where there is one.
    uint32_t batch_us = 0;       // net::ProactorOptions::batch_window_us
    uint64_t seed = 1;
    std::function<std::unique_ptr<ShardService>(net::Shard& shard)> make;
    // On the thread of main(), when all listen; ports by shard.
    std::function<void(std::span<const std::vector<uint16_t>> ports)> on_started;
    // Likewise, again and again until the end; null: never.
    std::function<void()> on_progress;
    Duration progress_every = Duration::seconds(5);
};

// Returns what was wrong, or nothing.
std::string run_shards(const ShardPlan& plan);

}  // namespace sluice::llm_kit
