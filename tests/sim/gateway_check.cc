// The rules of GatewayTraffic: what upstreams may get to see, what clients must, and when.
#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "net/options.h"
#include "sim/actors.h"
#include "sim/gateway_judge.h"
#include "sim/gateway_plan.h"
#include "sim/gateway_run.h"
#include "sim/gateway_settings.h"
#include "sim/gateway_traffic.h"
#include "sim/http_text.h"
#include "sim/profile.h"
#include "sim/run_result.h"
#include "sim/upstream_actor.h"
#include "sim/world.h"
#include "upstream/options.h"

namespace sluice::sim {

namespace {

// A client that left, until its upstream is told: what the gateway itself may take.
constexpr Duration kNoticeTime = Duration::milliseconds(50);

// Who ended its direction and leaves later is found out when it is asked next.
constexpr Duration kProbeInterval = Duration::seconds(5);

// And what this world adds: several ways over the wire, several completions and turns.
Duration world_delay(const Profile& profile) {
    return profile.delay_max * 8 + profile.completion_delay_max * 12 + profile.turn_time_max * 40;
}

// The end of a connection comes after what was sent before it: a request, a window at a time.
Duration way_behind_request(const Profile& profile, const PlannedExchange& plan) {
    constexpr uint64_t kHeadBytes = 1000;
    const uint64_t windows =
        (kHeadBytes + plan.body_for_upstream.size()) / std::max(1U, profile.receive_queue_bytes);
    return profile.delay_max * 2 * static_cast<int64_t>(windows);
}

std::string path_at_upstream(const PlannedExchange& plan) {
    return "/api" + plan.path.substr(3);  // "/v1" goes, the base URL's path comes.
}

}  // namespace

void GatewayTraffic::complain(const std::string& text) {
    result_->complaints.push_back(text);
}

void GatewayTraffic::check(RunResult& result) {
    result_ = &result;
    check_upstreams();
    for (const auto& person : people_) {
        check_person(*person, result);
    }
}

// --- Towards upstreams.

void GatewayTraffic::check_upstreams() {
    const auto asked_most = static_cast<int64_t>(
        2 * std::ranges::count_if(plans_, [](const auto& plan) { return !plan->lists.empty(); }));
    for (const auto& actor : upstreams_) {
        if (std::ranges::count_if(actor->requests(), [this](const auto& request) {
                return is_own_question(*request);
            }) > asked_most) {
            complain("an upstream was asked for its models too often");
        }
        for (const std::string& text : actor->complaints()) {
            complain("an upstream complains: " + text);
        }
        for (const auto& request : actor->requests()) {
            check_request(*actor, *request);
        }
        check_connections(*actor);
    }
    // An upstream may never have looked at a request that met what another answer left over.
    const bool left_something_over = std::ranges::any_of(
        plans_, [](const auto& plan) { return plan->has_surplus && plan->arrivals > 0; });
    for (const auto& plan : plans_) {
        plan->follows_surplus =
            plan->follows_surplus || (plan->arrivals == 0 && left_something_over);
    }
}

// Once; and once more for each retry, where the upstream answers with an error that may pass.
uint32_t GatewayTraffic::arrivals_max(const PlannedExchange& plan) const {
    constexpr std::array kMayPass = {409, 429, 500, 503, 529};
    const bool may_pass = std::ranges::find(kMayPass, plan.status) != kMayPass.end();
    return 1 + (may_pass ? settings_.retries_max : 0);
}

void GatewayTraffic::check_request(const UpstreamActor& actor, const UpstreamRequest& request) {
    if (is_own_question(request)) {
        return check_credentials("a request for models", request);
    }
    const std::string id = request.message.field("x-request-id");
    const auto found = by_id_.find(id);
    if (found == by_id_.end()) {
        complain("an upstream got a request that nobody made: " + request.message.first_line);
        return;
    }
    PlannedExchange& plan = *found->second;
    if (++plan.arrivals > arrivals_max(plan)) {
        complain("exchange " + id + ": the request was sent " + std::to_string(plan.arrivals) +
                 " times");
    }
    if (plan.expect == Expect::own) {
        complain("exchange " + id + ": it should not have been sent to an upstream");
    }
    plan.upstream = &actor;
    plan.seen = &request;
    if (request.message.second_word() != path_at_upstream(plan)) {
        complain("exchange " + id + ": the upstream was asked for " +
                 request.message.second_word());
    }
    if (request.is_whole && request.message.body != plan.body_for_upstream) {
        complain("exchange " + id + ": the upstream took for whole a body of " +
                 std::to_string(request.message.body.size()) + " bytes that the client did not " +
                 "send: " + request.message.body.substr(0, 200));
    }
    check_credentials("exchange " + id, request);
}

void GatewayTraffic::check_credentials(const std::string& whose, const UpstreamRequest& request) {
    for (const auto& [name, value] : request.message.fields) {
        if (value.find(kClientSecret) != std::string::npos) {
            complain(whose + ": the client's key went to the upstream in " + name);
        }
    }
    if (request.message.field("authorization") != std::string("Bearer ") + kUpstreamSecret) {
        complain(whose + ": the upstream's key is missing");
    }
}

// A connection on which something was wrong, or that was said to end, serves nobody else.
void GatewayTraffic::check_connections(const UpstreamActor& actor) {
    for (size_t i = 0; i < actor.requests().size(); ++i) {
        const UpstreamRequest& later = *actor.requests()[i];
        for (size_t j = 0; j < i; ++j) {
            const UpstreamRequest& earlier = *actor.requests()[j];
            const auto before = by_id_.find(earlier.message.field("x-request-id"));
            const auto after = by_id_.find(later.message.field("x-request-id"));
            if (earlier.connection != later.connection || before == by_id_.end() ||
                after == by_id_.end()) {
                continue;
            }
            if (before->second->spoils) {
                complain("exchange " + after->first + ": sent on the connection that exchange " +
                         before->first + " had spoilt");
            }
            after->second->follows_surplus =
                after->second->follows_surplus || before->second->has_surplus;
        }
    }
}

// --- Towards clients.

std::string GatewayTraffic::tampered(const std::string& received) const {
    if (bug_ == GatewayBug::drops_the_error_event) {
        const size_t at = received.rfind("data: {\"error\":{\"message\":\"The upstream");
        // Without chunks there is no telling where it was put together.
        if (at == std::string::npos || at < 4 || received.compare(at - 2, 2, "\r\n") != 0 ||
            received.compare(at - 4, 4, "\r\n\r\n") == 0) {
            return received;
        }
        const size_t chunk = received.rfind("\r\n", at - 3);
        return chunk == std::string::npos ? received : received.substr(0, chunk + 2);
    }
    return received;
}

// Where nothing else is in the way, every upstream is heard when the gateway lists models.
bool GatewayTraffic::lists_may_lack() const {
    const auto waits = [this](const upstream::UpstreamOptions& upstream) {
        return upstream.pool.connections_max < plans_.size();
    };
    return !settings_.is_friendly || settings_.is_slow || settings_.has_bad_lists ||
           std::ranges::any_of(settings_.config.upstreams, waits) ||
           std::ranges::any_of(plans_, [](const auto& plan) { return plan->has_surplus; });
}

void GatewayTraffic::check_person(Person& person, RunResult& result) {
    const Client& client = *person.client;
    const size_t complaints_before = result.complaints.size();
    const std::string received = tampered(client.received());
    result.bytes += received.size();
    if (received.find(kUpstreamSecret) != std::string::npos) {
        complain("the client of " + person.plans.front()->id + " got the upstream's key");
    }
    const bool may_flow_into_death = settings_.upstream_idle_limit > Duration() &&
                                     settings_.limits.hold_bytes < settings_.limits.body_bytes_max;
    const JudgedClient seen = {
        .received = received,
        .saw_end = client.saw_end() && client.error() == 0,
        .saw_reset = client.error() != 0,
        .gave_up = client.has_left() || client.was_faulted() || !client.was_connected(),
        .is_disturbed = !settings_.is_friendly || drains_ || may_flow_into_death,
        .may_be_ignored = !settings_.is_friendly || drains_,
        .may_be_cut = !settings_.is_friendly || may_be_cut_,
        .may_be_limited = settings_.has_limits,
        .lists_may_lack = drains_ || lists_may_lack(),
    };
    if (!client.was_connected() && !client.was_faulted() && !drains_ && !client.has_left() &&
        settings_.is_friendly) {
        complain("the client of " + person.plans.front()->id + " could not connect");
    }
    GatewayJudge judge(seen, [this](const std::string& text) { complain(text); });
    judge.judge(person.plans);
    result.answers += judge.answers();
    result.errors += judge.errors();
    result.events += judge.events();
    exchanges_least_ += judge.answers_of_exchanges();
    exchanges_most_ += person.plans.size();
    check_leaving(person, judge.answers());
    if (result.complaints.size() > complaints_before) {
        complain(transcript(person));
    }
}

// What there is to say of a client about which there were complaints.
std::string GatewayTraffic::transcript(const Person& person) {
    const Client& client = *person.client;
    std::string text = "  the client of " + person.plans.front()->id + " sent " +
                       std::to_string(client.sent_bytes()) + " bytes, error " +
                       std::to_string(client.error());
    text += client.script().half_closes ? ", half closes" : "";
    text += client.has_left() ? ", left" : "";
    text += client.has_left_with_reset() ? " with reset" : "";
    text += client.saw_end() ? ", saw the end" : "";
    text += client.was_faulted() ? ", was faulted" : "";
    text += ", and received:\n";
    for (const char byte : client.received()) {
        text += byte == '\r' ? std::string("\\r") : std::string(1, byte);
    }
    for (const PlannedExchange* plan : person.plans) {
        text += "\n  plan " + plan->id + ": expect " +
                std::to_string(static_cast<int>(plan->expect)) + ", cut at " +
                std::to_string(plan->answer.cut_at_bytes) + ", ending " +
                std::to_string(static_cast<int>(plan->answer.ending)) + ", arrived " +
                std::to_string(plan->arrivals) + ", answer:\n";
        for (const TimedBytes& part : plan->answer.parts) {
            text += part.bytes + "|";
        }
    }
    return text;
}

// Whether the gateway can know that this client has left, while this exchange is going on. A plain
// end of the client's direction is only known for one when a byte is sent to it, and there are
// moments when none may be.
bool GatewayTraffic::notices_leaving(const Person& person, const PlannedExchange& plan) const {
    const Client& client = *person.client;
    const uint64_t asked = client.sent_bytes();
    const net::BufferRingOptions& buffers = settings_.config.server.buffers;
    if (asked >= settings_.config.server.sockets.queue_low_bytes || buffers.blocks_max < 8 ||
        asked >= uint64_t{buffers.blocks_max} * buffers.block_bytes / 2) {
        return false;  // Reading may have stopped.
    }
    if (client.has_left_with_reset()) {
        return true;
    }
    return !plan.is_http_1_0 && plan.is_event_stream && !plan.stalls &&
           client.script().read_pause == Duration();
}

// The exchange that was going on when its client left: the upstream is told, soon.
void GatewayTraffic::check_leaving(const Person& person, uint32_t answers) {
    const Client& client = *person.client;
    const Profile& profile = world_.profile();
    if (!client.has_left() || answers >= person.plans.size() || client.was_faulted() ||
        profile.has_network_faults() || settings_.reloads || profile.accept_fails > 0) {
        return;  // Where accepting fails, a client may have left before it is known.
    }
    const PlannedExchange& plan = *person.plans[answers];
    if (plan.seen == nullptr || !notices_leaving(person, plan)) {
        return;
    }
    Duration allowed = kNoticeTime + world_delay(profile) + way_behind_request(profile, plan);
    if (!client.has_left_with_reset()) {
        allowed = allowed + plan.longest_pause;
    }
    if (client.script().half_closes) {
        allowed = allowed + kProbeInterval;  // Its end says nothing new.
    }
    const Instant left = client.done_at();
    const Instant latest = std::max(left, plan.seen->arrived_at) + allowed;
    if (plan.seen->arrived_at > left + allowed) {
        complain("exchange " + plan.id + ": sent to the upstream " +
                 std::to_string((plan.seen->arrived_at - left).us()) +
                 " us after its client had left");
        return;
    }
    const bool was_answered =
        plan.seen->answered_at.is_set() && plan.seen->answered_at <= latest && !plan.stalls;
    Instant told = plan.upstream->left_at(plan.seen->connection);
    if (told.is_set() && bug_ == GatewayBug::notices_no_leaving) {
        told = told + allowed;
    }
    const Instant ended = plan.upstream->ended_at(plan.seen->connection);
    const bool was_told = (told.is_set() && told <= latest) || (ended.is_set() && ended <= latest);
    if (!was_answered && !was_told) {
        complain("exchange " + plan.id + ": the upstream was not told that the client left: left " +
                 std::to_string(left.ns() / 1000) + ", allowed " + std::to_string(allowed.us()) +
                 " us, told " + std::to_string(told.ns() / 1000) + ", ended " +
                 std::to_string(ended.ns() / 1000));
    }
}

}  // namespace sluice::sim
