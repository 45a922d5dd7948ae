// Endpoints by which targets are added to pools and removed.
//
// Each makes another membership, and with it the configuration that shards go by. It is answered
// when every shard has begun a turn since: then no choice is under way that could not have seen it,
// and one that went gets nothing new, whatever snapshot a request began with.
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "balance/options.h"
#include "balance/pool.h"
#include "balance/target.h"
#include "balance/target_state.h"  // IWYU pragma: keep, it is behind a pointer
#include "base/arena.h"
#include "base/error.h"
#include "base/log.h"
#include "base/time.h"
#include "config/config.h"
#include "config/member_file.h"
#include "coro/task.h"
#include "json/tree.h"
#include "json/unescape.h"
#include "json/writer.h"
#include "net/shard.h"
#include "server/admin_api.h"
#include "server/admin_handlers.h"
#include "server/admin_query.h"
#include "server/ask_shards.h"
#include "server/membership.h"
#include "server/runtime_config.h"
#include "upstream/options.h"

namespace sluice::server {

namespace {

using balance::Pool;
using balance::TargetOptions;

// A shard whose turn takes this long is in trouble.
constexpr Duration kShardPatience = Duration::seconds(1);
constexpr uint16_t kCreated = 201;

struct CountMember {
    std::string_view key;
    uint32_t TargetOptions::* member;
    int64_t min;
    int64_t max;
};

constexpr CountMember kCounts[] = {
    {"weight", &TargetOptions::weight, 1, 10'000},
    {"priority", &TargetOptions::priority, 0, 1'000},
    {"concurrent_max", &TargetOptions::concurrent_max, 0, 1'000'000},
    {"context_tokens_max", &TargetOptions::context_tokens_max, 0, 1'000'000'000},
};

const Pool* find_pool(const Pools& pools, std::string_view name) {
    const auto found =
        std::ranges::find_if(pools, [&](const auto& pool) { return pool->options().name == name; });
    return found == pools.end() ? nullptr : found->get();
}

const balance::Target* find_target(const Pool& pool, std::string_view name) {
    const auto found = std::ranges::find(pool.targets(), name, &balance::Target::name);
    return found == pool.targets().end() ? nullptr : &*found;
}

// The problem with a body, where there is one. `to` has what is so without it.
std::string read_target(std::string_view body, AddedTarget& to) {
    Arena arena;
    const auto parsed = json::Value::parse(body, arena, ErrorSource::client);
    if (!parsed || !(**parsed).is_object()) {
        return "the body is no JSON object";
    }
    for (const json::Value& member : **parsed) {
        const std::string_view key = json::unescape(member.key().raw, arena).value_or("");
        if (key == "llm" || key == "model" || key == "address") {
            if (!member.is_string()) {
                return std::string(key) + " must be a text";
            }
            std::string& text = key == "address" ? to.address
                                : key == "llm"   ? to.target.llm
                                                 : to.target.model;
            text = json::unescape(member.text().raw, arena).value_or("");
            continue;
        }
        const auto* const count = std::ranges::find(kCounts, key, &CountMember::key);
        if (count == std::end(kCounts)) {
            return "the body may have llm, address, model, weight, priority, concurrent_max and "
                   "context_tokens_max, and nothing else";
        }
        const std::optional<int64_t> number = member.is_number() ? member.integer() : std::nullopt;
        if (!number || *number < count->min || *number > count->max) {
            return std::string(key) + " must be a whole number from " + std::to_string(count->min) +
                   " to " + std::to_string(count->max);
        }
        to.target.*(count->member) = static_cast<uint32_t>(*number);
    }
    return "";
}

// What is wrong with a target although its body is well-formed.
std::string why_unfit(const config::Config& config, const AddedTarget& added) {
    if (added.target.llm.empty()) {
        return "llm is missing, and the pool's discovery names none";
    }
    const upstream::UpstreamOptions* const llm = config.find_upstream(added.target.llm);
    if (llm == nullptr) {
        return "there is no llm called \"" + added.target.llm + "\"";
    }
    if (llm->is_simulated()) {
        return "\"" + added.target.llm + "\" is simulated, which a configuration alone can be";
    }
    if (!added.address.empty() && !config::is_member_address(added.address)) {
        return "address must be host:port";
    }
    return "";
}

// Whether all shards have begun a turn since it was called.
coro::Task<bool> all_have_turned(AdminCall& call) {
    const auto ask = [](net::Shard& /*shard*/) { return true; };
    const auto is_over = [&call] { return call.is_client_gone(); };
    const std::vector<std::optional<bool>> answers =
        co_await ask_shards(call.backend.shards(), call.signal, ask, kShardPatience, is_over);
    co_return std::ranges::all_of(answers, [](const auto& answer) { return answer.has_value(); });
}

bool is_removed(const RemovedTarget& removed, std::string_view pool, std::string_view name) {
    return removed.pool == pool && removed.name == name;
}

}  // namespace

coro::Task<AdminAnswer> answer_add_target(AdminCall& call) {
    Arena arena;
    const std::string pool_name(decoded_parameter(call, 0, arena).value_or(""));
    const PoolsPtr pools = call.backend.pools();
    const Pool* const pool = find_pool(*pools, pool_name);
    if (pool == nullptr) {
        co_return admin_error(404, "no_such_pool", "there is no such pool; see /v1/targets");
    }
    const balance::DiscoveryOptions& discovery = pool->options().discovery;
    AddedTarget added = {.pool = pool_name,
                         .target = discovery.is_on() ? discovery.target : TargetOptions()};
    std::string problem = read_target(call.body, added);
    if (problem.empty()) {
        problem = why_unfit(call.backend.config(), added);
    }
    if (!problem.empty()) {
        co_return admin_error(400, "invalid_target", problem);
    }
    const std::string name = added.name();
    if (find_target(*pool, name) != nullptr) {
        co_return admin_error(409, "target_exists", "the pool has a target of that name");
    }
    if (call.backend.facts().is_draining) {
        co_return admin_error(409, "draining", "the gateway is ending");
    }
    Membership next = call.backend.members();
    std::erase_if(next.removed, [&](const RemovedTarget& removed) {
        return is_removed(removed, pool_name, name);
    });
    std::erase_if(next.added, [&](const AddedTarget& other) {
        return other.pool == pool_name && other.name() == name;
    });
    // What the configuration or a source has comes back as they have it.
    if (!has_target(call.backend.config(), next, pool_name, name)) {
        next.added.push_back(std::move(added));
    }
    if (!has_target(call.backend.config(), next, pool_name, name)) {
        co_return admin_error(400, "invalid_target", "the pool has as many targets as it can have");
    }
    call.backend.change_members(std::move(next));
    SLUICE_LOG(info, "admin", "a target was added", {"pool", pool_name}, {"target", name});
    co_return co_await tell_changed_target(call, pool_name, name, kCreated);
}

coro::Task<AdminAnswer> answer_remove_target(AdminCall& call) {
    Arena arena;
    const std::string pool_name(decoded_parameter(call, 0, arena).value_or(""));
    const std::string name(decoded_parameter(call, 1, arena).value_or(""));
    const PoolsPtr pools = call.backend.pools();
    const Pool* const pool = find_pool(*pools, pool_name);
    const balance::Target* const target = pool == nullptr ? nullptr : find_target(*pool, name);
    if (target == nullptr) {
        co_return admin_error(404, "no_such_target", "there is no such target; see /v1/targets");
    }
    if (call.backend.facts().is_draining) {
        co_return admin_error(409, "draining", "the gateway is ending");
    }
    Membership next = call.backend.members();
    std::erase_if(next.added, [&](const AddedTarget& other) {
        return other.pool == pool_name && other.name() == name;
    });
    if (has_target(call.backend.config(), next, pool_name, name)) {
        next.removed.push_back(
            {.pool = pool_name, .name = name, .instance = target->options.instance});
    }
    call.backend.change_members(std::move(next));
    SLUICE_LOG(info, "admin", "a target was removed", {"pool", pool_name}, {"target", name});
    const bool is_in_force = co_await all_have_turned(call);
    AdminAnswer answer;
    json::StringText text(answer.body);
    json::Writer(text)
        .begin_object()
        .key("in_force")
        .boolean(is_in_force)
        .key("removed")
        .string(name)
        .key("in_flight")
        .unsigned_integer(static_cast<uint64_t>(
            std::max(target->state->requests.load(std::memory_order_relaxed), 0)))
        .end_object();
    text.finish();
    co_return answer;
}

}  // namespace sluice::server
