// What an exchange notes for its trace: who it is when it begins, and each attempt when it is over;
// and its content, where that is kept.
//
// Does nothing where both are off. The instants are those that the record has anyway.
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "base/arena.h"
#include "base/error.h"
#include "http/header_names.h"
#include "http/server_exchange.h"
#include "http/url.h"
#include "pipeline/chain.h"
#include "pipeline/content_capture.h"
#include "pipeline/exchange.h"
#include "pipeline/exchange_record.h"
#include "pipeline/reply_facts.h"
#include "pipeline/service.h"
#include "pipeline/snapshot.h"
#include "providers/provider_error.h"
#include "trace/context.h"
#include "trace/notes.h"
#include "trace/sampling.h"
#include "upstream/upstream.h"

namespace sluice::pipeline {

namespace {

constexpr uint16_t kFirstErrorStatus = 400;

}  // namespace

// Goes on with the client's trace, or begins one.
void Exchange::begin_trace() {
    const trace::Sampling& sampling = snapshot_->sampling;
    if (!sampling.is_on) {
        return;
    }
    const std::string_view field = client_.head().headers.value(http::HeaderId::traceparent);
    const std::optional<trace::Context> parent = trace::parse_traceparent(field);
    trace::Context own;
    own.trace = parent ? parent->trace : trace::new_trace_id(services_.prng);
    own.span = trace::new_span_id(services_.prng);
    own.is_sampled = sampling.samples(own.trace, parent);
    record_.trace = &client_.arena().make<trace::Notes>(
        client_.arena(), own, parent ? parent->span : 0, parent.has_value());
}

// Who is asked, and for what.
void Exchange::fill_attempt_note(trace::AttemptNote& note,
                                 const LlmTarget& target,
                                 std::string_view model) {
    const http::BaseUrl& url = target.upstream->url();
    note.span = trace::new_span_id(services_.prng);
    note.upstream = target.name;
    note.vendor = target.service->vendor().name;
    note.model = model;
    note.host = url.host;
    note.port = url.port;
}

void Exchange::begin_attempt_note() {
    if (record_.trace == nullptr) {
        return;
    }
    trace::AttemptNote& note = record_.trace->begin_attempt();
    fill_attempt_note(note, *target_, model_for_upstream());
    note.began = record_.lease_begun;
    if (note.ordinal > 0) {
        note.retry_reason = retry_reason_name(record_.retry_reason);
    }
}

// Before the next one makes the record forget it.
void Exchange::end_attempt_note(const Error& error) {
    trace::AttemptNote* const note =
        record_.trace == nullptr ? nullptr : record_.trace->open_attempt();
    if (note == nullptr) {
        return;
    }
    const bool is_refused = refusal_ != nullptr && refusal_->upstream_status != 0;
    note->status = is_refused ? refusal_->upstream_status : record_.upstream_status;
    note->error = error;
    note->is_stream = record_.is_stream;
    note->is_reused = record_.connection_reused;
    note->is_failed = note->status >= kFirstErrorStatus || record_.reply_failed ||
                      (error.kind != ErrorKind::none && error.source == ErrorSource::upstream);
    note->leased = record_.leased;
    note->sent = record_.sent;
    note->first_byte = record_.first_byte;
    note->first_event = record_.first_event;
    note->ended = record_.ended.is_set() ? record_.ended : clock();
}

// Before the first attempt: of an exchange that the head has sampled, as looking costs a pass over
// the reply.
void Exchange::watch_reply() {
    if (record_.trace == nullptr || !record_.trace->own().is_sampled ||
        !ReplyFacts::can_read(call_, wants_stream_)) {
        return;
    }
    const bool is_tapped = chain_ != nullptr && chain_->needs().response_body;
    http::BodyTap* const next = is_tapped ? chain_.get() : nullptr;
    reply_facts_ = &client_.arena().make<ReplyFacts>(call_, client_.arena(), next);
    show_response_to(reply_facts_);
}

void Exchange::end_trace() {
    if (reply_facts_ != nullptr) {
        show_response_to(nullptr);
        record_.trace->tell_reply(reply_facts_->model(), reply_facts_->finish_reasons());
    }
}

// Before anything of it is answered: what a refusal says counts as well.
void Exchange::begin_content() {
    if (snapshot_->content_bytes_max > 0) {
        content_ = std::make_unique<ContentCapture>(snapshot_->content_bytes_max);
        client_.set_tap(content_.get());
    }
}

void Exchange::end_content() {
    if (content_ != nullptr) {
        record_.content = content_->take();
        client_.set_tap(nullptr);
        content_.reset();
    }
}

// From now on; null for nobody but the one who keeps content.
void Exchange::show_response_to(http::BodyTap* tap) {
    if (content_ != nullptr) {
        content_->set_next(tap);
    } else {
        client_.set_tap(tap);
    }
}

// What the upstream is told of the trace: that its parent is this attempt, by its span; 0 is that
// of the one that goes on. Empty without a trace.
std::string_view Exchange::outgoing_traceparent(trace::SpanId span, Arena& arena) const {
    if (record_.trace == nullptr) {
        return {};
    }
    const trace::AttemptNote* const note = record_.trace->open_attempt();
    if (note == nullptr && span == 0) {
        return {};
    }
    trace::Context context = record_.trace->own();
    context.span = span == 0 ? note->span : span;
    const auto text = trace::traceparent(context);
    return arena.copy({text.data(), text.size()});
}

}  // namespace sluice::pipeline
