// From a chosen route to the head of the upstream's response: lease, send, wait, perhaps again.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/result.h"
#include "base/slice.h"
#include "base/slice_queue.h"
#include "base/time.h"
#include "coro/task.h"
#include "http/body_writer.h"
#include "http/framing.h"
#include "http/h1_writer.h"
#include "http/server_exchange.h"
#include "http/types.h"
#include "http/url.h"
#include "net/deadline.h"
#include "pipeline/exchange.h"
#include "pipeline/exchange_record.h"
#include "pipeline/forward_headers.h"
#include "pipeline/llm_target.h"
#include "pipeline/request_intake.h"
#include "pipeline/sending.h"
#include "pipeline/service.h"
#include "pipeline/translated.h"
#include "providers/dialect.h"
#include "upstream/options.h"
#include "upstream/patience.h"
#include "upstream/upstream.h"

namespace sluice::pipeline {

namespace {

// Of a body that flows on, so much may lie in the gateway between client and upstream.
constexpr size_t kFlowWindowBytes = size_t{256} * 1024;

// A base URL ends in the version ("…/v1"). Our own paths hold it too, at their beginning or below
// whatever prefix tells one route from another.
constexpr std::string_view kVersionPrefix = "/v1";

std::string_view path_below_base(std::string_view path) {
    for (size_t at = path.find(kVersionPrefix); at != std::string_view::npos;
         at = path.find(kVersionPrefix, at + 1)) {
        const std::string_view rest = path.substr(at + kVersionPrefix.size());
        if (rest.empty() || rest.front() == '/') {
            return rest;
        }
    }
    return path;
}

std::string_view accept_of(const providers::UpstreamDialect& dialect, bool is_stream) {
    if (!is_stream) {
        return "application/json";
    }
    switch (dialect.framing) {
        case providers::Framing::ndjson:
            return "application/x-ndjson";
        case providers::Framing::aws_event_stream:
        case providers::Framing::aws_chunks:
            return "application/vnd.amazon.eventstream";
        case providers::Framing::sse:
            break;
    }
    return "text/event-stream";
}

}  // namespace

coro::Task<Status> Exchange::dispatch() {
    const uint32_t retries_max = target_->upstream->options().pool.idle_death_retries_max;
    for (uint32_t retries = 0;; ++retries) {
        ++record_.attempts;
        const Status done = co_await attempt(retries > 0);
        if (done || retries >= retries_max || !may_send_again(done.error())) {
            co_return done;
        }
        end_attempt_note(done.error());
        begin_retry(RetryReason::idle_death);
    }
}

// Only where the upstream cannot have seen the request: the connection had died while it was idle,
// and not one byte was acknowledged by the peer's system. A POST is never sent twice.
bool Exchange::may_send_again(const Error& error) const {
    return lease_ && can_send_again_ && lease_->had_died_idle(error);
}

coro::Task<Status> Exchange::attempt(bool fresh) {
    record_.ended_in = Phase::connect;
    record_.lease_begun = clock();
    first_attempt_ = first_attempt_.is_set() ? first_attempt_ : record_.lease_begun;
    record_.retried = record_.lease_begun - first_attempt_;
    begin_attempt_note();
    const Instant turn = services_.proactor.now();
    auto leased = co_await target_->upstream->lease(patience(), fresh);
    leasing_ = clock() - record_.lease_begun;
    CO_TRY(lease_, std::move(leased));
    // Within a turn nothing was waited for: an idle connection was there.
    record_.leased = services_.proactor.now() == turn ? record_.lease_begun : clock();
    record_.connection_reused = lease_->exchanges() > 0;
    lease_->set_signal(&signal());
    record_.ended_in = Phase::first_byte;
    CO_TRY_VOID(send_request_head());
    co_return co_await await_response_head();
}

std::string_view Exchange::upstream_target(const Sending& sending, Arena& arena) const {
    const http::RequestHead& head = client_.head();
    const Service& service = *sending.target.service;
    const std::string_view prefix = sending.target.upstream->url().path_prefix;
    if (sending.translated != nullptr) {
        return http::join_target(arena, prefix, sending.translated->path);
    }
    const std::string_view path =
        call_.is_known && service.has_own_paths()
            ? service.path(call_.operation, sending.model, wants_stream_, arena)
            : std::string_view();
    // Parameters of the client go along, as "?beta=true", unless the service has its own there.
    const bool has_query = path.find('?') != std::string_view::npos;
    return http::join_target(arena, prefix, path.empty() ? path_below_base(head.path) : path,
                             has_query ? std::string_view() : head.query);
}

Result<Slice> Exchange::request_head(const Sending& sending) {
    const http::RequestHead& head = client_.head();
    Arena& arena = client_.request_arena();
    http::HeadWriter writer(arena);
    const upstream::Upstream& upstream = *sending.target.upstream;
    const Service& service = *sending.target.service;
    const std::string_view target = upstream_target(sending, arena);
    writer.request_line(head.method_text, target);
    Outgoing outgoing = {
        .upstream = upstream,
        .service = service,
        .key = sending.key,
        .request_id = record_.request_id,
        .edits = request_edits(),
        .traceparent = outgoing_traceparent(sending.span, arena),
        .keeps_tracestate = record_.trace == nullptr || record_.trace->keeps_tracestate()};
    if (sending.translated == nullptr) {
        write_request_fields(writer, head, outgoing);
    } else {
        // Elsewhere they are in the body.
        outgoing.passes_betas = sending.translated->context.passes_on &&
                                sending.translated->upstream->id == providers::Dialect::messages;
        write_translated_request_fields(writer, head, outgoing,
                                        accept_of(*sending.translated->upstream, wants_stream_));
        service.write_signature(
            writer,
            {.method = head.method_text,
             .target = target,
             .host = upstream.host_field(),
             .body = sending.body.front().view(),
             .now_s = services_.proactor.ring().wall_clock_ns() / 1'000'000'000},
            arena);
    }
    switch (sending.kind) {
        case http::BodyKind::length:
            writer.content_length(sending.body.size_bytes() + sending.bytes_to_come);
            break;
        case http::BodyKind::chunked:
            writer.transfer_encoding_chunked();
            break;
        case http::BodyKind::none:
        case http::BodyKind::until_close:
            if (head.method == http::Method::post) {
                writer.content_length(0);
            }
            break;
    }
    return writer.finish_slice();
}

Status Exchange::send_request_head() {
    http::BodyKind kind = http::BodyKind::none;
    const std::optional<uint64_t> left = client_.body_bytes_left();
    if (intake_->has_body()) {
        kind = left ? http::BodyKind::length : http::BodyKind::chunked;
    }
    request_writer_ = http::BodyWriter(kind);
    TRY(Slice text, request_head({.target = *target_,
                                  .translated = translated_.get(),
                                  .key = key_,
                                  .model = model_for_upstream(),
                                  .body = intake_->held(),
                                  .kind = kind,
                                  .bytes_to_come = left.value_or(0)}));
    lease_->begin_request(client_.head().method, std::move(text));
    return {};
}

// Sends what is there of the body. A whole one is shared, so that it can be sent again; one that
// flows is handed on and forgotten.
Status Exchange::pump_request_body() {
    if (intake_->is_complete() && request_writer_.body_bytes() == 0) {
        SliceQueue whole;
        intake_->held().share_all_to(whole);
        lease_->send_body(std::move(whole));
        request_sent_whole_ = true;
        return {};
    }
    while (!lease_->stream().is_congested()) {
        SliceQueue outgoing;
        while (!intake_->held().empty()) {
            request_writer_.write(intake_->held().pop_front(), outgoing);
        }
        request_sent_whole_ = intake_->is_complete();
        if (request_sent_whole_) {
            request_writer_.finish(outgoing);
        }
        lease_->send_body(std::move(outgoing));
        if (request_sent_whole_) {
            return {};
        }
        TRY_VOID(intake_->take(kFlowWindowBytes));
        if (intake_->held().empty() && !intake_->is_complete()) {
            return {};
        }
    }
    return {};
}

coro::Task<Status> Exchange::await_response_head() {
    const upstream::UpstreamTimeouts& timeouts = target_->upstream->options().timeouts;
    net::Deadline first_byte(services_.proactor, signal());
    upstream::Patience& patience = this->patience();
    while (true) {
        if (!request_sent_whole_) {
            CO_TRY_VOID(pump_request_body());
            if (request_sent_whole_) {
                record_.sent = clock();
                first_byte.set(Duration::milliseconds(timeouts.first_byte_ms));
            }
        }
        CO_TRY(const bool complete,
               lease_->read_head(client_.request_arena(), services_.head_scratch));
        if (complete) {
            // It had arrived when the turn began.
            record_.first_byte = std::max(services_.proactor.now(), record_.sent);
            co_return Status();
        }
        if (const std::optional<Error> stop = patience.reason_to_stop()) {
            co_return fail(*stop);
        }
        if (first_byte.has_passed()) {
            co_return fail({.kind = ErrorKind::first_byte_timeout,
                            .source = ErrorSource::upstream,
                            .where = "waiting for the first byte"});
        }
        co_await pause();
    }
}

}  // namespace sluice::pipeline
