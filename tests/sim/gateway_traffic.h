// GatewayTraffic: the clients and upstreams of a simulated gateway, and the rules for what passed
// between them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/time.h"
#include "sim/actors.h"
#include "sim/gateway_judge.h"
#include "sim/gateway_plan.h"
#include "sim/gateway_run.h"
#include "sim/gateway_settings.h"
#include "sim/run_result.h"
#include "sim/upstream_actor.h"
#include "sim/world.h"

namespace sluice::sim {

class GatewayTraffic {
public:
    GatewayTraffic(World& world, const GatewaySettings& settings, GatewayBug bug);

    // Draws the clients and lets them come within a second or so.
    void start();
    bool is_done() const;
    // From now on connections may be refused, and what is new may be left unanswered.
    void gateway_drains(bool may_cut) {
        drains_ = true;
        may_be_cut_ = may_cut;
    }

    // Afterwards: every rule over everything that was seen.
    void check(RunResult& result);
    // What did not come to its end, for a report of a world that stands still.
    std::string describe_unfinished() const;
    // Ends the connections of those whom the network keeps from ending.
    void close_clients();

    // Exchanges that the gateway must have counted, and may have counted, once check() was called.
    uint64_t exchanges_least() const { return exchanges_least_; }
    uint64_t exchanges_most() const { return exchanges_most_; }

private:
    struct Person {
        std::vector<PlannedExchange*> plans;
        std::shared_ptr<AnswerCounter> counter;
        std::unique_ptr<Client> client;
    };

    void make_upstream(const net::Address& address);
    // One for its models, which the gateway asks by itself.
    bool is_own_question(const UpstreamRequest& request) const;
    void build_in(PlannedExchange& plan);
    ClientScript draw_script(Person& person);
    void draw_leaving(ClientScript& script, uint64_t bytes);
    void check_upstreams();
    void check_request(const UpstreamActor& actor, const UpstreamRequest& request);
    uint32_t arrivals_max(const PlannedExchange& plan) const;
    void check_credentials(const std::string& whose, const UpstreamRequest& request);
    void check_connections(const UpstreamActor& actor);
    void check_person(Person& person, RunResult& result);
    void check_leaving(const Person& person, uint32_t answers);
    bool notices_leaving(const Person& person, const PlannedExchange& plan) const;
    bool lists_may_lack() const;
    static std::string transcript(const Person& person);
    std::string tampered(const std::string& received) const;
    void complain(const std::string& text);

    World& world_;
    const GatewaySettings& settings_;
    const GatewayBug bug_;
    std::vector<std::unique_ptr<UpstreamActor>> upstreams_;
    std::vector<std::unique_ptr<Person>> people_;
    std::vector<std::unique_ptr<PlannedExchange>> plans_;
    std::unordered_map<std::string, PlannedExchange*> by_id_;  // Looked up only, never walked.
    std::vector<std::unique_ptr<Client>> impostors_;
    RunResult* result_ = nullptr;
    uint32_t people_most_ = 0;
    bool drains_ = false;
    bool may_be_cut_ = false;
    uint64_t exchanges_least_ = 0;
    uint64_t exchanges_most_ = 0;
};

}  // namespace sluice::sim
