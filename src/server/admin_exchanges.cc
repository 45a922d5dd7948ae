// GET /v1/exchanges: the last exchanges of all shards, with the time of each phase; and one of them
// with its content, where that is kept.
//
// Each shard is asked for its newest ones, which it copies out of a ring (recent_exchanges.h); they
// are merged and written here, on the control shard.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/decimal.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "base/time.h"
#include "config/config.h"
#include "coro/task.h"
#include "json/writer.h"
#include "net/shard.h"
#include "pipeline/exchange_record.h"
#include "server/admin_api.h"
#include "server/admin_handlers.h"
#include "server/admin_query.h"
#include "server/ask_shards.h"
#include "server/recent_exchanges.h"
#include "server/shard_body.h"
#include "trace/content.h"
#include "upstream/options.h"

namespace sluice::server {

namespace {

constexpr Duration kShardPatience = Duration::seconds(1);
constexpr uint64_t kExchangesAtOnce = 100;
constexpr uint64_t kExchangesAtOnceMax = 1'000;
constexpr double kUsPerMs = 1'000;
constexpr int64_t kNsPerUs = 1'000;
constexpr int kDollarPlacesMin = 6;

class ExchangeWriter {
public:
    ExchangeWriter(json::Writer& writer, const config::Config& config)
        : writer_(writer), config_(config) {}

    void write(const RecentExchange& exchange) {
        writer_.begin_object();
        write_request(exchange);
        write_outcome(exchange);
        write_tokens(exchange);
        write_cost(exchange);
        write_offsets(exchange);
        writer_.key("has_content").boolean(exchange.has_content);
        writer_.end_object();
    }
    void write(const ExchangeWithContent& one) {
        writer_.begin_object().key("exchange");
        write(one.exchange);
        writer_.key("content");
        if (one.content == nullptr) {
            writer_.null();
        } else {
            writer_.begin_object();
            write_body("request", one.content->request);
            write_body("response", one.content->reply);
            writer_.end_object();
        }
        writer_.end_object();
    }

private:
    // Null for what is empty.
    void text(std::string_view key, std::string_view value) {
        writer_.key(key);
        if (value.empty()) {
            writer_.null();
        } else {
            writer_.string(value);
        }
    }
    void number(std::string_view key, uint64_t value) { writer_.key(key).unsigned_integer(value); }
    void milliseconds(std::string_view key, int64_t us) {
        writer_.key(key);
        if (us == ExchangeOffsets::kNever) {
            writer_.null();
        } else {
            writer_.number(static_cast<double>(us) / kUsPerMs);
        }
    }
    std::string_view provider_of(std::string_view upstream) const {
        const auto found =
            std::ranges::find(config_.upstreams, upstream, &upstream::UpstreamOptions::name);
        return found == config_.upstreams.end() ? std::string_view() : found->provider;
    }

    // What is no text, of an image for example, is one with replacements.
    void write_body(std::string_view key, const trace::KeptBody& body) {
        writer_.key(key).begin_object().key("text").string(body.view());
        writer_.key("is_cut").boolean(body.is_cut()).end_object();
    }
    void write_request(const RecentExchange& exchange) {
        const int64_t total_us = std::max<int64_t>(exchange.offsets.ended, 0);
        clock_.set(exchange.ended_at_ns - total_us * kNsPerUs);
        text("request_id", exchange.request_id.view());
        writer_.key("started_at").string(clock_.text());
        text("method", exchange.method.view());
        text("path", exchange.path.view());
        text("operation", exchange.operation.view());
        text("model", exchange.model.view());
        text("upstream_model", exchange.upstream_model.view());
        text("route", exchange.route.view());
        text("pool", exchange.pool.view());
        text("upstream", exchange.upstream.view());
        text("provider", provider_of(exchange.series.view()));
        text("key", exchange.key.view());
        text("tenant", exchange.tenant.view());
        writer_.key("stream").boolean(exchange.is_stream);
        number("request_bytes", exchange.request_bytes);
        number("shard", exchange.shard);
        number("number", exchange.number);
    }
    void write_outcome(const RecentExchange& exchange) {
        const bool is_broken = exchange.error != ErrorKind::none;
        number("status", exchange.status);
        number("upstream_status", exchange.upstream_status);
        number("attempts", exchange.attempts);
        writer_.key("reused").boolean(exchange.connection_reused);
        text("cache", pipeline::cache_outcome_name(exchange.cache));
        text("hedge", pipeline::hedge_outcome_name(exchange.hedge));
        number("response_bytes", exchange.response_bytes);
        number("events", exchange.events);
        text("refusal", exchange.refusal.view());
        text("queue_refusal", pipeline::queue_refusal_name(exchange.queue_refusal));
        writer_.key("error");
        if (!is_broken) {
            writer_.null();
            return;
        }
        writer_.begin_object()
            .key("kind")
            .string(error_kind_name(exchange.error))
            .key("source")
            .string(error_source_name(exchange.error_source))
            .key("phase")
            .string(pipeline::phase_name(exchange.ended_in));
        text("detail", exchange.error_detail.view());
        writer_.end_object();
    }
    // Of an answer out of the cache: what it once took.
    void write_tokens(const RecentExchange& exchange) {
        writer_.key("tokens");
        if (!exchange.usage.is_known) {
            writer_.null();
            return;
        }
        writer_.begin_object();
        number("prompt", exchange.usage.prompt_tokens);
        number("cached", exchange.usage.cached_tokens);
        number("completion", exchange.usage.completion_tokens);
        number("reasoning", exchange.usage.reasoning_tokens);
        writer_.key("estimated").boolean(exchange.usage.is_estimated);
        writer_.end_object();
    }
    void write_cost(const RecentExchange& exchange) {
        writer_.key("cost_usd");
        if (!exchange.is_priced || !exchange.usage.is_known) {
            writer_.null();
            return;
        }
        std::string dollars;
        append_scaled(dollars, exchange.cost_pico_usd, kPicoPlaces, kDollarPlacesMin);
        writer_.raw(dollars);
    }
    void write_offsets(const RecentExchange& exchange) {
        const ExchangeOffsets& offsets = exchange.offsets;
        writer_.key("offsets_ms").begin_object();
        milliseconds("received", offsets.received);
        milliseconds("lease_begun", offsets.lease_begun);
        milliseconds("leased", offsets.leased);
        milliseconds("sent", offsets.sent);
        milliseconds("first_byte", offsets.first_byte);
        milliseconds("responded", offsets.responded);
        milliseconds("first_event", offsets.first_event);
        milliseconds("ended", offsets.ended);
        writer_.end_object();
        milliseconds("queued_ms", exchange.queued_us);
        milliseconds("retried_ms", exchange.retried_us);
    }

    json::Writer& writer_;
    const config::Config& config_;
    LogClock clock_;
};

}  // namespace

AdminAnswer tell_exchanges(std::span<const RecentExchange* const> exchanges,
                           const config::Config& config,
                           bool is_complete) {
    AdminAnswer answer;
    json::StringText text(answer.body);
    json::Writer writer(text);
    writer.begin_object()
        .key("recent_exchanges_max")
        .unsigned_integer(config.admin.recent_exchanges_max)
        .key("complete")
        .boolean(is_complete)
        .key("exchanges")
        .begin_array();
    ExchangeWriter exchange_writer(writer, config);
    for (const RecentExchange* const exchange : exchanges) {
        exchange_writer.write(*exchange);
    }
    writer.end_array().end_object();
    text.finish();
    return answer;
}

AdminAnswer tell_exchange(const ExchangeWithContent& one, const config::Config& config) {
    AdminAnswer answer;
    json::StringText text(answer.body);
    json::Writer writer(text);
    ExchangeWriter(writer, config).write(one);
    text.finish();
    return answer;
}

coro::Task<AdminAnswer> answer_exchanges(AdminCall& call) {
    AdminQuery query(call.query);
    const uint64_t limit = query.number("limit", kExchangesAtOnce, kExchangesAtOnceMax);
    if (std::optional<AdminAnswer> refusal = query.refusal()) {
        co_return *std::move(refusal);
    }
    const auto ask = [limit](net::Shard& shard) { return ShardBody::recent_of(shard, limit); };
    const auto is_over = [&call] { return call.is_client_gone(); };
    const std::vector<std::optional<std::vector<RecentExchange>>> parts =
        co_await ask_shards(call.backend.shards(), call.signal, ask, kShardPatience, is_over);
    const bool is_complete =
        std::ranges::all_of(parts, [](const auto& part) { return part.has_value(); });
    co_return tell_exchanges(newest_of(parts, limit), call.backend.config(), is_complete);
}

// Only the shard that it is of looks for it.
coro::Task<AdminAnswer> answer_exchange(AdminCall& call) {
    AdminQuery query(call.query);
    if (std::optional<AdminAnswer> refusal = query.refusal()) {
        co_return *std::move(refusal);
    }
    const auto shard_index = parse_decimal(call.parameters[0]);
    const auto number = parse_decimal(call.parameters[1]);
    if (!shard_index || !number) {
        co_return admin_error(404, "no_such_exchange", "expected the numbers of an exchange");
    }
    const auto ask = [shard_index, number](net::Shard& shard) {
        return shard.index() == *shard_index ? ShardBody::recent_of_number(shard, *number)
                                             : std::nullopt;
    };
    const auto is_over = [&call] { return call.is_client_gone(); };
    const std::vector<std::optional<std::optional<ExchangeWithContent>>> parts =
        co_await ask_shards(call.backend.shards(), call.signal, ask, kShardPatience, is_over);
    if (*shard_index < parts.size()) {
        const std::optional<std::optional<ExchangeWithContent>>& part = parts[*shard_index];
        if (!part) {
            co_return admin_error(503, "no_answer", "the shard has not answered in time");
        }
        if (*part) {
            co_return tell_exchange(**part, call.backend.config());
        }
    }
    co_return admin_error(404, "no_such_exchange",
                          "there is no such exchange among the last ones; see /v1/exchanges");
}

}  // namespace sluice::server
