// Endpoints about the targets of pools: how each is, and what people want of it.
//
// What is told lies in atomics that all shards share; only connections are asked of the shards. A
// change is a store in those atomics. It is answered when every shard has begun a turn since, so
// that no choice is under way any more that could not have seen it.
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "access/limit_book.h"
#include "balance/balancer.h"
#include "balance/circuit_breaker.h"
#include "balance/ewma.h"
#include "balance/options.h"
#include "balance/pool.h"
#include "balance/pool_state.h"
#include "balance/target.h"
#include "balance/target_state.h"
#include "balance/waiting_room.h"
#include "base/arena.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/log.h"
#include "base/priority.h"
#include "base/time.h"
#include "coro/task.h"
#include "json/rfc3339.h"
#include "json/tree.h"
#include "json/unescape.h"
#include "json/writer.h"
#include "net/shard.h"
#include "server/admin_api.h"
#include "server/admin_handlers.h"
#include "server/admin_query.h"
#include "server/ask_shards.h"
#include "server/runtime_config.h"
#include "server/shard_body.h"
#include "server/target_facts.h"

namespace sluice::server {

namespace {

using balance::Pool;
using balance::Target;
using balance::TargetState;

constexpr auto kRelaxed = std::memory_order_relaxed;
// A shard whose turn takes this long is in trouble; what it holds is missing in the answer.
constexpr Duration kShardPatience = Duration::seconds(1);
constexpr int64_t kWeightMax = 10'000;
constexpr double kMsPerSecond = 1'000;
constexpr double kUsPerMs = 1'000;
constexpr uint16_t kFirstFailure = 400;

// What the shards say of their connections, by upstream.
struct Connections {
    std::map<std::string, UpstreamState, std::less<>> upstreams;
    bool is_complete = true;  // All have answered.
};

// One target, and what keeps it alive while a reload replaces its pool.
struct Place {
    PoolsPtr pools;
    Pool* pool = nullptr;
    size_t index = 0;

    const Target& target() const { return pool->targets()[index]; }
};

coro::Task<Connections> ask_connections(AdminCall& call) {
    const auto ask = [](net::Shard& shard) { return ShardBody::upstreams_of(shard); };
    const auto is_over = [&call] { return call.is_client_gone(); };
    const auto answers =
        co_await ask_shards(call.backend.shards(), call.signal, ask, kShardPatience, is_over);
    Connections all;
    for (const std::optional<std::vector<UpstreamState>>& answer : answers) {
        if (!answer) {
            all.is_complete = false;
            continue;
        }
        for (const UpstreamState& state : *answer) {
            UpstreamState& sum = all.upstreams[state.name];
            sum.active += state.active;
            sum.available += state.available;
            sum.connections_max += state.connections_max;
            sum.waiting += state.waiting;
        }
    }
    co_return all;
}

// Writes one target.
class TargetWriter {
public:
    TargetWriter(json::Writer& writer, const access::Moment& moment, const Connections& connections)
        : writer_(writer), moment_(moment), connections_(connections) {}

    void write(const Pool& pool, const Target& target) {
        state_ = target.state.get();
        writer_.begin_object();
        write_settings(target);
        writer_.key("state")
            .string(name_of(standing_of(target, pool.options(), moment_.now)))
            .key("mode")
            .string(name_of(state_->mode.load(kRelaxed)));
        write_health();
        write_rests(pool.options());
        write_load();
        write_engine();
        write_totals();
        write_last_error();
        write_connections(target.options.llm);
        writer_.end_object();
    }

private:
    int64_t now_ms() const { return balance::ms_of(moment_.now); }

    // Times are told to the second: the next one for what is to come.
    void write_time(std::string_view key, int64_t ms) {
        constexpr int64_t kMs = 1'000;
        const int64_t unix_ms = moment_.unix_ms + ms - now_ms();
        std::string text;
        json::StringText output(text);
        json::append_rfc3339(output, (unix_ms + (ms > now_ms() ? kMs - 1 : 0)) / kMs);
        output.finish();
        writer_.key(key).string(text);
    }
    // Null for what is over.
    void write_until(std::string_view key, int64_t ms) {
        if (ms > now_ms()) {
            write_time(key, ms);
        } else {
            writer_.key(key).null();
        }
    }
    template <class T>
    void write_count(std::string_view key, const std::atomic<T>& count) {
        writer_.key(key).unsigned_integer(
            static_cast<uint64_t>(std::max<T>(count.load(kRelaxed), 0)));
    }

    void write_settings(const Target& target) {
        writer_.key("name")
            .string(target.name)
            .key("llm")
            .string(target.options.llm)
            .key("model")
            .string(target.options.model)
            .key("labels")
            .begin_array();
        for (const std::string& label : target.options.labels) {
            writer_.string(label);
        }
        writer_.end_array()
            .key("priority")
            .unsigned_integer(target.options.priority)
            .key("weight")
            .unsigned_integer(target.whole_weight)
            .key("configured_weight")
            .unsigned_integer(target.options.weight);
    }

    // What active checks say; nulls where none was made.
    void write_health() {
        const int64_t since_ms = state_->health_since_ms.load(kRelaxed);
        const int64_t checked_ms = since_ms == 0 ? 0 : state_->checked_ms.load(kRelaxed);
        writer_.key("health").begin_object().key("healthy").boolean(
            state_->is_healthy.load(kRelaxed));
        if (checked_ms == 0) {
            for (const std::string_view key : {"since", "checked_at", "latency_ms", "error"}) {
                writer_.key(key).null();
            }
            writer_.end_object();
            return;
        }
        write_time("since", since_ms);
        write_time("checked_at", checked_ms);
        writer_.key("latency_ms").number(state_->check_us.load(kRelaxed) / kUsPerMs).key("error");
        const auto kind = static_cast<ErrorKind>(state_->check_error.load(kRelaxed));
        const uint16_t status = state_->check_status.load(kRelaxed);
        if (kind != ErrorKind::none) {
            writer_.string(error_kind_name(kind));
        } else if (status >= kFirstFailure) {
            writer_.string("status " + std::to_string(status));
        } else {
            writer_.null();
        }
        writer_.end_object();
    }

    void write_rests(const balance::PoolOptions& options) {
        using State = balance::CircuitBreaker::State;
        const auto status = state_->breaker.status();
        const std::string_view names[] = {"closed", "open", "half_open"};
        writer_.key("breaker")
            .begin_object()
            .key("state")
            .string(names[static_cast<size_t>(status.state)])
            .key("opened_in_a_row")
            .unsigned_integer(status.opened_count)
            .key("probing")
            .boolean(status.is_probing);
        write_until("until", status.state == State::open ? balance::ms_of(status.until) : 0);
        writer_.end_object();
        write_until("ejected_until", state_->ejected_until_ms.load(kRelaxed));
        write_until("resting_until", state_->resting_until_ms.load(kRelaxed));
        writer_.key("share").number(state_->ramp(options.slow_start_ms, moment_.now));
    }

    void write_load() {
        writer_.key("in_flight").begin_object();
        write_count("requests", state_->requests);
        write_count("decoding", state_->decoding);
        write_count("prefill_tokens", state_->prefill_tokens);
        write_count("kv_tokens", state_->kv_tokens);
        writer_.end_object()
            .key("slowdown")
            .number(state_->slowdown.value(1))
            .key("ms_per_token")
            .number(kMsPerSecond * state_->per_token_s.value(0))
            .key("failure_average")
            .number(state_->failures.value(0));
    }

    // Nulls where it was not asked, or has not answered.
    void write_engine() {
        const TargetState::EngineWord word = state_->engine_word(moment_.now);
        writer_.key("engine").begin_object();
        if (word.is_known) {
            writer_.key("waiting").unsigned_integer(word.waiting);
            writer_.key("others").unsigned_integer(word.others);
            writer_.key("kv_share").number(word.kv_share);
            writer_.key("age_seconds").number(word.age.as_seconds());
        } else {
            for (const std::string_view key : {"waiting", "others", "kv_share", "age_seconds"}) {
                writer_.key(key).null();
            }
        }
        writer_.end_object();
    }

    void write_totals() {
        writer_.key("totals").begin_object();
        write_count("selected", state_->selected_total);
        write_count("successes", state_->successes_total);
        write_count("faults", state_->faults_total);
        write_count("pushbacks", state_->pushbacks_total);
        write_count("neutral", state_->neutral_total);
        write_count("ejections", state_->ejections_total);
        writer_.end_object();
    }

    void write_last_error() {
        writer_.key("last_error");
        const int64_t at_ms = state_->last_error_ms.load(kRelaxed);
        if (at_ms == 0) {
            writer_.null();
            return;
        }
        const auto kind = static_cast<ErrorKind>(state_->last_error.load(kRelaxed));
        writer_.begin_object()
            .key("kind")
            .string(kind == ErrorKind::none ? "empty_answer" : error_kind_name(kind))
            .key("age_seconds")
            .number(static_cast<double>(now_ms() - at_ms) / kMsPerSecond)
            .end_object();
    }

    void write_connections(std::string_view llm) {
        const auto found = connections_.upstreams.find(llm);
        const UpstreamState sum =
            found == connections_.upstreams.end() ? UpstreamState() : found->second;
        writer_.key("connections")
            .begin_object()
            .key("active")
            .unsigned_integer(sum.active)
            .key("available")
            .unsigned_integer(sum.available)
            .key("max")
            .unsigned_integer(sum.connections_max)
            .key("waiting")
            .unsigned_integer(sum.waiting)
            .end_object();
    }

    json::Writer& writer_;
    const access::Moment moment_;
    const Connections& connections_;
    const TargetState* state_ = nullptr;
};

std::optional<Place> find_place(const PoolsPtr& pools,
                                std::string_view pool_name,
                                std::string_view name) {
    for (const std::unique_ptr<Pool>& pool : *pools) {
        if (pool->options().name != pool_name) {
            continue;
        }
        for (size_t i = 0; i < pool->targets().size(); ++i) {
            if (pool->targets()[i].name == name) {
                return Place{.pools = pools, .pool = pool.get(), .index = i};
            }
        }
    }
    return std::nullopt;
}

std::optional<Place> find_place(const AdminCall& call) {
    Arena arena;
    const std::optional<std::string_view> pool = decoded_parameter(call, 0, arena);
    const std::optional<std::string_view> name = decoded_parameter(call, 1, arena);
    return pool && name ? find_place(call.backend.pools(), *pool, *name) : std::nullopt;
}

// What a body asks for.
struct Change {
    std::optional<balance::Mode> mode;
    std::optional<uint32_t> weight;  // 0: that of the configuration.
};

// The problem with it, where there is one.
std::string read_change(std::string_view body, Change& change) {
    Arena arena;
    const auto parsed = json::Value::parse(body, arena, ErrorSource::client);
    if (!parsed || !(**parsed).is_object()) {
        return "the body is no JSON object";
    }
    for (const json::Value& member : **parsed) {
        const std::string_view key = json::unescape(member.key().raw, arena).value_or("");
        if (key == "mode") {
            change.mode = mode_named(json::unescape(member.text().raw, arena).value_or(""));
            if (!change.mode) {
                return "mode must be active, drained, forced_open or forced_closed";
            }
        } else if (key == "weight") {
            const std::optional<int64_t> weight =
                member.is_number() ? member.integer() : std::nullopt;
            if (!weight || *weight < 0 || *weight > kWeightMax) {
                return "weight must be a whole number from 1 to 10000, or 0 for that of the "
                       "configuration";
            }
            change.weight = static_cast<uint32_t>(*weight);
        } else {
            return "the body may have mode and weight, and nothing else";
        }
    }
    return change.mode || change.weight ? "" : "the body names neither mode nor weight";
}

// Returns the number of the change of weights; 0 without one.
uint64_t apply(const Place& place, const Change& change) {
    uint64_t number = 0;
    if (change.mode) {
        place.target().state->mode.store(*change.mode, kRelaxed);
    }
    if (change.weight) {
        number = place.pool->set_weight(place.index, *change.weight);
    }
    SLUICE_LOG(info, "admin", "a target was changed", {"pool", place.pool->options().name},
               {"target", place.target().name},
               {"mode", name_of(place.target().state->mode.load(kRelaxed))},
               {"weight", uint32_t{place.target().whole_weight}});
    return number;
}

void write_queue(json::Writer& writer, const Pool& pool) {
    writer.begin_object().key("waiting_max").unsigned_integer(pool.options().queue.waiting_max);
    writer.key("waiting").begin_object();
    for (size_t i = 0; i < kPriorities; ++i) {
        const auto priority = static_cast<Priority>(i);
        writer.key(name_of(priority)).unsigned_integer(pool.state().room.waiting(priority));
    }
    writer.end_object().end_object();
}

AdminAnswer changed_target(AdminCall& call, const Place& place, const Connections& connections) {
    AdminAnswer answer;
    json::StringText text(answer.body);
    json::Writer writer(text);
    TargetWriter target_writer(writer, call.backend.moment(), connections);
    writer.begin_object().key("in_force").boolean(connections.is_complete).key("target");
    target_writer.write(*place.pool, place.target());
    writer.end_object();
    text.finish();
    return answer;
}

}  // namespace

coro::Task<AdminAnswer> answer_targets(AdminCall& call) {
    AdminQuery query(call.query);
    const std::string pool_wanted(query.text("pool"));
    if (std::optional<AdminAnswer> refusal = query.refusal()) {
        co_return *std::move(refusal);
    }
    const Connections connections = co_await ask_connections(call);
    const PoolsPtr pools = call.backend.pools();
    AdminAnswer answer;
    json::StringText text(answer.body);
    json::Writer writer(text);
    TargetWriter target_writer(writer, call.backend.moment(), connections);
    writer.begin_object()
        .key("uptime_seconds")
        .number(call.backend.facts().uptime.as_seconds())
        .key("pools")
        .begin_array();
    for (const std::unique_ptr<Pool>& pool : *pools) {
        if (!pool_wanted.empty() && pool->options().name != pool_wanted) {
            continue;
        }
        writer.begin_object()
            .key("name")
            .string(pool->options().name)
            .key("strategy")
            .string(balance::name_of(pool->options().strategy))
            .key("in_service")
            .unsigned_integer(
                static_cast<uint64_t>(std::ranges::count_if(pool->targets(), is_in_service)))
            .key("queue");
        write_queue(writer, *pool);
        writer.key("targets").begin_array();
        for (const Target& target : pool->targets()) {
            target_writer.write(*pool, target);
        }
        writer.end_array().end_object();
    }
    writer.end_array().end_object();
    text.finish();
    co_return answer;
}

coro::Task<AdminAnswer> answer_change_target(AdminCall& call) {
    Change change;
    if (const std::string problem = read_change(call.body, change); !problem.empty()) {
        co_return admin_error(400, "invalid_target_change", problem);
    }
    const std::optional<Place> place = find_place(call);
    if (!place) {
        co_return admin_error(404, "no_such_target", "there is no such target; see /v1/targets");
    }
    const uint64_t number = apply(*place, change);
    const Connections connections = co_await ask_connections(call);
    if (connections.is_complete) {
        place->pool->forget_weights_before(number);
    }
    co_return changed_target(call, *place, connections);
}

coro::Task<AdminAnswer> tell_changed_target(AdminCall& call,
                                            const std::string& pool,
                                            const std::string& target,
                                            uint16_t status) {
    const std::optional<Place> place = find_place(call.backend.pools(), pool, target);
    SLUICE_ASSERT(place.has_value());
    const Connections connections = co_await ask_connections(call);
    AdminAnswer answer = changed_target(call, *place, connections);
    answer.status = status;
    co_return answer;
}

}  // namespace sluice::server
