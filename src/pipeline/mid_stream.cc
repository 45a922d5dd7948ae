// What becomes of a stream that breaks off after part of it has gone to the client.
//
// By default the client is told, in the stream, that it broke off. A pool may have the answer begin
// anew at another target instead: never silently, but behind an event that says so. The request is
// kept for that as long as its stream goes on.
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "balance/options.h"
#include "balance/pool.h"
#include "base/error.h"
#include "base/slice.h"
#include "http/server_exchange.h"
#include "json/unescape.h"
#include "pipeline/continuation.h"
#include "pipeline/exchange.h"
#include "pipeline/exchange_record.h"
#include "pipeline/failures.h"
#include "pipeline/request_intake.h"  // IWYU pragma: keep, it is behind a pointer
#include "pipeline/respond_error.h"
#include "pipeline/route_table.h"
#include "pipeline/stream_watch.h"
#include "pipeline/target_choice.h"
#include "pipeline/target_pool.h"
#include "providers/dialect.h"

namespace sluice::pipeline {

namespace {

constexpr std::string_view kCutCode = "stream_truncated";

// Streams of chunks that stand for themselves. The other dialects count their events, and have no
// way to begin twice.
bool can_begin_twice(const ClientCall& call) {
    return call.is_known && (call.dialect == providers::Dialect::chat ||
                             call.dialect == providers::Dialect::completions);
}

}  // namespace

// Whether its request may be needed after part of the answer was told. Whoever looks at answers
// (caches, guards) must not see two of them as one.
bool Exchange::keeps_request() const {
    if (continuation_ != nullptr) {
        return true;
    }
    if (choice_ == nullptr || !wants_stream_ || !can_begin_twice(call_)) {
        return false;
    }
    const balance::FailOverOptions& options = route_->pool->pool->options().fail_over;
    const bool is_read = chain_ != nullptr && chain_->needs().response_body;
    return options.mid_stream == balance::MidStream::restart && !is_read && reply_filters().empty();
}

// Whether another target may go on with a stream. Guards would read each part as the whole.
bool Exchange::continues_streams() const {
    return choice_ != nullptr && wants_stream_ && call_.is_known &&
           call_.operation == providers::Operation::chat && reply_filters().empty() &&
           route_->pool->pool->options().fail_over.mid_stream == balance::MidStream::go_on;
}

bool Exchange::has_told_part() const {
    return client_.response_state() == http::ResponseState::head_sent;
}

// The stream broke off with `error`. True: nothing can follow, and the client is to be told at
// once; otherwise it is told when nothing does, as it is of one that broke off before that.
bool Exchange::must_tell_now(const Error& error) {
    const bool may = error.source == ErrorSource::upstream && has_told_part() &&
                     intake_ != nullptr && keeps_request() && !reason_to_stop() &&
                     (continuation_ == nullptr || continuation_->can_continue());
    owes_error_ = owes_error_ || may;
    return !owes_error_;
}

// After a failure of which the client is not told yet: true when there is another target to begin
// anew at, which was turned to.
bool Exchange::begins_anew(FailureClass failure) {
    // The request was good enough for the first one: what another one refuses is to begin with a
    // part of the answer.
    const bool is_refused = continuation_ != nullptr && failure == FailureClass::none;
    const FailureClass rule = is_refused ? FailureClass::server : failure;
    if (!owes_error_ || reason_to_stop() || !choice_->may_go_on(rule)) {
        return false;
    }
    // What the part that was told has used is no part of the answer that the client ends with.
    const ExtraUsage part = {.service = record_.service,
                             .upstream_name = record_.upstream_name,
                             .model = model_for_upstream(),
                             .usage = record_.usage,
                             .is_part = true,
                             .next = record_.extra_usages};
    if (!choose_among_left()) {
        return false;
    }
    if (part.usage.is_known) {
        record_.extra_usages = &client_.arena().make<ExtraUsage>(part);
    }
    begin_retry(continuation_ == nullptr ? RetryReason::restart : RetryReason::continuation);
    make_out_anew();
    return true;
}

// A chunk without a choice, which every client of this dialect passes over that does not look for
// it: what came before it is void, and the answer begins.
void Exchange::mark_restart() {
    owes_error_ = false;
    if (continuation_ != nullptr) {
        return;  // One answer.
    }
    const bool is_chat = call_.dialect == providers::Dialect::chat;
    const int64_t now_s = services_.proactor.ring().wall_clock_ns() / 1'000'000'000;
    std::string event = "data: {\"id\":\"";
    event += record_.request_id;
    event += "\",\"object\":\"";
    event += is_chat ? std::string_view("chat.completion.chunk") : "text_completion";
    event += "\",\"created\":" + std::to_string(now_s) + ",\"model\":";
    event += json::quote(record_.model, client_.arena());
    event += ",\"choices\":[],";
    event += kRestartMark;
    event += "}\n\n";
    client_.write_body(Slice::copy_of(event));
}

// The event that says that the stream broke off.
void Exchange::tell_in_stream(const Error& error) {
    const bool is_cut = error.kind == ErrorKind::closed_early || error.kind == ErrorKind::reset;
    if (continuation_ != nullptr) {
        providers::ProviderError told = provider_error_for(error, {}, client_.arena());
        told = refusal_ != nullptr ? *refusal_ : told;
        told.code = is_cut ? kCutCode : told.code;
        continuation_->give_up(told);
        client_.write_body(continuation_->output().take());
        return;
    }
    ErrorAnswer answer = answer_for(error);
    if (is_cut) {
        answer.code = kCutCode;
    }
    const std::string event = error_event(answer, error_message(error, {}), Terminator::done);
    client_.write_body(Slice::copy_of(event));
}

}  // namespace sluice::pipeline
