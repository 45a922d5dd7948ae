// The workers of a shard, the line that names all addresses, the line that says how it is going.
#include "llm-fleet/serve.h"

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/result.h"
#include "llm-fleet/fleet_clock.h"
#include "llm-fleet/serve_options.h"
#include "llm-fleet/served_worker.h"
#include "llm-fleet/worker_server.h"
#include "llm-kit/shard_runner.h"
#include "net/shard.h"

namespace sluice::llm_fleet {

namespace {

// Worker i lives on shard i modulo their number.
class FleetShard final : public llm_kit::ShardService {
public:
    FleetShard(net::Shard& shard, const ServeOptions& options, const FleetCounters& counters) {
        const FleetClock clock(shard.proactor().now(), options.speed);
        for (uint32_t i = shard.index(); i < options.workers; i += options.shards) {
            servers_.push_back(
                std::make_unique<WorkerServer>(shard.proactor(), options, clock, i, counters));
        }
    }

    std::string start(std::vector<uint16_t>& ports) override {
        for (const auto& server : servers_) {
            const Status started = server->start();
            if (!started) {
                return fmt::format("cannot listen: {}", started.error().where);
            }
            ports.push_back(server->port());
        }
        return {};
    }
    void stop() override {
        for (const auto& server : servers_) {
            server->stop();
        }
    }
    bool is_over() const override {
        bool is_over = true;
        for (const auto& server : servers_) {
            is_over = is_over && server->is_over();
        }
        return is_over;
    }

private:
    std::vector<std::unique_ptr<WorkerServer>> servers_;
};

void say_addresses(const ServeOptions& options, std::span<const std::vector<uint16_t>> ports) {
    std::string line = "llm-fleet listens on";
    for (uint32_t i = 0; i < options.workers; ++i) {
        line += fmt::format(" http://{}:{}", options.host,
                            ports[i % options.shards][i / options.shards]);
    }
    line += '\n';
    std::fputs(line.c_str(), stdout);
    std::fflush(stdout);
}

void say_progress(const FleetCounters& all, double seconds) {
    uint64_t requests = 0;
    uint64_t running = 0;
    uint64_t waiting = 0;
    uint64_t prompt_tokens = 0;
    uint64_t cached_tokens = 0;
    for (const auto& worker : all) {
        requests += worker->requests.get();
        running += worker->running.get();
        waiting += worker->waiting.get();
        prompt_tokens += worker->prompt_tokens.get();
        cached_tokens += worker->cached_tokens.get();
    }
    const double share = prompt_tokens == 0 ? 0
                                            : 100.0 * static_cast<double>(cached_tokens) /
                                                  static_cast<double>(prompt_tokens);
    std::fputs(fmt::format("{:.0f} s: {} requests, {} running, {} waiting, {:.1f} % of the prompts "
                           "found in caches\n",
                           seconds, requests, running, waiting, share)
                   .c_str(),
               stderr);
}

}  // namespace

std::string serve(const ServeOptions& options) {
    FleetCounters counters;
    for (uint32_t i = 0; i < options.workers; ++i) {
        counters.push_back(std::make_unique<WorkerCounters>());
    }
    llm_kit::ShardPlan plan;
    plan.shards = options.shards;
    plan.make = [&](net::Shard& shard) -> std::unique_ptr<llm_kit::ShardService> {
        return std::make_unique<FleetShard>(shard, options, counters);
    };
    plan.on_started = [&](std::span<const std::vector<uint16_t>> ports) {
        say_addresses(options, ports);
    };
    const auto begin = std::chrono::steady_clock::now();
    if (!options.is_quiet) {
        plan.on_progress = [&] {
            const std::chrono::duration<double> since = std::chrono::steady_clock::now() - begin;
            say_progress(counters, since.count());
        };
    }
    return llm_kit::run_shards(plan);
}

}  // namespace sluice::llm_fleet
