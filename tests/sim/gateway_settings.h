// GatewaySettings: one drawn configuration of a simulated gateway and of what is around it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/prng.h"
#include "base/time.h"
#include "config/config.h"
#include "net/address.h"
#include "sim/gateway_plan.h"
#include "sim/profile.h"
#include "sim/simulated_names.h"

namespace sluice::sim {

struct GatewaySettings {
    config::Config config;
    NameTable names;
    PlanLimits limits;
    // Where upstream actors listen; a name may have more addresses, where nobody does.
    std::vector<net::Address> upstreams;
    Duration upstream_idle_limit;  // Zero: connections are kept.
    double upstream_idle_resets = 0;

    // Nothing in this world is a reason for a good exchange to fail: no fault of the network, time
    // for everything, room for everybody.
    bool is_friendly = false;
    // Bytes travel slowly: little at a time, or with long delays.
    bool is_slow = false;
    // Upstreams may fail to say which models they have.
    bool has_bad_lists = false;
    // How often a request may be sent again after an error that may pass.
    uint32_t retries_max = 0;
    // Keys and limits: requests may be refused for them.
    bool has_limits = false;
    bool reloads = false;
    bool drains = false;
    Duration drain_timeout;
    // All clients are done within this.
    Duration clients_time_max;
    // The longest that anything goes on after its client is gone.
    Duration rest_time;

    std::string to_string() const;
};

GatewaySettings draw_settings(Prng& prng, const Profile& profile, bool is_friendly);
// Another configuration of the same kind, for a reload.
config::Config redrawn(Prng& prng, const GatewaySettings& settings);

}  // namespace sluice::sim
