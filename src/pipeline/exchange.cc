// The order of an exchange, the choice of its route, and its end.
#include "pipeline/exchange.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/local_ptr.h"
#include "base/result.h"
#include "base/slice_queue.h"
#include "base/text.h"
#include "base/time.h"
#include "coro/task.h"
#include "http/h1_writer.h"
#include "http/header_names.h"
#include "http/message.h"
#include "http/server_exchange.h"
#include "http/types.h"
#include "json/splice.h"
#include "json/unescape.h"
#include "pipeline/chain.h"
#include "pipeline/client_call.h"
#include "pipeline/content_capture.h"  // IWYU pragma: keep; it is destroyed here.
#include "pipeline/continuation.h"     // IWYU pragma: keep, it is behind a pointer
#include "pipeline/cors.h"
#include "pipeline/exchange_cost.h"
#include "pipeline/exchange_record.h"
#include "pipeline/forward_headers.h"
#include "pipeline/hedge.h"  // IWYU pragma: keep; it is destroyed here.
#include "pipeline/output_text.h"
#include "pipeline/processor.h"
#include "pipeline/refused.h"
#include "pipeline/request_fields.h"
#include "pipeline/request_id.h"
#include "pipeline/request_intake.h"
#include "pipeline/respond_error.h"
#include "pipeline/route_table.h"
#include "pipeline/service.h"
#include "pipeline/snapshot.h"
#include "pipeline/target_choice.h"  // IWYU pragma: keep; it is destroyed here.
#include "pipeline/translated.h"     // IWYU pragma: keep; it is destroyed here.
#include "providers/dialect.h"
#include "providers/provider_error.h"

namespace sluice::pipeline {

namespace {

using http::HeaderId;

// A client that ended its direction is asked again after this long whether it is still there.
constexpr Duration kProbeInterval = Duration::seconds(5);
// Around the message of an error.
constexpr size_t kErrorBodyBytes = 256;
// Paths are logged up to here.
constexpr size_t kLoggedPathBytesMax = 256;

bool is_relayed_method(http::Method method) {
    return method == http::Method::get || method == http::Method::post ||
           method == http::Method::delete_method;
}

// Endpoints to which an empty body means nothing; others (a cancel, say) take a POST without one.
bool needs_body(const http::RequestHead& head) {
    constexpr std::string_view kEndpoints[] = {"/completions", "/responses", "/embeddings"};
    return head.method == http::Method::post &&
           std::any_of(std::begin(kEndpoints), std::end(kEndpoints),
                       [&](std::string_view end) { return head.path.ends_with(end); });
}

}  // namespace

std::string_view phase_name(Phase phase) {
    switch (phase) {
        case Phase::request:
            return "request";
        case Phase::connect:
            return "connect";
        case Phase::first_byte:
            return "first_byte";
        case Phase::relay:
            return "relay";
        case Phase::done:
            return "done";
    }
    return "";
}

std::string_view cache_outcome_name(CacheOutcome outcome) {
    switch (outcome) {
        case CacheOutcome::none:
            return "";
        case CacheOutcome::bypass:
            return "bypass";
        case CacheOutcome::hit:
            return "hit";
        case CacheOutcome::join:
            return "join";
        case CacheOutcome::miss:
            return "miss";
        case CacheOutcome::store:
            return "store";
    }
    return "";
}

Exchange::Exchange(Services& services, LocalPtr<Snapshot> snapshot, http::ServerExchange& client)
    : client_(client),
      total_(services.proactor, client.signal()),
      next_probe_(services.proactor, client.signal()),
      services_(services),
      snapshot_(std::move(snapshot)),
      keys_(services.keys) {}

Exchange::~Exchange() = default;

std::optional<Error> Exchange::reason_to_stop() {
    if (client_.is_client_gone()) {
        Error error = client_.stream().error();
        if (error.kind != ErrorKind::shutting_down) {
            error.kind = ErrorKind::cancelled;
            error.where = "the client left";
        }
        if (error.kind != ErrorKind::cancelled || !has_followers()) {
            return error;
        }
        is_left_behind_ = true;
    }
    if (total_.has_passed()) {
        return Error{.kind = ErrorKind::total_timeout,
                     .source = ErrorSource::upstream,
                     .where = "the total timeout passed"};
    }
    look_at_half_closed_client();
    return std::nullopt;
}

// A client that ended its direction may wait for the answer or be gone. Only bytes tell: a closed
// socket answers them with a reset. One that has closed its TLS session first may have swallowed
// what it was asked then, so it is asked again when its connection ends as well.
void Exchange::look_at_half_closed_client() {
    if (!client_.is_client_half_closed()) {
        return;
    }
    const bool is_news =
        client_.stream().is_transport_ended() && !std::exchange(asked_at_end_, true);
    if (half_closed_ && !is_news && !next_probe_.has_passed()) {
        return;
    }
    if (!half_closed_) {
        half_closed_ = true;
        client_.stream().watch_for_hangup();
    }
    if (probe_ != nullptr) {
        probe_->probe();
    } else {
        client_.probe_half_closed();
    }
    next_probe_.set(kProbeInterval);
}

coro::Task<void> Exchange::run() {
    services_.telemetry.on_exchange_begin();
    const Status done = co_await serve();
    const Error error = done ? Error{.kind = ErrorKind::none} : done.error();
    const bool is_unanswered = client_.response_state() == http::ResponseState::none;
    if (!done && is_unanswered && (!client_.is_client_gone() || is_left_behind_)) {
        respond_with_error(error);
    }
    if (!done && owes_error_ && !client_.is_client_gone()) {
        tell_in_stream(error);
    }
    if (client_.response_state() != http::ResponseState::finished) {
        client_.abort_response();
    }
    if (hedge_ != nullptr) {
        co_await end_hedge();
    }
    finish(error);
}

// Copies what is needed after the request's bytes are let go.
Status Exchange::begin() {
    const http::RequestHead& head = client_.head();
    Arena& arena = client_.arena();
    record_.began = client_.started_at();
    record_.client = client_.stream().peer_address();
    record_.method = arena.copy(head.method_text);
    record_.path = arena.copy(head.path.substr(0, kLoggedPathBytesMax));
    call_ = client_call(head.method, head.path);
    record_.operation = call_.is_known ? operation_name(call_.operation) : record_.path;
    record_.request_id = choose_request_id(head.headers.value(HeaderId::x_request_id),
                                           snapshot_->accepts_request_ids, services_.prng, arena);
    begin_trace();
    begin_content();
    if (!snapshot_->cors.allowed_origins.empty()) {
        origin_ = arena.copy(head.headers.value(HeaderId::origin));
    }
    if (!is_relayed_method(head.method)) {
        return fail({.kind = ErrorKind::method_not_allowed, .source = ErrorSource::client});
    }
    if (head.headers.has(HeaderId::content_encoding) &&
        !equals_ignoring_case(head.headers.value(HeaderId::content_encoding), "identity")) {
        return fail({.kind = ErrorKind::unsupported_encoding,
                     .source = ErrorSource::client,
                     .where = "request bodies must not be compressed"});
    }
    return {};
}

coro::Task<Status> Exchange::serve() {
    CO_TRY_VOID(begin());
    const PathRoutes* path = snapshot_->table.find(client_.head().path);
    if (call_.operation == providers::Operation::models && lists_models_itself(path)) {
        std::span<const Route* const> routes = snapshot_->table.all();
        if (path != nullptr) {
            routes = path->routes;
        }
        co_return co_await list_models(routes);
    }
    if (path == nullptr) {
        co_return fail({.kind = ErrorKind::no_route, .source = ErrorSource::client});
    }
    CO_TRY_VOID(run_early_processors(*path));
    intake_ = std::make_unique<RequestIntake>(
        client_, path->body_bytes_max(client_.options().request_body_bytes_max), content_.get());
    CO_TRY_VOID(co_await receive_request(*path));
    record_.received = clock();
    CO_TRY_VOID(choose_route(*path));
    record_.route = route_->index;
    total_.set(Duration::milliseconds(target_->upstream->options().timeouts.total_ms));
    if (route_->chain != nullptr) {
        CO_TRY(const bool answers, co_await run_processors());
        if (answers) {
            co_return co_await chain_->answer();
        }
    }
    co_return co_await answer();
}

// By one target, or by another one where it fails.
coro::Task<Status> Exchange::answer() {
    watch_reply();
    CO_TRY_VOID(co_await choose_target());
    bool has_reply = false;  // Of a second target, which was quicker.
    while (true) {
        Status done;
        if (has_reply) {
            done = co_await pass_on_reply();
        } else {
            done = co_await ask_target();
        }
        if (done) {
            co_return done;
        }
        CO_TRY(has_reply, co_await turns_to_hedge(done.error()));
        if (has_reply) {
            continue;
        }
        CO_TRY(const bool again, co_await goes_elsewhere(done.error()));
        if (again) {
            continue;
        }
        if (refused_ != nullptr && refused_->told == refusal_ && !has_told_part()) {
            CO_TRY_VOID(pass_refusal(*refused_));
        }
        co_return done;
    }
}

// In its own dialect if it is the client's, else translated.
coro::Task<Status> Exchange::ask_target() {
    if (target_->upstream->options().is_simulated()) {
        if (has_told_part()) {
            co_return fail({.kind = ErrorKind::no_operation,
                            .source = ErrorSource::gateway,
                            .where = "a simulator does not go on with another one's answer"});
        }
        end_race();
        co_return co_await simulate();
    }
    if (!target_->service->can_serve(call_)) {
        co_return fail({.kind = ErrorKind::no_operation, .source = ErrorSource::client});
    }
    note_dialects();
    CO_TRY_VOID(check_filters());
    if (must_translate(*target_)) {
        if (call_.operation == providers::Operation::embeddings) {
            co_return co_await translate_embeddings();
        }
        co_return co_await translate();
    }
    edit_relayed_request();
    CO_TRY_VOID(co_await ask());
    co_return co_await relay();
}

// It does not speak the client's API, or what it says must be read on the way.
bool Exchange::must_translate(const LlmTarget& target) const {
    return !target.service->relays(call_) || (!reply_filters().empty() && has_reply_text(call_)) ||
           continues_streams();
}

void Exchange::note_dialects() {
    const Service& service = *target_->service;
    record_.has_dialects = true;
    record_.client_dialect = call_.dialect;
    record_.upstream_dialect = service.relays(call_) ? call_.dialect : service.vendor().dialect;
}

// One upstream that speaks the client's API lists its models itself.
bool Exchange::lists_models_itself(const PathRoutes* path) const {
    if (path == nullptr) {
        return !snapshot_->routes.empty();
    }
    const Route& first = *path->routes.front();
    const bool is_one = std::ranges::all_of(
        path->routes, [&](const Route* route) { return route->pool == first.pool; });
    const bool is_plain = first.options->models.empty() && first.options->model_aliases.empty() &&
                          first.pool->keeps_model_names() && !first.pool->has_choice();
    return !is_one || !is_plain || path->authenticates() ||
           !(first.pool->is_simulated() || first.pool->relays(call_));
}

// What little a request that is relayed needs: the upstream's name for the model, and that its
// stream reports the usage. Everything else stays byte for byte.
void Exchange::edit_relayed_request() {
    if (!intake_->has_body() || !intake_->is_complete()) {
        return;
    }
    const bool asks_for_usage = must_ask_for_usage(*target_);
    if (record_.upstream_model.empty() && !asks_for_usage) {
        return;
    }
    strips_usage_ = strips_usage_ || asks_for_usage;
    intake_->replace_held(edited_for(record_.upstream_model, asks_for_usage, intake_->held()));
}

bool Exchange::must_ask_for_usage(const LlmTarget& target) const {
    return call_.is_chat() && wants_stream_ && !include_usage_ && target.service->asks_for_usage();
}

// `body`, a complete one, with what `model` and the wish for usage change of it.
SliceQueue Exchange::edited_for(std::string_view model, bool asks_for_usage, SliceQueue& body) {
    json::Splice splice(body);
    if (!model.empty()) {
        splice.replace(model_field_, json::quote(model, client_.request_arena()));
    }
    if (asks_for_usage) {
        intake_->ask_for_usage(splice);
    }
    SliceQueue edited;
    splice.apply(edited);
    return edited;
}

Status Exchange::choose_route(const PathRoutes& path) {
    if (!intake_->has_body() && needs_body(client_.head())) {
        return fail({.kind = ErrorKind::invalid_json,
                     .source = ErrorSource::client,
                     .where = "the body is empty"});
    }
    if (!intake_->has_body() || !intake_->is_complete()) {
        route_ = path.find({});
        route_ = route_ == nullptr ? path.routes.front() : route_;
        turn_to(route_->pool->first());
        return {};
    }
    TRY(const RequestFields fields, intake_->fields(client_.arena()));
    const std::string_view model = fields.model.value_or(std::string_view());
    record_.model = model;
    wants_stream_ = fields.stream;
    route_ = path.find(model);
    if (route_ == nullptr && !fields.model) {
        return fail({.kind = ErrorKind::invalid_field,
                     .source = ErrorSource::client,
                     .where = "you must provide a model parameter"});
    }
    if (route_ == nullptr) {
        return fail({.kind = ErrorKind::no_model, .source = ErrorSource::client});
    }
    if (fields.stream && !route_->options->allow_streaming) {
        return fail({.kind = ErrorKind::streaming_not_allowed, .source = ErrorSource::client});
    }
    if (!fields.stream && !route_->options->allow_non_streaming) {
        return fail({.kind = ErrorKind::streaming_required, .source = ErrorSource::client});
    }
    turn_to(route_->pool->first());
    name_model(fields);
    include_usage_ = fields.include_usage;
    wants_tier_ = fields.wants_tier;
    return {};
}

// What the target calls the model that the body names, and where the name stands.
void Exchange::name_model(const RequestFields& fields) {
    model_field_ = fields.model ? fields.model_field : model_field_;
    record_.upstream_model = name_at(*target_, fields);
}

// What `target` calls the model; empty when that is what the client calls it.
std::string_view Exchange::name_at(const LlmTarget& target, const RequestFields& fields) {
    if (!fields.model) {
        return {};
    }
    const std::string_view named = *fields.model;
    const std::string_view wanted = route_->model_for(named, target);
    // A processor may have named it anew.
    const bool is_other = wanted != named || named != record_.model;
    return is_other ? client_.arena().copy(wanted) : std::string_view();
}

void Exchange::respond_with_error(const Error& error) {
    std::string detail;
    switch (error.kind) {
        case ErrorKind::no_route:
        case ErrorKind::method_not_allowed:
            detail = std::string(record_.method) + " " + std::string(record_.path);
            break;
        case ErrorKind::no_operation:
            detail = std::string(record_.path);
            break;
        case ErrorKind::no_model:
            detail = record_.model;
            break;
        case ErrorKind::invalid_json:
            if (intake_ != nullptr) {
                detail = " (at byte " + std::to_string(intake_->json_error_offset()) + ")";
            }
            break;
        default:
            break;
    }
    const providers::ProviderError& answer =
        refusal_ != nullptr ? *refusal_
                            : client_.arena().make<providers::ProviderError>(
                                  provider_error_for(error, detail, client_.arena()));
    const providers::ClientDialect& dialect = error_dialect(call_.dialect);
    const uint16_t status = dialect.status(answer.status);
    BodyText body(answer.message.size() + kErrorBodyBytes);
    dialect.encode_error(answer, record_.request_id, body);
    http::HeadWriter writer = client_.begin_response(status);
    writer.field(HeaderId::content_type, "application/json");
    if (error.kind == ErrorKind::method_not_allowed) {
        writer.field(HeaderId::allow, "GET, POST, DELETE");
    }
    write_refusal_fields(writer, answer);
    write_own_fields(writer, {status, "application/json"});
    if (client_.respond(writer, status, body.take())) {
        record_.responded = clock();
    }
}

void Exchange::write_own_fields(http::HeadWriter& writer,
                                const ResponseView& view,
                                bool is_relayed) {
    writer.field(HeaderId::x_request_id, record_.request_id);
    // Where Anthropic's clients look for it; in a relayed head it stands already.
    if (call_.dialect == providers::Dialect::messages && !is_relayed) {
        writer.field("request-id", record_.request_id);
    }
    if (snapshot_->sends_server_timing) {
        write_server_timing(writer);
    }
    write_cors_fields(writer, snapshot_->cors, origin_);
    write_processors_fields(writer, view);
}

// Server-Timing (W3C): milliseconds; `sluice` is our own share up to this response head.
void Exchange::write_server_timing(http::HeadWriter& writer) {
    // Three names, and three numbers of 20 digits and three more.
    std::array<char, 128> text;
    char* at = text.data();
    const auto append = [&at](std::string_view name, Duration duration) {
        const int64_t us = duration.us() < 0 ? 0 : duration.us();
        at = std::copy(name.begin(), name.end(), at);
        at += write_decimal(static_cast<uint64_t>(us / 1000), at);
        const auto thousandths = static_cast<uint64_t>(us % 1000);
        *at++ = '.';
        *at++ = static_cast<char>('0' + thousandths / 100);
        *at++ = static_cast<char>('0' + thousandths / 10 % 10);
        *at++ = static_cast<char>('0' + thousandths % 10);
    };
    const Duration leasing = record_.leased - record_.lease_begun;
    append("sluice;dur=", (clock() - record_.began) - waited_ - leasing);
    if (record_.leased.is_set()) {
        append(", connect;dur=", leasing);
    }
    if (record_.first_byte.is_set() && record_.sent.is_set()) {
        append(", upstream;dur=", record_.first_byte - record_.sent);
    }
    writer.field(HeaderId::server_timing, {text.data(), at});
}

// By the prices of the time when it began.
void Exchange::price() {
    constexpr int64_t kSecondNs = 1'000'000'000;
    const int64_t now_s = services_.proactor.ring().wall_clock_ns() / kSecondNs;
    price_exchange(record_, target_snapshot(), now_s - (clock() - record_.began).us() / 1'000'000);
}

void Exchange::finish(const Error& error) {
    lease_.drop();
    record_.error = error;
    record_.ended = clock();
    record_.status = client_.response_status();
    if (record_.status == 0 || error.kind == ErrorKind::cancelled) {
        record_.status = error.kind == ErrorKind::cancelled ? 499 : record_.status;
    }
    record_.request_body_bytes = client_.body_bytes();
    record_.response_body_bytes = client_.response_body_bytes();
    end_attempt_note(error);
    end_trace();
    end_content();
    end_attempt(error);
    price();
    end_processors();
    if (is_left_behind_ && error.kind == ErrorKind::none) {
        record_.status = 499;
        record_.error = {.kind = ErrorKind::cancelled,
                         .source = ErrorSource::client,
                         .where = "the client left, and others got its answer"};
    }
    intake_.reset();
    services_.telemetry.on_exchange_end(record_);
}

}  // namespace sluice::pipeline
