// Every upstream has a model that all have, and one of its own.
#include "sim/gateway_models.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "config/config.h"
#include "pipeline/options.h"
#include "sim/actors.h"
#include "sim/gateway_plan.h"
#include "sim/upstream_actor.h"
#include "upstream/options.h"

namespace sluice::sim {

namespace {

std::string entry(std::string_view id, std::string_view created, std::string_view owner) {
    std::string text = R"({"id":")";
    text += id;
    text += R"(","object":"model","created":)";
    text += created;
    text += R"(,"owned_by":")";
    text += owner;
    return text + "\"}";
}

// Ids and what stands in a list for them.
using Entries = std::vector<std::pair<std::string, std::string>>;

std::string list_of(const Entries& entries) {
    std::string text = R"({"object":"list","data":[)";
    for (const auto& [id, json] : entries) {
        text += text.ends_with('[') ? json : "," + json;
    }
    return text + "]}";
}

Entries models_of(uint32_t upstream) {
    const std::string own = "own-" + std::to_string(upstream);
    return {{"model-a", entry("model-a", "7", "them")}, {own, entry(own, "8", "them")}};
}

// Who comes first stays.
void add(Entries& entries, const std::string& id, const std::string& json) {
    if (std::ranges::none_of(entries, [&](const auto& other) { return other.first == id; })) {
        entries.emplace_back(id, json);
    }
}

bool takes(const pipeline::RouteOptions& route, std::string_view model) {
    return route.models.empty() || std::ranges::any_of(route.models, [&](std::string_view name) {
               return name.ends_with('*') ? model.starts_with(name.substr(0, name.size() - 1))
                                          : model == name;
           });
}

// Of the upstreams, those whose bit is set in `heard` have said what they have.
std::string merged_list(const config::Config& config, uint32_t heard) {
    Entries entries;
    for (const pipeline::RouteOptions& route : config.routes) {
        if (route.path_prefix != "/v1") {
            continue;
        }
        for (const std::string& name : route.models) {
            if (!name.ends_with('*')) {
                add(entries, name, entry(name, "0", "sluice"));
            }
        }
        for (uint32_t i = 0; i < config.upstreams.size(); ++i) {
            if (config.upstreams[i].name != route.target_llm) {
                continue;
            }
            for (const upstream::ModelAlias& alias : config.upstreams[i].models) {
                add(entries, alias.alias, entry(alias.alias, "0", "sluice"));
            }
            for (const auto& [id, json] : models_of(i)) {
                if ((heard >> i & 1U) != 0 && takes(route, id)) {
                    add(entries, id, json);
                }
            }
        }
    }
    return list_of(entries);
}

}  // namespace

std::vector<std::string> merged_lists(const config::Config& config) {
    const auto is_ours = [](const pipeline::RouteOptions& route) {
        return route.path_prefix == "/v1";
    };
    const bool is_one = std::ranges::count_if(config.routes, is_ours) == 1;
    const bool is_plain = std::ranges::all_of(
        config.upstreams, [](const auto& upstream) { return upstream.models.empty(); });
    const bool asks_who = std::ranges::any_of(config.routes, [&](const auto& route) {
        return is_ours(route) && std::ranges::count(route.processors, "who") > 0;
    });
    std::vector<std::string> lists;
    if (is_one && is_plain && !asks_who) {
        return lists;
    }
    for (uint32_t heard = 1U << config.upstreams.size(); heard-- > 0;) {
        lists.push_back(merged_list(config, heard));
    }
    return lists;
}

UpstreamAnswer draw_list_answer(Prng& prng,
                                const PlanLimits& limits,
                                uint32_t upstream,
                                bool may_be_bad) {
    using Ending = UpstreamAnswer::Ending;
    const std::string body = list_of(models_of(upstream));
    const bool is_refused = may_be_bad && prng.chance(0.2);
    UpstreamAnswer answer = json_answer(body, is_refused ? 500 : 200);
    answer.parts = in_parts(prng, limits, answer.parts.front().bytes);
    if (may_be_bad && prng.chance(0.3)) {
        uint64_t whole = 0;
        for (const TimedBytes& part : answer.parts) {
            whole += part.bytes.size();
        }
        constexpr std::array kEndings = {Ending::close, Ending::reset, Ending::stall};
        answer.ending = kEndings[prng.below(limits.with_stalls ? 3 : 2)];
        answer.cut_at_bytes = prng.below(static_cast<uint32_t>(whole));
    }
    return answer;
}

}  // namespace sluice::sim
