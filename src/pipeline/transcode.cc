// A reply in the provider's dialect becomes the client's: event by event, or whole.
//
// The response head waits for the first event that means something, so that a reply which fails at
// once can still be answered with a status of its own; a quiet upstream is bridged with comments.
#include <algorithm>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "base/arena.h"
#include "base/error.h"
#include "base/log.h"
#include "base/result.h"
#include "base/slice.h"
#include "base/time.h"
#include "coro/task.h"
#include "http/body_reader.h"
#include "http/framing.h"
#include "http/h1_writer.h"
#include "http/header_names.h"
#include "http/server_exchange.h"
#include "net/deadline.h"
#include "pipeline/continuation.h"
#include "pipeline/exchange.h"
#include "pipeline/exchange_record.h"
#include "pipeline/forward_headers.h"
#include "pipeline/open_stream.h"
#include "pipeline/output_text.h"
#include "pipeline/relay_clocks.h"
#include "pipeline/request_intake.h"  // IWYU pragma: keep; it is destroyed here.
#include "pipeline/respond_error.h"
#include "pipeline/service.h"
#include "pipeline/target_choice.h"
#include "pipeline/translated.h"
#include "pipeline/usage_chunk.h"
#include "providers/canonical.h"
#include "providers/dialect.h"
#include "providers/provider_error.h"
#include "providers/transcoder.h"
#include "providers/translation.h"
#include "upstream/patience.h"

namespace sluice::pipeline {

namespace {

using http::HeaderId;

constexpr std::string_view kComment = ":\n\n";
constexpr std::string_view kPing = "event: ping\ndata: {\"type\": \"ping\"}\n\n";

// Around the text of a reply.
constexpr size_t kReplyBytesExtra = 1024;

// An upstream that has said all ends its body in the same breath. The client's next request waits
// for this; a new connection would take it no longer.
constexpr Duration kDrainPatience = Duration::milliseconds(20);

constexpr Error kBlocked = {.kind = ErrorKind::blocked,
                            .source = ErrorSource::gateway,
                            .where = "the answer was blocked by a processor"};

constexpr Error kUpstreamRefused = {.kind = ErrorKind::upstream_status,
                                    .source = ErrorSource::upstream,
                                    .where = "the upstream answered with an error"};

uint64_t counted(int64_t tokens) {
    return static_cast<uint64_t>(std::max<int64_t>(tokens, 0));
}

Usage usage_of(const providers::Usage& usage) {
    return {.prompt_tokens = counted(usage.prompt_tokens),
            .completion_tokens = counted(usage.completion_tokens),
            .cached_tokens = counted(usage.cached_tokens),
            .cache_write_tokens = counted(usage.cache_write_tokens),
            .cache_write_1h_tokens = counted(usage.cache_write_1h_tokens),
            .reasoning_tokens = counted(usage.reasoning_tokens),
            .reported_cost_pico = usage.reported_cost_pico,
            .tier = usage.tier,
            .is_known = usage.is_known()};
}

}  // namespace

// What of the upstream's head concerns the client, and the hints that the provider could not be
// given, for whoever wonders why they had no effect.
void Exchange::write_translated_fields(http::HeadWriter& writer) {
    for (const providers::HeaderLine& line : translated_->response_fields) {
        writer.field(line.name, line.value);
    }
    const std::span<const std::string_view> dropped = translated_->translation.dropped();
    if (dropped.empty()) {
        return;
    }
    json::ArenaText text(client_.arena(), kReplyBytesExtra);
    for (const std::string_view param : dropped) {
        text.append(text.empty() ? "" : ", ");
        text.append(param);
    }
    writer.field("x-gateway-dropped-params", text.view());
    if (target_->service->policy() == providers::UnsupportedPolicy::warn) {
        SLUICE_LOG(warning, "pipeline", "parameters were left out",
                   {"request_id", record_.request_id},
                   {"upstream", target_->upstream->options().name}, {"parameters", text.view()});
    }
}

void Exchange::keep_response_fields() {
    record_.upstream_status = lease_->head().status;
    translated_->response_fields =
        translated_response_fields(lease_->head(), response_edits(), client_.arena());
}

// What the reply needs of the request, so that that can be let go at any time.
void Exchange::keep_context() {
    Arena& arena = client_.arena();
    providers::ReplyContext& context = translated_->context;
    context.echo = arena.copy(context.echo);
    const std::span<providers::RenamedTool> kept =
        arena.allocate_array<providers::RenamedTool>(context.renamed_tools.size());
    for (size_t i = 0; i < kept.size(); ++i) {
        kept[i] = {.name = {arena.copy(context.renamed_tools[i].name.raw)},
                   .sent = {arena.copy(context.renamed_tools[i].sent.raw)}};
    }
    context.renamed_tools = kept;
}

// A stream that goes on for an hour must not keep its prompt.
void Exchange::let_go_of_request() {
    if (keeps_request()) {
        return;
    }
    if (choice_ != nullptr) {
        choice_->let_go_of_request();
    }
    intake_.reset();
    client_.release_request();
}

// The response's head, with what of the upstream's head concerns the client.
Status Exchange::begin_translated_response(std::string_view content_type) {
    http::HeadWriter writer = client_.begin_response(200);
    writer.field(HeaderId::content_type, content_type);
    if (wants_stream_) {
        writer.field(HeaderId::cache_control, "no-cache");
    }
    write_translated_fields(writer);
    write_own_fields(writer, {200, content_type});
    TRY_VOID(client_.send_head(writer, 200, {.kind = http::BodyKind::chunked}));
    record_.responded = clock();
    return {};
}

coro::Task<Status> Exchange::transcode_whole() {
    record_.ended_in = Phase::relay;
    keep_response_fields();
    CO_TRY(const std::string_view body, co_await read_reply(target_->service->reply_bytes_max()));
    lease_.give_back(request_sent_whole_);
    const Translated& translated = *translated_;
    providers::WholeReply whole(client_.arena());
    const bool is_decoded =
        whole.decode(*translated.upstream, translated.target, reply_filters(), body);
    record_.usage = usage_of(whole.usage());
    const bool is_blocked = providers::refusal_of(reply_filters()) != nullptr;
    if (is_decoded && !reply_filters().empty()) {
        CO_TRY_VOID(co_await show_reply(whole));
    }
    BodyText text(body.size() + kReplyBytesExtra);
    if (is_decoded && translated.context.passes_on) {
        text.append(body);
    } else if (!is_decoded || !whole.encode(*translated.client, translated.context, text)) {
        refusal_ = &client_.arena().make<providers::ProviderError>(whole.failure());
        co_return fail(is_blocked ? kBlocked : kUpstreamRefused);
    }
    http::HeadWriter writer = client_.begin_response(200);
    writer.field(HeaderId::content_type, "application/json");
    write_translated_fields(writer);
    write_own_fields(writer, {200, "application/json"});
    CO_TRY_VOID(client_.respond(writer, 200, text.take()));
    record_.responded = clock();
    record_.ended_in = Phase::done;
    co_return Status();
}

std::span<providers::ReplyFilter* const> Exchange::stream_filters() const {
    return continuation_ == nullptr ? reply_filters() : continuation_->as_filters();
}

// One stream: what has arrived goes through the transcoder, what that says goes to the client.
class Exchange::Transcoding final : public StreamProbe {
public:
    explicit Transcoding(Exchange& exchange)
        : exchange_(exchange),
          text_(exchange.continuation_ == nullptr ? own_text_ : exchange.continuation_->output()),
          transcoder_(encoder_for(exchange, text_),
                      *exchange.translated_->upstream,
                      exchange.translated_->target,
                      exchange.translated_->context,
                      text_,
                      exchange.client_.arena(),
                      exchange.stream_filters()) {}

    // Takes what was received before it was there.
    Status begin_with(std::span<const http::BodyPiece> pieces) {
        for (const http::BodyPiece& piece : pieces) {
            TRY_VOID(take(piece));
        }
        return {};
    }

    // True when anything came.
    Result<bool> pass_on() {
        bool moved = false;
        http::BodyPiece piece;
        while (!exchange_.client_.stream().is_congested() && !transcoder_.is_over()) {
            TRY(const bool got, exchange_.lease_->next_body_piece(piece));
            if (!got) {
                break;
            }
            moved = true;
            TRY_VOID(take(piece));
        }
        return moved;
    }

    // The upstream's body is over.
    Status end() {
        transcoder_.end();
        return send();
    }

    // The stream cannot go on; the client is told in it, if it has begun.
    void break_off(const Error& error) {
        providers::ProviderError failure = provider_error_for(error, {}, exchange_.client_.arena());
        if (error.kind == ErrorKind::closed_early || error.kind == ErrorKind::reset) {
            failure.code = "stream_truncated";
        }
        if (exchange_.continuation_ != nullptr && transcoder_.has_started()) {
            exchange_.continuation_->give_up(failure);
        } else {
            transcoder_.fail_with(failure);
        }
        if (is_head_sent_ && text_.has_text()) {
            exchange_.client_.write_body(text_.take());
        } else if (is_head_sent_) {
            exchange_.translated_->client->encode_error_event(transcoder_.failure(),
                                                              exchange_.record_.request_id, text_);
            exchange_.client_.write_body(text_.take());
        }
    }

    // What the reply itself says, which was held back.
    void pass_failure_on() {
        exchange_.continuation_->give_up(transcoder_.failure());
        exchange_.client_.write_body(text_.take());
    }

    // Something that says nothing, so that a connection stays alive or shows that it is dead.
    void probe() override {
        if (is_head_sent_) {
            const bool is_messages = exchange_.call_.dialect == providers::Dialect::messages;
            exchange_.client_.write_body(
                Slice::unowned(is_messages && transcoder_.has_started() ? kPing : kComment));
        } else {
            exchange_.client_.probe_half_closed();
        }
    }

    // The client has heard nothing for long: from here on it has a stream, come what may.
    Status bridge_quiet() {
        TRY_VOID(send_head());
        probe();
        return {};
    }

    bool is_head_sent() const { return is_head_sent_; }
    const providers::StreamTranscoder& transcoder() const { return transcoder_; }

private:
    static providers::StreamEncoder& encoder_for(Exchange& exchange, EventText& text) {
        const Translated& translated = *exchange.translated_;
        Arena& arena = exchange.client_.arena();
        return exchange.continuation_ != nullptr
                   ? exchange.continuation_->encoder(translated, arena)
                   : translated.client->make_stream_encoder(translated.context, text, arena);
    }
    Status take(const http::BodyPiece& piece) {
        transcoder_.feed(piece.data.view());
        if (text_.has_text()) {
            exchange_.on_first_event();
        }
        return send();
    }

    Status send() {
        if (!text_.has_text()) {
            return {};
        }
        TRY_VOID(send_head());
        http::BodyPiece piece = text_.take();
        if (exchange_.strips_usage_ && may_hold_usage(piece.data.view())) {
            write_without_usage(exchange_.client_, piece.data.view());
        } else {
            exchange_.client_.write_body(std::move(piece));
        }
        return {};
    }

    Status send_head() {
        if (!is_head_sent_) {
            is_head_sent_ = true;
            exchange_.end_race();
            if (exchange_.has_told_part()) {
                exchange_.mark_restart();
            } else {
                TRY_VOID(exchange_.begin_translated_response("text/event-stream; charset=utf-8"));
            }
            // Until here it could have been sent again.
            if (exchange_.request_sent_whole_) {
                exchange_.let_go_of_request();
            }
        }
        return {};
    }

    Exchange& exchange_;
    EventText own_text_;
    EventText& text_;
    providers::StreamTranscoder transcoder_;
    bool is_head_sent_ = false;
};

coro::Task<Status> Exchange::transcode_stream() {
    record_.ended_in = Phase::relay;
    record_.is_stream = true;
    keep_response_fields();
    keep_context();
    Transcoding transcoding(*this);
    const OpenStream counted(services_.proactor);
    probe_ = &transcoding;
    const Status done = co_await run_transcoding(transcoding);
    probe_ = nullptr;
    const providers::StreamTranscoder& transcoder = transcoding.transcoder();
    record_.events = transcoder.messages();
    if (transcoder.has_started() || transcoder.has_refused()) {
        account_stream(usage_of(transcoder.usage()), done.has_value() && !transcoder.has_failed());
    }
    if (!done) {
        if (done.error().source != ErrorSource::client && must_tell_now(done.error())) {
            transcoding.break_off(done.error());
        }
        co_return done;
    }
    if (continuation_ != nullptr && continuation_->holds_error()) {
        refusal_ = &client_.arena().make<providers::ProviderError>(transcoder.failure());
        if (must_tell_now(kUpstreamRefused)) {
            transcoding.pass_failure_on();
        }
        co_return fail(kUpstreamRefused);
    }
    if (transcoder.has_failed()) {
        const Error why = transcoder.has_refused() ? kBlocked : kUpstreamRefused;
        if (!transcoding.is_head_sent()) {
            refusal_ = &client_.arena().make<providers::ProviderError>(transcoder.failure());
        } else if (!transcoder.has_started()) {
            transcoding.break_off(why);
        }
        co_return fail(why);
    }
    client_.finish_response();
    record_.ended_in = Phase::done;
    co_await drain_reply();
    lease_.give_back(request_sent_whole_);
    co_return Status();
}

// The client has all of its stream; the framing of the upstream's body may still be on its way, and
// only a connection that has seen its end can be used again.
coro::Task<void> Exchange::drain_reply() {
    net::Deadline patience(services_.proactor, signal());
    patience.set(kDrainPatience);
    http::BodyPiece rest;
    while (!lease_->is_response_complete()) {
        const Result<bool> got = lease_->next_body_piece(rest);
        if (!got || client_.is_client_gone() || patience.has_passed()) {
            co_return;
        }
        if (!*got && !lease_->is_response_complete()) {
            co_await signal().wait();
        }
    }
}

coro::Task<Status> Exchange::run_transcoding(Transcoding& transcoding) {
    RelayClocks clocks(client_.stream(), signal(), relay_limits());
    upstream::Patience& patience = this->patience();
    CO_TRY_VOID(transcoding.begin_with(take_early_pieces()));
    while (true) {
        CO_TRY(const bool moved, transcoding.pass_on());
        if (transcoding.transcoder().is_over()) {
            co_return Status();
        }
        if (lease_->is_response_complete()) {
            CO_TRY_VOID(transcoding.end());
            co_return Status();
        }
        if (const std::optional<Error> stop = patience.reason_to_stop()) {
            co_return fail(*stop);
        }
        const std::optional<Error> over = clocks.look(moved);
        if (over && (over->kind != ErrorKind::send_timeout || reason_to_stop())) {
            co_return fail(*over);
        }
        if (clocks.is_quiet()) {
            CO_TRY_VOID(transcoding.bridge_quiet());
        }
        co_await signal().wait();
    }
}

}  // namespace sluice::pipeline
