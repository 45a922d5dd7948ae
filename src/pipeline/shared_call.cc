// Asking, leading, following, going alone, and what becomes of a recording.
#include "pipeline/shared_call.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/arena.h"
#include "base/error.h"
#include "base/result.h"
#include "base/text.h"
#include "base/time.h"
#include "cache/cache_key.h"
#include "cache/lookup.h"
#include "cache/options.h"
#include "cache/reply.h"
#include "cache/shared_cache.h"
#include "coro/task.h"
#include "crypto/digest.h"
#include "http/header_map.h"
#include "http/message.h"
#include "http/server_exchange.h"
#include "json/tree.h"
#include "pipeline/chain.h"
#include "pipeline/exchange_record.h"
#include "pipeline/options.h"
#include "pipeline/processor.h"
#include "pipeline/reply_note.h"
#include "pipeline/respond_error.h"
#include "pipeline/route_table.h"
#include "providers/dialect.h"
#include "providers/vendor.h"
#include "upstream/upstream.h"

namespace sluice::pipeline {

namespace {

using cache::LookupState;
using providers::Operation;

// Fields of the client that go on and choose among versions of an API.
constexpr auto kVersionFields = std::to_array<std::string_view>({
    "anthropic-beta",
    "anthropic-version",
    "openai-beta",
});

constexpr Error kLeaderLeft = {.kind = ErrorKind::cancelled, .where = "nothing was answered"};

bool has_usage_chunk(const ClientCall& call) {
    return call.dialect == providers::Dialect::chat ||
           call.dialect == providers::Dialect::completions;
}

bool has_shareable_answer(Operation operation) {
    return operation == Operation::chat || operation == Operation::completions ||
           operation == Operation::embeddings || operation == Operation::responses;
}

void add_fields(const http::HeaderMap& headers, std::string_view name, std::string& to) {
    for (const http::HeaderField& field : headers) {
        if (equals_ignoring_case(field.name, name)) {
            to += name;
            to += ':';
            to += field.value;
            to += '\n';
        }
    }
}

void tell(ProcessorContext& context, std::string_view outcome) {
    context.response_fields.set("x-cache", outcome);
}

}  // namespace

bool is_shareable(ProcessorContext& context, const json::Value& body) {
    if (!context.call.is_known || !has_shareable_answer(context.call.operation) ||
        !body.is_object()) {
        return false;
    }
    // These answer with a state that the provider keeps.
    return context.call.operation != Operation::responses ||
           (!body["background"].is_true() && body["conversation"].is_nothing());
}

bool is_deterministic(const json::Value& body) {
    const std::optional<double> temperature = body["temperature"].number();
    return (temperature && *temperature == 0.0) || body["seed"].is_number();
}

ReplyWish SharedCall::wish_of(const ProcessorContext& context, const json::Value& body) {
    const bool has_chunk = context.wants_stream && has_usage_chunk(context.call);
    return {.stream = context.wants_stream,
            .needs_chunk = has_usage_chunk(context.call),
            .wants_chunk = has_chunk && body["stream_options"]["include_usage"].is_true()};
}

// Everything that chooses who is asked, and how, is part of it.
cache::KeyRef SharedCall::make_key(ProcessorContext& context,
                                   const json::Value& body,
                                   const SharingIdentity& identity) const {
    const Route& route = *context.route;
    const std::string_view query = context.head == nullptr ? "" : context.head->query;
    const std::string_view target =
        context.arena.join({route.options->path_prefix, "\n", route.pool->name, "\n",
                            route.pool->first().upstream->options().base_url, "\n",
                            route.model_for(context.record.model), "\n", query});
    const std::string_view operation =
        context.arena.join({identity.kind, " ", operation_name(context.call.operation), " ",
                            providers::dialect_name(context.call.dialect)});
    // What other rules let pass may not pass these (a reload, a snapshot of an earlier process).
    std::string variant = route.chain == nullptr ? std::string() : route.chain->rules_digest();
    if (context.head != nullptr) {
        for (const std::string_view name : kVersionFields) {
            add_fields(context.head->headers, name, variant);
        }
        for (const std::string& name : identity.vary_headers) {
            add_fields(context.head->headers, name, variant);
        }
    }
    return resources_.cache_keys->make({.operation = operation,
                                        .target = target,
                                        .tenant = identity.tenant,
                                        .model = context.record.model,
                                        .variant = variant},
                                       body);
}

void SharedCall::bypass(ProcessorContext& context) {
    context.record.cache = CacheOutcome::bypass;
    tell(context, "BYPASS");
}

// --- Asking. -----------------------------------------------------------------------------------

Verdict SharedCall::ask(ProcessorContext& context,
                        cache::KeyRef key,
                        const SharingPlan& plan,
                        const ReplyWish& wish) {
    plan_ = plan;
    wish_ = wish;
    key_ = std::move(key);
    if (!key_) {
        bypass(context);
        return Verdict::proceed();
    }
    context.record.cache_key = context.arena.copy(crypto::hex(key_->digest()));
    if (!plan.reads_store && !plan.coalesces) {
        return go_alone(context, true);
    }
    lookup_.emplace(*resources_.cache, context.client->signal());
    lookup().ask(key_, {.reads_store = plan.reads_store,
                        .coalesces = plan.coalesces,
                        .wants_pieces = context.wants_stream});
    const std::optional<Verdict> verdict = look(context);
    return verdict ? *verdict : Verdict::wait();
}

coro::Task<Verdict> SharedCall::wait(ProcessorContext& context) {
    while (true) {
        if (const std::optional<Verdict> verdict = look(context)) {
            co_return *verdict;
        }
        if (const std::optional<Error> stop = context.patience->reason_to_stop()) {
            lookup_.reset();
            co_return Verdict::failed(*stop);
        }
        co_await context.client->signal().wait();
    }
}

std::optional<Verdict> SharedCall::look(ProcessorContext& context) {
    switch (lookup().state()) {
        case LookupState::idle:
        case LookupState::asked:
            return std::nullopt;
        case LookupState::hit:
            return take_hit(context);
        case LookupState::leads:
            return lead(context);
        case LookupState::joined:
            return look_at_joined(context);
        case LookupState::missed:
            return go_alone(context, !plan_.coalesces);
        case LookupState::failed:
            break;
    }
    const Error error = lookup().error();
    return context.refuse(error.kind, provider_error_for(error, {}, context.arena));
}

Verdict SharedCall::take_hit(ProcessorContext& context) {
    const bool is_too_old = plan_.age_max.has_value() && lookup().age() > *plan_.age_max;
    player_.emplace(context, wish_);
    if (is_too_old || !player().can_play(lookup().reply())) {
        return go_alone(context, true);
    }
    const bool is_joined = lookup().was_joined();
    context.record.cache = is_joined ? CacheOutcome::join : CacheOutcome::hit;
    context.record.is_cached = true;
    tell(context, is_joined ? "JOIN" : "HIT");
    if (!is_joined) {
        const auto age_s = static_cast<uint64_t>(lookup().age().ms() / 1000);
        context.response_fields.set("age", context.arena.copy(std::to_string(age_s)));
    }
    return Verdict::answer();
}

// A stream can be read while it comes. Everybody else waits for the end, which is told as a hit.
std::optional<Verdict> SharedCall::look_at_joined(ProcessorContext& context) {
    const cache::LiveReader& reader = lookup().reader();
    if (reader.has_ended()) {
        // It was too large to be kept, and nothing of it was read.
        return go_alone(context, false);
    }
    // Without any of it there is nothing to begin a response with, and it may yet be asked anew.
    if (!wish_.stream || !reader.head() || reader.available_bytes() == 0) {
        return std::nullopt;
    }
    const cache::ReplyHead head = reader.head()->head();
    if (head.form != cache::ReplyForm::stream) {
        return std::nullopt;
    }
    if (wish_.wants_chunk && !ReplyNote::read(head.note).tells_usage) {
        return go_alone(context, false);
    }
    lookup().commit();
    player_.emplace(context, wish_);
    context.record.cache = CacheOutcome::join;
    context.record.is_cached = true;
    tell(context, "JOIN");
    return Verdict::answer();
}

coro::Task<Status> SharedCall::answer(ProcessorContext& /*context*/) {
    if (lookup().state() == LookupState::hit) {
        return player().play(lookup().reply(), plan_.pace);
    }
    return player().follow(lookup());
}

Verdict SharedCall::lead(ProcessorContext& context) {
    recorder_.use(lookup());
    context.record.cache = CacheOutcome::miss;
    context.records_usage = wish_.needs_chunk && !wish_.wants_chunk;
    if (plan_.tells_all) {
        tell(context, "MISS");
    }
    return Verdict::proceed();
}

// `records`: what comes is the newest answer, and is kept.
Verdict SharedCall::go_alone(ProcessorContext& context, bool records) {
    lookup_.reset();
    player_.reset();
    context.record.cache = CacheOutcome::miss;
    if (plan_.tells_all) {
        tell(context, "MISS");
    }
    if (plan_.only_if_cached) {
        return context.refuse(
            ErrorKind::unavailable,
            {.status = 504,
             .type = "invalid_request_error",
             .code = "not_in_cache",
             .message = "The cache has no answer, and only-if-cached was asked."});
    }
    if (records && plan_.stores) {
        recording_.emplace(resources_.cache->recording_budget(),
                           resources_.cache->options().entry_bytes_max);
        recorder_.use(*recording_);
        context.records_usage = wish_.needs_chunk && !wish_.wants_chunk;
    }
    return Verdict::proceed();
}

// --- Recording. --------------------------------------------------------------------------------

void SharedCall::on_response_head(ProcessorContext& context, const ResponseView& view) {
    if (!recorder_.is_in_use() || recorder_.has_begun()) {
        return;
    }
    if (view.is_encoded) {
        recorder_.stop();
        return;
    }
    const bool promises_usage = !wish_.needs_chunk || wish_.wants_chunk || view.hides_usage;
    recorder_.begin(view, promises_usage, context.now);
}

void SharedCall::on_response_body(ProcessorContext& /*context*/, std::string_view bytes) {
    if (recorder_.is_in_use() && recorder_.has_begun()) {
        recorder_.body(bytes, resources_.cache->now());
    }
}

void SharedCall::on_hidden_body(ProcessorContext& /*context*/, std::string_view bytes) {
    if (recorder_.is_in_use() && recorder_.has_begun()) {
        recorder_.hidden(bytes, resources_.cache->now());
    }
}

bool SharedCall::has_followers() const {
    return lookup_.has_value() && lookup_->state() == LookupState::leads && recorder_.is_in_use() &&
           lookup_->joiners() > 0;
}

// An answer is kept when it is a success and whole. An error is told to those who wait for it when
// it is the upstream's; one of this exchange alone means nothing to them, and one of them leads
// next.
void SharedCall::on_end(ProcessorContext& context) {
    const bool leads = lookup_ && lookup().state() == LookupState::leads;
    if (!leads && !recording_) {
        return;
    }
    ExchangeRecord& record = context.record;
    const bool is_finished = recorder_.is_in_use() && recorder_.has_begun() &&
                             recorder_.is_at_boundary() && context.client != nullptr &&
                             context.client->response_state() == http::ResponseState::finished;
    const bool is_good = record.error.kind == ErrorKind::none;
    const bool is_told = is_finished && (is_good || record.error.source == ErrorSource::upstream);
    const bool is_success = context.client != nullptr && context.client->response_status() == 200;
    const bool is_kept = is_told && is_good && is_success && !record.reply_failed && plan_.stores &&
                         (record.is_stream || recorder_.ends_like_an_object());
    if (leads) {
        end_lead(context, is_told, is_kept);
    } else if (is_kept) {
        const std::string note = recorder_.note(record.usage, wish_.needs_chunk).text();
        if (cache::ReplyRef reply = recording_->finish(note)) {
            resources_.cache->store(key_, std::move(reply), plan_.ttl);
            record.cache = CacheOutcome::store;
        }
    }
    recorder_.stop();
}

void SharedCall::end_lead(ProcessorContext& context, bool is_told, bool is_kept) {
    ExchangeRecord& record = context.record;
    if (!is_told) {
        const bool is_upstreams =
            record.error.source == ErrorSource::upstream && record.error.kind != ErrorKind::none;
        lookup().fail(is_upstreams ? record.error : kLeaderLeft);
        return;
    }
    if (is_kept && lookup().is_whole()) {
        record.cache = CacheOutcome::store;
    }
    const std::string note = recorder_.note(record.usage, wish_.needs_chunk).text();
    lookup().finish(is_kept ? cache::Keep::stored : cache::Keep::only_for_joiners, plan_.ttl, note);
}

}  // namespace sluice::pipeline
