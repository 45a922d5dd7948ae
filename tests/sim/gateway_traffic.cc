// Drawing the clients, playing the upstreams.
#include "sim/gateway_traffic.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "base/time.h"
#include "net/address.h"
#include "sim/actors.h"
#include "sim/gateway_judge.h"
#include "sim/gateway_models.h"
#include "sim/gateway_plan.h"
#include "sim/gateway_run.h"
#include "sim/gateway_settings.h"
#include "sim/upstream_actor.h"
#include "sim/world.h"

namespace sluice::sim {

namespace {

constexpr uint32_t kPeopleMost = 8;
constexpr uint32_t kExchangesMost = 5;
// One more event, for an upstream that the gateway seems to have lost one of.
constexpr const char* kLostEvent = "data: {\"lost\":true}\n\n";

}  // namespace

GatewayTraffic::GatewayTraffic(World& world, const GatewaySettings& settings, GatewayBug bug)
    : world_(world), settings_(settings), bug_(bug) {
    for (const net::Address& address : settings.upstreams) {
        make_upstream(address);
    }
}

void GatewayTraffic::make_upstream(const net::Address& address) {
    upstreams_.push_back(std::make_unique<UpstreamActor>(
        world_, address,
        [this, address,
         number = static_cast<uint32_t>(upstreams_.size())](const UpstreamRequest& request) {
            if (is_own_question(request)) {
                return draw_list_answer(world_.prng(), settings_.limits, number,
                                        settings_.has_bad_lists);
            }
            const auto found = by_id_.find(request.message.field("x-request-id"));
            if (found == by_id_.end()) {
                return json_answer("{}", 500);  // check_request() will complain.
            }
            if (bug_ == GatewayBug::sends_twice) {
                std::string text = request.message.first_line + "\r\n";
                text += "x-request-id: " + found->first + "\r\n\r\n";
                impostors_.push_back(std::make_unique<Client>(
                    world_, ClientScript{.to = address, .parts = {{std::move(text), {}}}}));
            }
            return found->second->answer;
        }));
    UpstreamActor& actor = *upstreams_.back();
    actor.set_early_script([this](const UpstreamRequest& request) -> std::optional<UpstreamAnswer> {
        const auto found = by_id_.find(request.message.field("x-request-id"));
        if (found == by_id_.end() || !found->second->answers_early) {
            return std::nullopt;
        }
        return found->second->answer;
    });
    if (settings_.upstream_idle_limit > Duration()) {
        actor.set_idle_limit(settings_.upstream_idle_limit, settings_.upstream_idle_resets);
    }
}

bool GatewayTraffic::is_own_question(const UpstreamRequest& request) const {
    return !settings_.limits.lists.empty() && request.message.field("x-request-id").empty() &&
           request.message.first_line == std::string("GET ") + kListTarget + " HTTP/1.1";
}

// Makes plan and behaviour differ, as if the gateway had changed what passed.
void GatewayTraffic::build_in(PlannedExchange& plan) {
    const bool is_good_stream = plan.is_event_stream && plan.expect == Expect::whole;
    switch (bug_) {
        case GatewayBug::loses_an_event:
            if (is_good_stream) {
                plan.body.insert(0, kLostEvent);
            }
            break;
        case GatewayBug::doubles_an_event:
            if (const size_t end = plan.body.find("}\n\n"); is_good_stream && end < 300) {
                plan.body.erase(0, end + 3);
            }
            break;
        case GatewayBug::mixes_two_answers:
            if (!plans_.empty() && plan.expect == Expect::whole) {
                std::swap(plan.answer, plans_.front()->answer);
            }
            break;
        case GatewayBug::completes_what_was_cut:
            plan.expect = is_good_stream ? Expect::broken : plan.expect;
            break;
        case GatewayBug::reuses_after_error:
            plan.spoils = true;
            break;
        case GatewayBug::leaks_the_clients_key:
            if (std::string& first = plan.request.back().bytes; plan.body_bytes == 0) {
                if (const size_t at = first.rfind("\r\n\r\n"); at != std::string::npos) {
                    first.insert(at, std::string("\r\nx-passes: ") + kClientSecret);
                }
            }
            break;
        case GatewayBug::leaks_the_upstreams_key:
            if (std::string& first =
                    plan.answer.parts.empty() ? plan.body : plan.answer.parts.front().bytes;
                plan.expect == Expect::whole) {
                if (const size_t at = first.find("x-plan: "); at != std::string::npos) {
                    first.insert(at, std::string("x-passes: ") + kUpstreamSecret + "\r\n");
                }
            }
            break;
        case GatewayBug::tells_an_error_as_another:
            plan.told_status += plan.told_status == 0 ? 0 : 1;
            break;
        case GatewayBug::loses_models:
            if (!plan.lists.empty()) {
                plan.lists.insert(plan.lists.begin(), "what nobody is told");
            }
            break;
        case GatewayBug::never_answers:
            plan.answer.ending = UpstreamAnswer::Ending::stall;
            plan.answer.cut_at_bytes = 0;
            break;
        default:
            break;
    }
}

void GatewayTraffic::start() {
    Prng& prng = world_.prng();
    people_most_ = 1 + prng.below(kPeopleMost);
    for (uint32_t i = 0; i < people_most_; ++i) {
        auto person = std::make_unique<Person>();
        const uint32_t count = prng.chance(0.4) ? 1 : 1 + prng.below(kExchangesMost);
        for (uint32_t k = 0; k < count; ++k) {
            const std::string id = "c" + std::to_string(i) + "-" + std::to_string(k);
            auto plan =
                std::make_unique<PlannedExchange>(draw_exchange(prng, settings_.limits, id));
            build_in(*plan);
            by_id_[id] = plan.get();
            person->plans.push_back(plan.get());
            plans_.push_back(std::move(plan));
            if (person->plans.back()->asks_to_close) {
                break;
            }
        }
        people_.push_back(std::move(person));
        world_.after(world_.drawn_up_to(Duration::seconds(1)), [this, i] {
            Person& self = *people_[i];
            self.client = std::make_unique<Client>(world_, draw_script(self));
        });
    }
}

void GatewayTraffic::draw_leaving(ClientScript& script, uint64_t bytes) {
    Prng& prng = world_.prng();
    if (!prng.chance(0.3)) {
        return;
    }
    script.leaves_with_reset = prng.chance(0.5);
    switch (prng.below(3)) {
        case 0:
            script.leaves_at_sent_bytes = prng.below(static_cast<uint32_t>(bytes) + 1);
            break;
        case 1:
            script.leaves_at_received_bytes =
                1 + prng.below(prng.chance(0.5) ? 600 : settings_.limits.body_bytes_max * 2);
            break;
        default:
            script.leaves_after =
                world_.drawn_up_to(Duration::seconds(settings_.is_slow ? 20 : 2)) +
                Duration::microseconds(1);
            break;
    }
}

ClientScript GatewayTraffic::draw_script(Person& person) {
    Prng& prng = world_.prng();
    ClientScript script;
    script.to = *net::Address::parse(settings_.config.server.host, settings_.config.server.port);
    script.ends_with_peer = true;
    const bool pipelines = prng.chance(0.4);
    uint32_t number = 0;
    uint64_t bytes = 0;
    for (const PlannedExchange* plan : person.plans) {
        for (TimedBytes part : plan->request) {
            part.after_answers = pipelines ? 0 : number;
            bytes += part.bytes.size();
            script.parts.push_back(std::move(part));
        }
        ++number;
    }
    person.counter = std::make_shared<AnswerCounter>();
    script.count_answers = [counter = person.counter](std::string_view received) {
        return counter->count(received);
    };
    script.half_closes = prng.chance(0.2);
    if (!script.half_closes) {
        script.is_satisfied = [counter = person.counter,
                               wanted = number](std::string_view received) {
            return counter->count(received) >= wanted;
        };
    }
    if (prng.chance(0.2)) {
        script.read_bytes_max = 50 + prng.below(settings_.limits.body_bytes_max);
        script.read_pause = world_.drawn_up_to(Duration::milliseconds(30));
    }
    draw_leaving(script, bytes);
    if (!settings_.is_friendly && prng.chance(0.1)) {
        script.reads_until_bytes = prng.below(settings_.limits.body_bytes_max);
        script.leaves_after = Duration::seconds(1 + prng.below(100));
    }
    return script;
}

bool GatewayTraffic::is_done() const {
    return std::ranges::all_of(people_, [](const auto& person) {
        return person->client != nullptr &&
               (person->client->is_done() || person->client->was_faulted());
    });
}

void GatewayTraffic::close_clients() {
    for (const auto& person : people_) {
        if (person->client != nullptr && !person->client->is_done()) {
            world_.network().close(person->client->socket());
        }
    }
    impostors_.clear();
}

std::string GatewayTraffic::describe_unfinished() const {
    std::string text;
    for (const auto& person : people_) {
        if (person->client == nullptr || person->client->is_done()) {
            continue;
        }
        Socket& socket = person->client->socket();
        text += " | client of " + person->plans.front()->id + ": received " +
                std::to_string(person->client->received().size()) + ", " + socket.describe();
        if (socket.other != nullptr) {
            text += "; far: " + socket.other->describe();
        }
    }
    return text;
}

}  // namespace sluice::sim
