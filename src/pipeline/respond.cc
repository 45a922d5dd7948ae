// The response of an exchange: its head, then the relay, then the connection goes back.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>

#include "balance/options.h"
#include "balance/pool.h"
#include "base/error.h"
#include "base/result.h"
#include "base/text.h"
#include "base/time.h"
#include "coro/task.h"
#include "http/framing.h"
#include "http/h1_writer.h"
#include "http/header_map.h"
#include "http/header_names.h"
#include "http/message.h"
#include "http/server_exchange.h"
#include "pipeline/exchange.h"
#include "pipeline/exchange_record.h"
#include "pipeline/forward_headers.h"
#include "pipeline/open_stream.h"
#include "pipeline/relay.h"
#include "pipeline/request_intake.h"  // IWYU pragma: keep; it is destroyed here.
#include "pipeline/stream_watch.h"
#include "upstream/options.h"

namespace sluice::pipeline {

namespace {

bool is_encoded(const http::ResponseHead& head) {
    const std::string_view encoding = head.headers.value(http::HeaderId::content_encoding);
    return !encoding.empty() && !equals_ignoring_case(encoding, "identity");
}

constexpr Error kNoStream = {.kind = ErrorKind::upstream_status,
                             .source = ErrorSource::upstream,
                             .where = "the answer that was to begin anew is no stream"};

}  // namespace

bool is_event_stream(const http::ResponseHead& head) {
    constexpr std::string_view kType = "text/event-stream";
    const std::string_view type = head.headers.value(http::HeaderId::content_type);
    return equals_ignoring_case(type.substr(0, kType.size()), kType) && !is_encoded(head);
}

Status Exchange::send_response_head(const http::ResponseHead& head) {
    record_.upstream_status = head.status;
    http::BodyFraming framing = lease_->framing().body;
    // In an event stream of known length, even of none, there would be no room for an error of
    // ours: it would come after the end of the message, or complete a message that was cut.
    const bool may_be_broken_off =
        is_event_stream(head) && head.status != 204 && head.status != 304;
    if (framing.kind == http::BodyKind::until_close || may_be_broken_off) {
        framing.kind = http::BodyKind::chunked;
    }
    http::HeadWriter writer = client_.begin_response(head.status, head.reason);
    write_response_fields(writer, head, response_edits());
    write_own_fields(writer,
                     {.status = head.status,
                      .content_type = head.headers.value(http::HeaderId::content_type),
                      .is_encoded = is_encoded(head)},
                     true);
    TRY_VOID(client_.send_head(writer, head.status, framing));
    record_.responded = clock();
    return {};
}

RelayLimits Exchange::relay_limits() const {
    return {
        .silence = Duration::milliseconds(target_->upstream->options().timeouts.silence_ms),
        .send_timeout = Duration::milliseconds(client_.options().send_timeout_ms),
        .keepalive = Duration::milliseconds(client_.options().stream_keepalive_ms),
    };
}

// What a stream has cost, told or not: one that was cut, left or never asked is worth about a token
// an event after the first, which brings the role alone, and its prompt about a token for four
// bytes.
void Exchange::account_stream(const Usage& told, bool is_whole) {
    constexpr uint64_t kBytesPerToken = 4;
    record_.usage = told;
    const bool is_told = told.is_known && is_whole;
    if (is_told || record_.events == 0) {
        return;
    }
    const uint64_t events = record_.events - 1;
    record_.usage.is_known = record_.usage.is_estimated = true;
    record_.usage.completion_tokens = std::max(told.completion_tokens, events);
    if (told.prompt_tokens == 0) {
        record_.usage.prompt_tokens = (client_.body_bytes() + kBytesPerToken - 1) / kBytesPerToken;
    }
}

// The head of a relay; until it is sent, the request can go elsewhere.
class Exchange::HeldHead final : public RelayHead {
public:
    HeldHead(Exchange& exchange, const http::ResponseHead& head)
        : exchange_(exchange), head_(head) {}

    void on_first_event() override { exchange_.on_first_event(); }
    Status send() override {
        exchange_.end_race();
        if (exchange_.has_told_part()) {
            exchange_.mark_restart();
        } else {
            TRY_VOID(exchange_.send_response_head(head_));
        }
        exchange_.record_.ended_in = Phase::relay;
        if (exchange_.request_sent_whole_) {
            exchange_.let_go_of_request();
        }
        return {};
    }
    bool prefers_to_fail() override { return exchange_.choice_ != nullptr; }

private:
    Exchange& exchange_;
    const http::ResponseHead& head_;
};

coro::Task<Status> Exchange::relay() {
    const bool event_stream = is_event_stream(lease_->head());
    const bool succeeded = lease_->head().status == 200;
    const Terminator terminator = succeeded ? terminator_of(record_.path) : Terminator::none;
    record_.is_stream = event_stream;
    if (has_told_part() && !(event_stream && succeeded)) {
        co_return fail(kNoStream);
    }
    const http::ResponseHead* own_head = &lease_->head();
    if (choice_ != nullptr) {
        // It waits for the first event, and others use the shard's table meanwhile.
        own_head =
            &client_.arena().make<http::ResponseHead>(kept_head(lease_->head(), client_.arena()));
    }
    HeldHead head(*this, *own_head);
    Relay::Kind kind = {
        .is_event_stream = event_stream, .strips_usage = strips_usage_, .terminator = terminator};
    if (choice_ != nullptr) {
        const balance::FailOverOptions& options = route_->pool->pool->options().fail_over;
        kind.held_events = options.hold_events;
        kind.held_for = Duration::milliseconds(options.hold_ms_max);
    }
    Relay relay(client_, *lease_, kind, head, client_.arena());
    if (wants_tier_) {
        relay.watch_tier(client_.arena());
    }
    relay.begin_with(take_early_pieces());
    const OpenStream counted(services_.proactor);
    probe_ = &relay;
    signal().expect({&relay, this, &client_, &client_.stream(), &*lease_});
    const Status done = co_await relay.run(patience(), relay_limits());
    signal().expect_nothing();
    probe_ = nullptr;
    record_.events = relay.watch().events();
    record_.reply_failed = relay.watch().saw_error();
    if (event_stream && terminator != Terminator::none) {
        account_stream(relay.watch().usage(), done.has_value());
    } else if (call_.is_known) {
        // What other calls fetch was accounted for when it was made.
        record_.usage = relay.watch().usage();
    }
    if (!done) {
        const bool is_whole = !relay.has_broken_an_event();
        if (done.error().source != ErrorSource::client &&
            (!is_whole || must_tell_now(done.error()))) {
            relay.break_off(done.error());
        }
        co_return done;
    }
    client_.finish_response();
    record_.ended_in = Phase::done;
    lease_.give_back(request_sent_whole_);
    co_return Status();
}

}  // namespace sluice::pipeline
