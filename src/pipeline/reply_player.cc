// Whole answers, streams, and one as the other.
#include "pipeline/reply_player.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/result.h"
#include "base/slice.h"
#include "base/slice_queue.h"
#include "base/time.h"
#include "cache/live_reply.h"
#include "cache/lookup.h"
#include "cache/reply.h"
#include "coro/task.h"
#include "http/framing.h"
#include "http/h1_writer.h"
#include "http/header_names.h"
#include "http/server_exchange.h"
#include "net/deadline.h"
#include "pipeline/exchange.h"
#include "pipeline/exchange_record.h"
#include "pipeline/open_stream.h"
#include "pipeline/output_text.h"
#include "pipeline/processor.h"
#include "pipeline/relay_clocks.h"
#include "pipeline/reply_note.h"
#include "pipeline/respond_error.h"
#include "pipeline/usage_chunk.h"
#include "providers/dialect.h"
#include "providers/provider_error.h"
#include "providers/transcoder.h"

namespace sluice::pipeline {

namespace {

using http::HeaderId;

constexpr std::string_view kComment = ":\n\n";
constexpr std::string_view kStreamType = "text/event-stream; charset=utf-8";
constexpr std::string_view kJsonType = "application/json";
// Handed to the client's stream in one go.
constexpr size_t kReplayedBytesMax = size_t{64} * 1024;
// Around the text of a reply.
constexpr size_t kReplyBytesExtra = 1024;
constexpr uint16_t kOk = 200;

RelayLimits limits_of(const http::ServerExchange& client) {
    return {.silence = {},
            .send_timeout = Duration::milliseconds(client.options().send_timeout_ms),
            .keepalive = Duration::milliseconds(client.options().stream_keepalive_ms)};
}

}  // namespace

Instant ReplyPlayer::clock() const {
    return context_.services->proactor.ring().now();
}

bool ReplyPlayer::can_play(const cache::ReplyRef& reply) {
    const cache::ReplyHead head = reply->head();
    if (head.status != kOk) {
        return true;
    }
    const bool is_stream = head.form == cache::ReplyForm::stream;
    const bool has_usage =
        !is_stream || !wish_.needs_chunk || ReplyNote::read(head.note).tells_usage;
    if (is_stream == wish_.stream) {
        return has_usage || !wish_.wants_chunk;
    }
    const providers::ClientDialect* const client = providers::client_dialect(context_.call.dialect);
    const providers::UpstreamDialect* const upstream =
        providers::upstream_dialect(context_.call.dialect);
    if (!context_.call.is_chat() || client == nullptr || upstream == nullptr || !has_usage) {
        return false;
    }
    const providers::ReplyContext told = {.fallback_id = context_.record.request_id,
                                          .requested_model = context_.record.model,
                                          .now_s = context_.wall_clock_ns / 1'000'000'000,
                                          .include_usage = wish_.wants_chunk,
                                          .is_stream = wish_.stream};
    BodyText text(reply->body().size() + kReplyBytesExtra);
    const auto convert = wish_.stream ? providers::stream_of_whole : providers::whole_of_stream;
    if (!convert(*client, *upstream, told, reply->body(), text, context_.arena)) {
        return false;
    }
    converted_ = text.take();
    return true;
}

Status ReplyPlayer::respond(uint16_t status, std::string_view content_type, Slice body) {
    http::ServerExchange& client = *context_.client;
    http::HeadWriter writer = client.begin_response(status);
    writer.field(HeaderId::content_type, content_type);
    context_.own_fields->write_fields(writer, {.status = status, .content_type = content_type});
    TRY_VOID(client.respond(writer, status, std::move(body)));
    context_.record.responded = clock();
    context_.record.ended_in = Phase::done;
    return {};
}

Status ReplyPlayer::begin_stream(std::string_view content_type) {
    http::ServerExchange& client = *context_.client;
    http::HeadWriter writer = client.begin_response(kOk);
    writer.field(HeaderId::content_type, content_type);
    writer.field(HeaderId::cache_control, "no-cache");
    context_.own_fields->write_fields(writer, {.status = kOk, .content_type = content_type});
    TRY_VOID(client.send_head(writer, kOk, {.kind = http::BodyKind::chunked}));
    context_.record.responded = clock();
    context_.record.ended_in = Phase::relay;
    context_.record.is_stream = true;
    return {};
}

void ReplyPlayer::end_stream() {
    context_.client->finish_response();
    context_.record.ended_in = Phase::done;
}

void ReplyPlayer::write(SliceQueue& events) {
    while (!events.empty()) {
        context_.client->write_body(events.pop_front());
    }
}

// Takes out of `events`, which begin at `position` in the body, what is the usage chunk's.
void ReplyPlayer::drop_chunk(const ReplyNote& note, uint64_t position, SliceQueue& events) const {
    const uint64_t end = position + events.size_bytes();
    const uint64_t from = std::clamp(note.chunk_begin, position, end);
    const uint64_t to = std::clamp(note.chunk_end, position, end);
    if (wish_.wants_chunk || from >= to) {
        return;
    }
    SliceQueue kept;
    events.move_front_to(from - position, kept);
    events.drop_front(to - from);
    kept.append(std::move(events));
    events = std::move(kept);
}

coro::Task<Status> ReplyPlayer::play(const cache::ReplyRef& reply, cache::ReplayPace pace) {
    const cache::ReplyHead head = reply->head();
    const ReplyNote note = ReplyNote::read(head.note);
    context_.record.usage = note.usage;
    if (!converted_.empty() && !wish_.stream) {
        co_return respond(kOk, kJsonType, std::move(converted_));
    }
    if (head.status != kOk || !wish_.stream) {
        co_return respond(head.status, head.content_type,
                          cache::slice_of(reply, 0, reply->body().size()));
    }
    http::ServerExchange& client = *context_.client;
    if (!converted_.empty()) {
        CO_TRY_VOID(begin_stream(kStreamType));
        client.write_body(std::move(converted_));
        end_stream();
        co_return Status();
    }
    CO_TRY_VOID(begin_stream(head.content_type));
    context_.record.events = reply->marks().size();
    net::Proactor& proactor = context_.services->proactor;
    cache::Replay replay(reply, pace, proactor.now());
    net::Deadline due(proactor, client.signal());
    std::optional<RelayClocks> clocks;  // Most answers are sent before they are needed.
    uint64_t position = 0;
    while (true) {
        bool moved = false;
        while (!client.stream().is_congested() && replay.next_due() <= proactor.now()) {
            SliceQueue events;
            replay.take_due(proactor.now(), kReplayedBytesMax, events);
            const uint64_t taken_bytes = events.size_bytes();
            if (taken_bytes == 0) {
                break;
            }
            drop_chunk(note, position, events);
            position += taken_bytes;
            moved = true;
            write(events);
        }
        if (replay.is_over()) {
            end_stream();
            co_return Status();
        }
        if (const std::optional<Error> stop = context_.patience->reason_to_stop()) {
            co_return fail(*stop);
        }
        if (!clocks) {
            clocks.emplace(client.stream(), client.signal(), limits_of(client));
        }
        if (const std::optional<Error> over = clocks->look(moved)) {
            co_return fail(*over);
        }
        if (clocks->is_quiet()) {
            client.write_aside(Slice::unowned(kComment));
        }
        if (!client.stream().is_congested()) {
            due.set(std::max(replay.next_due() - proactor.now(), Duration::milliseconds(1)));
        }
        co_await client.signal().wait();
    }
}

// Events that are whole; the one that tells usage is left out where it was not asked for.
void ReplyPlayer::write_without_chunk(SliceQueue& events) {
    if (events.slice_count() == 1 && !may_hold_usage(events.front().view())) {
        write(events);
        return;
    }
    const std::string text = events.to_string();
    if (may_hold_usage(text)) {
        events.clear();
        context_.client->write_body(Slice::copy_of(without_usage_chunk(text)));
        return;
    }
    write(events);
}

void ReplyPlayer::break_off(const Error& error) {
    providers::ProviderError told = provider_error_for(error, {}, context_.arena);
    if (error.kind == ErrorKind::closed_early || error.kind == ErrorKind::reset) {
        told.code = "stream_truncated";
    }
    BodyText text(kReplyBytesExtra);
    error_dialect(context_.call.dialect).encode_error_event(told, context_.record.request_id, text);
    context_.client->write_body(text.take());
}

coro::Task<Status> ReplyPlayer::follow(cache::Lookup& lookup) {
    const cache::LiveReader& reader = lookup.reader();
    http::ServerExchange& client = *context_.client;
    CO_TRY_VOID(begin_stream(reader.head()->head().content_type));
    const OpenStream counted(context_.services->proactor);
    RelayClocks clocks(client.stream(), client.signal(), limits_of(client));
    while (true) {
        const bool moves = !client.stream().is_congested() && reader.available_bytes() > 0;
        if (moves) {
            SliceQueue events;
            lookup.take(UINT64_MAX, events);
            if (wish_.needs_chunk && !wish_.wants_chunk) {
                write_without_chunk(events);
            } else {
                write(events);
            }
        }
        if (reader.is_over()) {
            end_stream();
            break;
        }
        if (const std::optional<Error> failure = reader.error()) {
            const Error error = *failure;
            break_off(error);
            co_return fail(error);
        }
        if (const std::optional<Error> stop = context_.patience->reason_to_stop()) {
            co_return fail(*stop);
        }
        if (const std::optional<Error> over = clocks.look(moves)) {
            co_return fail(*over);
        }
        if (clocks.is_quiet()) {
            client.write_aside(Slice::unowned(kComment));
        }
        co_await client.signal().wait();
    }
    if (reader.reply()) {
        context_.record.usage = ReplyNote::read(reader.reply()->head().note).usage;
        context_.record.events = reader.reply()->marks().size();
    }
    co_return Status();
}

}  // namespace sluice::pipeline
