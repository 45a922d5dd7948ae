// The order of a seed: a world, a gateway, traffic, perhaps a reload and a drain; then everything
// comes to rest, is counted, and ends.
#include "sim/gateway_run.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "access/concurrency_limit.h"
#include "access/scope_limits.h"
#include "base/prng.h"
#include "base/time.h"
#include "config/config.h"
#include "sim/gateway_settings.h"
#include "sim/gateway_traffic.h"
#include "sim/profile.h"
#include "sim/run_result.h"
#include "sim/simulated_gateway.h"
#include "sim/world.h"

namespace sluice::sim {

namespace {

// A drained gateway without clients, and one that is cut.
constexpr Duration kEndTimeMax = Duration::seconds(60);

class GatewayRun {
public:
    GatewayRun(uint64_t seed, GatewayBug bug) : world_(seed), bug_(bug) {
        Prng& prng = world_.prng();
        const bool is_friendly = prng.chance(0.6);
        world_.profile() = Profile::drawn(prng, !is_friendly && prng.chance(0.7));
        settings_ = draw_settings(prng, world_.profile(), is_friendly);
        if (bug == GatewayBug::never_answers) {
            for (upstream::UpstreamOptions& upstream : settings_.config.upstreams) {
                upstream.timeouts = {.connect_ms = 0, .first_byte_ms = 0, .silence_ms = 0};
            }
        }
    }
    GatewayRun(const GatewayRun&) = delete;
    GatewayRun& operator=(const GatewayRun&) = delete;

    RunResult run();
    bool is_at_rest() const { return at_rest_; }
    // Lets another world begin although this one is not to be destroyed.
    void leave_world() { world_.leave(); }

private:
    void plan_interruptions();
    void serve();
    void come_to_rest();
    void check_limits();
    void end();
    void complain(const std::string& text) { result_.complaints.push_back(text); }

    World world_;
    const GatewayBug bug_;
    GatewaySettings settings_;
    RunResult result_;
    std::unique_ptr<SimulatedGateway> gateway_;
    std::unique_ptr<GatewayTraffic> traffic_;
    bool drained_ = false;
    bool at_rest_ = false;
};

void GatewayRun::plan_interruptions() {
    Prng& prng = world_.prng();
    const Duration span = Duration::seconds(settings_.is_slow ? 20 : 3);
    if (settings_.reloads) {
        const uint32_t count = 1 + prng.below(3);
        for (uint32_t i = 0; i < count; ++i) {
            world_.after(world_.drawn_up_to(span), [this] {
                if (!drained_) {
                    gateway_->reload(redrawn(world_.prng(), settings_));
                }
            });
        }
    }
    if (settings_.has_limits) {
        world_.after(world_.drawn_up_to(span), [this] {
            if (!drained_) {
                gateway_->send_keys();
            }
        });
    }
    if (settings_.drains) {
        world_.after(world_.drawn_up_to(span), [this] {
            if (!drained_) {
                drained_ = true;
                traffic_->gateway_drains(!settings_.is_friendly);
                gateway_->drain(settings_.drain_timeout);
            }
        });
    }
}

void GatewayRun::serve() {
    gateway_ = std::make_unique<SimulatedGateway>(world_, settings_.config, settings_.names);
    traffic_ = std::make_unique<GatewayTraffic>(world_, settings_, bug_);
    plan_interruptions();
    traffic_->start();
    if (!world_.run_until([this] { return traffic_->is_done(); }, settings_.clients_time_max)) {
        complain("clients are not done after " + std::to_string(settings_.clients_time_max.ms()) +
                 " ms" + traffic_->describe_unfinished());
    }
    if (bug_ == GatewayBug::leaks_a_descriptor) {
        [[maybe_unused]] const auto leaked = world_.network().open_stream({});
    }
}

// With the clients gone, and without being told to end, nothing goes on any more.
void GatewayRun::come_to_rest() {
    traffic_->close_clients();
    world_.run_for(settings_.rest_time);
    if (const int64_t count = gateway_->metric("sluice_exchanges"); count != 0) {
        complain(std::to_string(count) + " exchanges go on without their clients");
    }
    if (const int64_t count = gateway_->metric("sluice_client_connections"); count != 0) {
        complain(std::to_string(count) + " connections from clients are counted but gone");
    }
    check_limits();
    if (drained_) {
        return;  // Pools are not published any more; they check themselves when they go.
    }
    if (const int64_t count = gateway_->metric("sluice_upstream_waiters"); count != 0) {
        complain(std::to_string(count) + " exchanges wait for a connection without their clients");
    }
    if (const int64_t count = gateway_->metric("sluice_upstream_connections", "\"busy\"");
        count != 0) {
        complain(std::to_string(count) + " connections to upstreams are busy for nobody");
    }
}

// Of what exchanges held under limits, nothing is held any more.
void GatewayRun::check_limits() {
    const int64_t unix_s = gateway_->moment().unix_s();
    gateway_->access().for_each_scope([&](access::ScopeLimits& scope, std::string_view) {
        access::ConcurrencyLimit::Slot leaked;
        if (bug_ == GatewayBug::leaks_a_slot) {
            leaked = scope.concurrency().try_enter();
        }
        if (const int64_t count = scope.concurrency().in_flight(); count != 0) {
            complain(std::to_string(count) + " slots of " + scope.name() + " are held by nobody");
        }
        if (scope.budget().status(unix_s).reserved_picodollars != 0) {
            complain("money of " + scope.name() + " is reserved for nobody");
        }
    });
}

void GatewayRun::end() {
    if (!drained_) {
        drained_ = true;
        gateway_->drain(Duration::milliseconds(100));
    }
    at_rest_ = world_.run_until([this] { return gateway_->has_ended(); }, kEndTimeMax);
    if (!at_rest_) {
        complain("the gateway does not end");
    }
    // What was prepared in the last turn is handed over by the next one.
    world_.run_for(Duration::seconds(3));
    auto ended = static_cast<uint64_t>(gateway_->metric("sluice_requests_total"));
    ended += bug_ == GatewayBug::ends_an_exchange_twice ? traffic_->exchanges_most() : 0;
    if (ended < traffic_->exchanges_least() || ended > traffic_->exchanges_most()) {
        complain(std::to_string(ended) + " exchanges were counted, but " +
                 std::to_string(traffic_->exchanges_least()) + " to " +
                 std::to_string(traffic_->exchanges_most()) + " took place");
    }
}

RunResult GatewayRun::run() {
    result_.profile = settings_.to_string() + "\n  " + world_.profile().to_string();
    serve();
    come_to_rest();
    traffic_->check(result_);
    end();
    result_.faults = world_.network().counters().faults;
    if (at_rest_) {
        gateway_.reset();
        traffic_.reset();
        world_.check_end();
    }
    for (const std::string& text : world_.violations()) {
        complain(text);
    }
    return result_;
}

}  // namespace

const char* gateway_bug_name(GatewayBug bug) {
    constexpr const char* kNames[kGatewayBugs] = {
        "none",
        "loses_an_event",
        "doubles_an_event",
        "mixes_two_answers",
        "completes_what_was_cut",
        "drops_the_error_event",
        "sends_twice",
        "reuses_after_error",
        "leaks_the_clients_key",
        "leaks_the_upstreams_key",
        "notices_no_leaving",
        "never_answers",
        "leaks_a_descriptor",
        "ends_an_exchange_twice",
        "tells_an_error_as_another",
        "loses_models",
        "leaks_a_slot",
    };
    return kNames[static_cast<size_t>(bug)];
}

RunResult run_gateway(uint64_t seed, GatewayBug bug) {
    // What does not come to rest would fail the assertions of its destructors: it is kept
    // for ever, and so is the list.
    static auto& restless = *new std::vector<std::unique_ptr<GatewayRun>>;
    auto run = std::make_unique<GatewayRun>(seed, bug);
    const RunResult result = run->run();
    if (!run->is_at_rest()) {
        run->leave_world();
        restless.push_back(std::move(run));
    }
    return result;
}

}  // namespace sluice::sim
