// SimulatedGateway: the shards of a whole gateway in one simulated world, and a control shard that
// reloads and drains them by message, as the process does.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "access/limit_book.h"
#include "balance/pool.h"
#include "base/log_writer.h"
#include "base/time.h"
#include "config/config.h"
#include "net/address.h"
#include "net/proactor.h"
#include "net/shard.h"
#include "server/access_control.h"
#include "server/gateway.h"
#include "server/process_cache.h"
#include "server/runtime_config.h"
#include "server/shard_body.h"
#include "sim/simulated_names.h"
#include "sim/world.h"

namespace sluice::sim {

class SimulatedGateway {
public:
    // Listens at the address of `config`. `engine` may change what the options do not say.
    SimulatedGateway(World& world, const config::Config& config, const NameTable& names);
    // has_ended() must hold.
    ~SimulatedGateway();
    SimulatedGateway(const SimulatedGateway&) = delete;
    SimulatedGateway& operator=(const SimulatedGateway&) = delete;

    void reload(const config::Config& config);
    // As when keys have changed at run time.
    void send_keys();
    void drain(Duration deadline);
    // Every shard has come to its end by itself.
    bool has_ended() const;

    // Sum over all shards and all label values that contain `label`, as a scrape would show it.
    int64_t metric(std::string_view name, std::string_view label = {}) const;
    access::Moment moment();
    server::AccessControl& access() { return *access_; }
    // Of the configuration in force, in its order.
    balance::Pool& pool(size_t index) { return *running_->pools[index]; }
    uint32_t shards() const { return static_cast<uint32_t>(shards_.size()); }

private:
    struct Member {
        explicit Member(server::ShardPlan shard_plan) : plan(std::move(shard_plan)) {}
        server::ShardPlan plan;
        net::Shard* shard = nullptr;
        std::unique_ptr<server::ShardBody> body;
        bool is_over = false;
    };

    server::RuntimeConfigPtr runtime(const config::Config& config);
    void send_to_all(const std::function<void(server::ShardBody&)>& action);

    World& world_;
    LogWriter log_writer_;
    LogLane& log_;
    server::ProcessState process_;
    net::ShardGroup group_;
    server::ProcessCache cache_;
    std::unique_ptr<net::Shard> control_;
    std::unique_ptr<server::AccessControl> access_;
    server::RuntimeConfigPtr running_;
    std::vector<std::unique_ptr<Member>> shards_;
};

}  // namespace sluice::sim
