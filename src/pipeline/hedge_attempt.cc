// The second attempt of a hedge: its request, made out for its target, and its answer up to the
// first token. Everything here waits on the hedge's own signal, and looks first, when it wakes,
// whether it is still wanted: afterwards the request's memory may be gone.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "balance/options.h"
#include "balance/pool.h"
#include "base/arena.h"
#include "base/error.h"
#include "base/result.h"
#include "base/slice.h"
#include "base/slice_queue.h"
#include "base/time.h"
#include "coro/task.h"
#include "http/body_reader.h"
#include "http/client_connection.h"
#include "http/message.h"
#include "http/server_exchange.h"
#include "json/tree.h"
#include "net/deadline.h"
#include "pipeline/credential_keeper.h"
#include "pipeline/exchange.h"
#include "pipeline/exchange_record.h"
#include "pipeline/forward_headers.h"
#include "pipeline/hedge.h"
#include "pipeline/output_text.h"
#include "pipeline/relay_clocks.h"
#include "pipeline/request_intake.h"
#include "pipeline/sending.h"  // IWYU pragma: keep, by its members alone
#include "pipeline/service.h"
#include "pipeline/snapshot.h"
#include "pipeline/stream_watch.h"
#include "pipeline/target_choice.h"
#include "pipeline/translated.h"
#include "providers/canonical.h"
#include "providers/dialect.h"
#include "providers/provider_error.h"
#include "providers/remote_content.h"
#include "providers/transcoder.h"
#include "upstream/options.h"
#include "upstream/upstream.h"

namespace sluice::pipeline {

namespace {

// So much without the end of an event is an answer, too.
constexpr size_t kBeginningBytesMax = size_t{256} * 1024;

constexpr Error kRefused = {.kind = ErrorKind::upstream_status,
                            .source = ErrorSource::upstream,
                            .where = "the upstream answered with an error"};
constexpr Error kNotAtOnce = {.kind = ErrorKind::no_operation,
                              .source = ErrorSource::gateway,
                              .where = "the request cannot be made out at once"};

}  // namespace

// Looks for as much of a reply as makes the first target's go to the client: as many events as its
// pool holds back, or the first one that means something in the client's dialect.
class Exchange::Hedge::Beginning {
public:
    explicit Beginning(Hedge& hedge)
        : events_min_(
              std::max(hedge.exchange_.choice_->pool()->options().fail_over.hold_events, 1U)) {
        Arena& arena = hedge.exchange_.client_.arena();
        if (hedge.translated_ == nullptr) {
            watch_.emplace(true, terminator_of(hedge.exchange_.record_.path), arena);
        } else {
            const Translated& translated = *hedge.translated_;
            transcoder_.emplace(*translated.client, *translated.upstream, translated.target,
                                translated.context, text_, arena);
        }
    }

    void see(std::string_view bytes) {
        seen_bytes_ += bytes.size();
        if (watch_) {
            watch_->see(bytes);
        } else if (transcoder_) {
            transcoder_->feed(bytes);
        }
    }
    void end() {
        is_over_ = true;
        if (watch_) {
            watch_->end();
        } else if (transcoder_) {
            transcoder_->end();
        }
    }
    bool has_failed() const {
        if (watch_) {
            return watch_->saw_error();
        }
        return transcoder_ && !text_.has_text() && transcoder_->has_failed();
    }
    // All of a short answer is as good as the beginning of a long one.
    bool is_there() const {
        const bool is_whole =
            is_over_ && watch_ && watch_->events() > 0 && watch_->has_ended_properly();
        return is_whole || seen_bytes_ > kBeginningBytesMax ||
               (watch_ ? watch_->events() >= events_min_ : text_.has_text());
    }

private:
    const uint32_t events_min_;
    std::optional<StreamWatch> watch_;
    EventText text_;
    std::optional<providers::StreamTranscoder> transcoder_;
    size_t seen_bytes_ = 0;
    bool is_over_ = false;
};

std::string_view Exchange::Hedge::model() const {
    return upstream_model_.empty() ? exchange_.record_.model : upstream_model_;
}

// --- The request.

Status Exchange::Hedge::make_out() {
    if (exchange_.must_translate(*target_)) {
        return make_out_translated();
    }
    strips_usage_ = exchange_.must_ask_for_usage(*target_);
    SliceQueue whole;
    exchange_.choice_->body().share_all_to(whole);
    if (upstream_model_.empty() && !strips_usage_) {
        body_ = std::move(whole);
    } else {
        body_ = RequestIntake::counted(exchange_.edited_for(upstream_model_, strips_usage_, whole));
    }
    return {};
}

// What has to be fetched first is left to the first target.
Status Exchange::Hedge::make_out_translated() {
    if (!exchange_.call_.is_chat() && !has_reply_text(exchange_.call_)) {
        return fail(kNotAtOnce);
    }
    translated_ = exchange_.translation_for(*target_, model());
    TRY(const json::Value* const body, exchange_.parse_whole(exchange_.choice_->body()));
    if (exchange_.passes_on_messages(*target_)) {
        body_.push_back(exchange_.hosted_request(*translated_, *body));
        return {};
    }
    TRY(const providers::ChatRequest* const request,
        translated_->client->decode_request(*body, translated_->translation));
    strips_usage_ = exchange_.take_context(*translated_, *request);
    const auto remote =
        providers::remote_parts(*request, translated_->target, exchange_.client_.request_arena());
    if (!remote.empty() && exchange_.snapshot_->remote_content.enabled) {
        return fail(kNotAtOnce);
    }
    BodyText encoded(body->raw().size() + kWrappingBytes);
    TRY_VOID(translated_->upstream->encode_request(*request, translated_->target,
                                                   translated_->translation, encoded));
    body_.push_back(encoded.take());
    return {};
}

// --- What its trace has of it.

void Exchange::Hedge::begin_note() {
    if (exchange_.record_.trace == nullptr) {
        return;
    }
    note_ = &exchange_.client_.arena().make<trace::AttemptNote>();
    exchange_.fill_attempt_note(*note_, *target_, model());
    note_->began = clock();
    note_->retry_reason = "hedge";
}

trace::AttemptNote Exchange::Hedge::note_so_far() const {
    trace::AttemptNote note = *note_;
    note.status = refusal_ == nullptr ? 0 : refusal_->upstream_status;
    note.is_stream = exchange_.wants_stream_;
    note.is_reused = is_reused_;
    note.leased = leased_;
    note.sent = sent_;
    note.first_byte = first_byte_;
    note.first_event = first_event_;
    return note;
}

// --- The answer.

coro::Task<Status> Exchange::Hedge::ask() {
    if (CredentialKeeper* keeper = target_->service->credentials()) {
        CO_TRY_VOID(co_await keeper->ensure(exchange_.services_.proactor, *this));
    }
    ++exchange_.record_.attempts;
    begin_note();
    Status done = co_await try_once(false);
    const bool had_died = !done && lease_ && lease_->had_died_idle(done.error());
    if (had_died && target_->upstream->options().pool.idle_death_retries_max > 0) {
        lease_.drop();
        done = co_await try_once(true);
    }
    if (!done) {
        co_return done;
    }
    CO_TRY_VOID(look_at_head());
    const bool is_whole =
        !exchange_.wants_stream_ || (translated_ == nullptr && !is_event_stream(lease_->head()));
    if (is_whole) {
        co_return Status();
    }
    co_return co_await await_first_event();
}

coro::Task<Status> Exchange::Hedge::try_once(bool fresh) {
    lease_begun_ = clock();
    auto leased = co_await target_->upstream->lease(*this, fresh);
    CO_TRY(lease_, std::move(leased));
    leased_ = clock();
    is_reused_ = lease_->exchanges() > 0;
    if (const std::optional<Error> stop = reason_to_stop()) {
        co_return fail(*stop);
    }
    lease_->set_signal(&signal_);
    CO_TRY(Slice head, exchange_.request_head({.target = *target_,
                                               .translated = translated_.get(),
                                               .key = key_,
                                               .model = model(),
                                               .body = body_,
                                               .span = note_ == nullptr ? 0 : note_->span}));
    lease_->begin_request(exchange_.client_.head().method, std::move(head));
    SliceQueue whole;
    body_.share_all_to(whole);
    lease_->send_body(std::move(whole));
    sent_ = clock();
    co_return co_await await_head();
}

coro::Task<Status> Exchange::Hedge::await_head() {
    Services& services = exchange_.services_;
    net::Deadline first_byte(services.proactor, signal_);
    first_byte.set(Duration::milliseconds(target_->upstream->options().timeouts.first_byte_ms));
    while (true) {
        if (const std::optional<Error> stop = reason_to_stop()) {
            co_return fail(*stop);
        }
        CO_TRY(const bool complete,
               lease_->read_head(exchange_.client_.request_arena(), services.head_scratch));
        if (complete) {
            first_byte_ = std::max(services.proactor.now(), sent_);
            lease_->keep_head(kept_head(lease_->head(), exchange_.client_.arena()));
            co_return Status();
        }
        if (first_byte.has_passed()) {
            co_return fail({.kind = ErrorKind::first_byte_timeout,
                            .source = ErrorSource::upstream,
                            .where = "waiting for the first byte"});
        }
        co_await signal_.wait();
    }
}

// Of an error the status and the fields say enough: its words are told to nobody.
Status Exchange::Hedge::look_at_head() {
    const http::ResponseHead& head = lease_->head();
    const bool is_refusal = translated_ == nullptr ? head.status >= 400 : head.status != 200;
    if (!is_refusal) {
        return {};
    }
    Arena& arena = exchange_.client_.arena();
    providers::ErrorWords words;
    providers::add_error_headers(head.headers, words);
    auto& refusal =
        arena.make<providers::ProviderError>(providers::classify_error(head.status, words, arena));
    refusal.retry_after = providers::read_retry_after(
        head.headers, {}, exchange_.services_.proactor.ring().wall_clock_ns() / 1'000'000'000);
    refusal_ = &refusal;
    return fail(kRefused);
}

coro::Task<Status> Exchange::Hedge::await_first_event() {
    net::Proactor& proactor = exchange_.services_.proactor;
    const uint32_t silence_ms = target_->upstream->options().timeouts.silence_ms;
    SilenceClock silence(proactor, signal_, Duration::milliseconds(silence_ms));
    Beginning beginning(*this);
    while (true) {
        if (const std::optional<Error> stop = reason_to_stop()) {
            co_return fail(*stop);
        }
        http::BodyPiece piece;
        bool got = true;
        while (got && !beginning.is_there()) {
            CO_TRY(got, lease_->next_body_piece(piece));
            if (got) {
                silence.heard();
                beginning.see(piece.data.view());
                pieces_.push_back(std::move(piece));
            }
        }
        const bool is_complete = lease_->is_response_complete();
        if (is_complete && !beginning.is_there()) {
            beginning.end();
        }
        if (beginning.has_failed()) {
            co_return fail(kRefused);
        }
        if (beginning.is_there()) {
            first_event_ = proactor.now();
            selection_.charge.on_first_token(first_event_);
            co_return Status();
        }
        if (is_complete) {
            co_return fail({.kind = ErrorKind::closed_early,
                            .source = ErrorSource::upstream,
                            .where = "the stream ended before its first event"});
        }
        if (silence.is_over()) {
            co_return fail({.kind = ErrorKind::silence_timeout,
                            .source = ErrorSource::upstream,
                            .where = "silence inside the answer"});
        }
        co_await signal_.wait();
    }
}

}  // namespace sluice::pipeline
