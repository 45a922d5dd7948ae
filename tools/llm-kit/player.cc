// Pace, cuts, and the end of an answer.
#include "llm-kit/player.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "base/slice.h"
#include "base/time.h"
#include "coro/task.h"
#include "http/chunked.h"
#include "http/framing.h"
#include "http/h1_writer.h"
#include "http/header_names.h"
#include "http/server_exchange.h"
#include "http/sse_writer.h"
#include "llm-kit/answer_cache.h"
#include "llm-kit/fault.h"
#include "llm-kit/model_call.h"
#include "llm-kit/pacer.h"
#include "llm-kit/stamp.h"
#include "llm-kit/wire_form.h"
#include "net/byte_stream.h"
#include "providers/simulated_llm.h"

namespace sluice::llm_kit {

namespace {

using http::BodyKind;
using providers::SimulatedPace;

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kGarbage = "\x01\x02 this is no HTTP \xff\xfe\r\n\r\n";
constexpr std::string_view kInterim =
    "HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\n\r\n";
constexpr std::string_view kBadChunk = "zz;\r\n";
// A big head is made of fields of this size, below what any proxy allows for one.
constexpr size_t kFillFieldBytes = 1000;
constexpr uint16_t kOk = 200;

}  // namespace

Player::Player(const PlayContext& context,
               http::ServerExchange& exchange,
               Pacer& pacer,
               const FaultSpec& fault)
    : context_(context),
      exchange_(exchange),
      pacer_(pacer),
      fault_(fault),
      deadline_(context.proactor, exchange.signal()) {}

bool Player::is_gone() const {
    return exchange_.is_client_gone() ||
           (exchange_.is_client_half_closed() && !context_.tolerates_half_close);
}

void Player::note_gone() {
    was_aborted_ = true;
    context_.counters.aborted.add();
    if (context_.aborts != nullptr) {
        context_.aborts->note_abort({.noticed_at = context_.proactor.ring().now(),
                                     .events_sent = events_sent_,
                                     .head_sent = head_sent_at_.is_set()});
    }
    exchange_.abort_response();
}

coro::Task<bool> Player::wait_until(Instant due) {
    while (true) {
        if (is_gone()) {
            note_gone();
            co_return false;
        }
        if (now() >= due) {
            co_return true;
        }
        deadline_.set(due - now());
        co_await exchange_.signal().wait();
    }
}

coro::Task<bool> Player::wait_until_due() {
    while (true) {
        if (is_gone()) {
            note_gone();
            co_return false;
        }
        if (is_due()) {
            co_return true;
        }
        if (pacer_.due() != Instant::never()) {
            deadline_.set(pacer_.due() - now());
        }
        co_await exchange_.signal().wait();
    }
}

coro::Task<bool> Player::wait_until_sent() {
    while (exchange_.stream().unsent_bytes() > 0) {
        if (is_gone()) {
            note_gone();
            co_return false;
        }
        co_await exchange_.signal().wait();
    }
    co_return true;
}

coro::Task<void> Player::stay_silent() {
    while (!is_gone()) {
        co_await exchange_.signal().wait();
    }
    note_gone();
}

coro::Task<bool> Player::begin() {
    if (fault_.delay.ns() > 0) {
        const Instant begin_at = now() + fault_.delay;
        pacer_.begin_at(begin_at);
        const bool goes_on = co_await wait_until(begin_at);
        if (!goes_on) {
            co_return false;
        }
    }
    switch (fault_.start) {
        case FaultStart::none:
            break;
        case FaultStart::silent:
            co_await stay_silent();
            co_return false;
        case FaultStart::reset:
            exchange_.reset_response();
            co_return false;
        case FaultStart::close:
            exchange_.abort_response();
            co_return false;
        case FaultStart::garbage:
            exchange_.stream().write(Slice::unowned(kGarbage));
            exchange_.abort_response();
            co_return false;
    }
    for (uint32_t i = 0; i < fault_.interim_responses; ++i) {
        exchange_.stream().write(Slice::unowned(kInterim));
    }
    co_return true;
}

coro::Task<void> Player::play(const PreparedAnswer& answer) {
    const bool has_begun = co_await begin();
    if (has_begun) {
        co_await play_begun(answer);
    }
}

coro::Task<bool> Player::wait_for_first_token() {
    const bool has_begun = co_await begin();
    if (!has_begun) {
        co_return false;
    }
    has_first_token_ = true;
    pacer_.step(SimulatedPace::first_token);
    const bool is_there = co_await wait_until_due();
    co_return is_there;
}

coro::Task<void> Player::play_begun(const PreparedAnswer& answer) {
    is_stream_ = answer.is_stream();
    form_ = &form_of(answer.wire);
    if (is_stream_) {
        co_await send_events(answer);
        co_return;
    }
    if (!has_first_token_) {
        pacer_.step(SimulatedPace::first_token);
    }
    for (uint32_t i = 1; i < answer.tokens && pacer_.is_paced(); ++i) {
        pacer_.step(SimulatedPace::next_token);
    }
    const bool is_all_there = co_await wait_until_due();
    if (is_all_there) {
        co_await send_whole(kOk, kJson, answer.bytes.share());
    }
}

coro::Task<void> Player::play_text(uint16_t status, std::string_view content_type, Slice text) {
    const bool has_begun = co_await begin();
    if (has_begun) {
        co_await send_whole(status, content_type, std::move(text));
    }
}

// --- Whole answers.

coro::Task<void> Player::send_whole(uint16_t status, std::string_view content_type, Slice body) {
    if (fault_.is_raw()) {
        co_await drip(raw_head(status, content_type, body.size()), body.view());
        co_return;
    }
    if (!send_head(status, content_type, body.size())) {
        co_return;
    }
    const bool is_cut =
        fault_.cut != FaultCut::none &&
        (fault_.is_cut_by_bytes ? fault_.cut_after < body.size() : fault_.cut_after == 0);
    if (is_cut) {
        body.truncate(static_cast<uint32_t>(fault_.cut_after));
    }
    context_.counters.answer_bytes.add(body.size());
    exchange_.write_body(std::move(body));
    if (is_cut) {
        const bool goes_on = co_await cut_here();
        if (!goes_on) {
            co_return;
        }
    }
    finish();
}

// --- Streams.

coro::Task<void> Player::send_events(const PreparedAnswer& answer) {
    if (fault_.is_raw()) {
        // All events in one piece, as they lie there, and the last chunk behind them.
        const std::string_view body =
            exchange_.arena().join({answer.bytes.view(), http::kLastChunk});
        co_await drip(raw_head(kOk, form_->stream_type, 0), body);
        co_return;
    }
    exchange_.stream().notify_when_sent(!pacer_.is_paced());
    context_.counters.streams.add();
    size_t end = answer.events.size();
    const PreparedAnswer::Event& last = answer.events.back();
    const std::string_view last_text = answer.bytes.view().substr(last.payload, last.payload_bytes);
    // Other dialects end in an event that is part of the answer.
    const bool has_done = answer.wire != Wire::openai || last_text.ends_with(http::kSseDone);
    if (fault_.leaves_out_done && has_done) {
        --end;
    }
    for (size_t i = 0; i < end;) {
        step_to(answer, i);
        const bool is_next_there = co_await wait_until_due();
        if (!is_next_there) {
            co_return;
        }
        if (!head_sent_at_.is_set() &&
            !send_head(kOk, form_->stream_type, answer.payload_bytes())) {
            co_return;
        }
        const bool is_cut_inside_next = is_cut_inside(answer.events[i]);
        if (is_cut_inside_next) {
            write_part(answer, answer.events[i]);
        }
        const bool is_cut_now = is_cut_inside_next || is_cut_at(i);
        const bool goes_on = !is_cut_now || co_await cut_here();
        if (!goes_on) {
            co_return;
        }
        const size_t count = run_length(answer, i, end);
        write_events(answer, i, count);
        i += count;
        const bool is_taken = pacer_.is_paced() || co_await wait_until_sent();
        if (!is_taken) {
            co_return;
        }
    }
    const bool ends_well = !is_cut_at(end) || co_await cut_here();
    if (!ends_well) {
        co_return;
    }
    finish();
}

// Tells the pacer of the event, once.
void Player::step_to(const PreparedAnswer& answer, size_t index) {
    if (index < stepped_to_) {
        return;
    }
    stepped_to_ = index + 1;
    const SimulatedPace pace = answer.events[index].pace;
    if (pace != SimulatedPace::first_token || !has_first_token_) {
        pacer_.step(pace);
    }
}

// How many events go out together now: a burst, or all that are due.
size_t Player::run_length(const PreparedAnswer& answer, size_t first, size_t end) {
    if (fault_.cut != FaultCut::none && !is_cut_done_) {
        return 1;
    }
    if (!pacer_.is_paced()) {
        return std::min<size_t>(pacer_.burst(), end - first);
    }
    size_t count = 1;
    while (first + count < end) {
        step_to(answer, first + count);
        if (!is_due() && count >= pacer_.burst()) {
            break;
        }
        ++count;
    }
    return count;
}

bool Player::is_cut_at(size_t index) const {
    return fault_.cut != FaultCut::none && !is_cut_done_ && !fault_.is_cut_by_bytes &&
           fault_.cut_after == index;
}

bool Player::is_cut_inside(const PreparedAnswer::Event& event) const {
    return fault_.cut != FaultCut::none && !is_cut_done_ && fault_.is_cut_by_bytes &&
           payload_sent_ + event.payload_bytes > fault_.cut_after;
}

coro::Task<bool> Player::cut_here() {
    is_cut_done_ = true;
    switch (fault_.cut) {
        case FaultCut::none:
            break;
        case FaultCut::close:
            if (framing_ == BodyKind::until_close) {
                exchange_.finish_response();  // For this framing an orderly end is the end.
            } else {
                exchange_.abort_response();
            }
            co_return false;
        case FaultCut::reset:
            exchange_.reset_response();
            co_return false;
        case FaultCut::stall:
            co_await stay_silent();
            co_return false;
        case FaultCut::bad_chunk:
            exchange_.stream().write(Slice::unowned(kBadChunk));
            exchange_.abort_response();
            co_return false;
        case FaultCut::bad_json:
            write_payload(form_->broken_event());
            break;
        case FaultCut::error:
            write_payload(form_->error_event());
            exchange_.abort_response();
            co_return false;
    }
    co_return true;
}

void Player::write_events(const PreparedAnswer& answer, size_t first, size_t count) {
    net::ByteStream& stream = exchange_.stream();
    const bool is_chunked = framing_ == BodyKind::chunked;
    const bool is_one_piece = is_chunked && answer.events[first].stamp == 0;
    if (is_one_piece) {
        const uint32_t begin = answer.events[first].begin;
        stream.write(answer.bytes.share(begin, answer.events[first + count - 1].end - begin));
    }
    for (size_t i = first; i < first + count; ++i) {
        const PreparedAnswer::Event& event = answer.events[i];
        payload_sent_ += event.payload_bytes;
        if (is_one_piece) {
            continue;
        }
        const uint32_t begin = is_chunked ? event.begin : event.payload;
        const uint32_t end = is_chunked ? event.end : event.payload + event.payload_bytes;
        Slice piece = answer.bytes.share(begin, end - begin);
        if (event.stamp != 0) {
            piece = Slice::copy_of(piece.view());
            write_stamp(context_.proactor.ring().now(),
                        piece.writable_data() + (event.stamp - begin));
        }
        stream.write(std::move(piece));
    }
    events_sent_ += static_cast<uint32_t>(count);
    context_.counters.events.add(count);
    context_.counters.answer_bytes.add(answer.events[first + count - 1].end -
                                       answer.events[first].begin);
}

// As much of the event as the cut leaves of it.
void Player::write_part(const PreparedAnswer& answer, const PreparedAnswer::Event& event) {
    const auto payload_bytes = static_cast<uint32_t>(fault_.cut_after - payload_sent_);
    const uint32_t begin = framing_ == BodyKind::chunked ? event.begin : event.payload;
    exchange_.stream().write(answer.bytes.share(begin, event.payload + payload_bytes - begin));
}

void Player::write_payload(std::string_view payload) {
    exchange_.write_body(Slice::copy_of(payload));
}

// --- Heads and ends.

bool Player::send_head(uint16_t status, std::string_view content_type, uint64_t body_bytes) {
    http::BodyFraming framing = {.kind = is_stream_ ? BodyKind::chunked : BodyKind::length};
    switch (fault_.framing) {
        case FaultFraming::usual:
            break;
        case FaultFraming::length:
            framing.kind = BodyKind::length;
            break;
        case FaultFraming::chunked:
            framing.kind = BodyKind::chunked;
            break;
        case FaultFraming::until_close:
            framing.kind = BodyKind::until_close;
            break;
    }
    if (framing.kind == BodyKind::length) {
        const int64_t told = static_cast<int64_t>(body_bytes) + fault_.length_off_bytes;
        framing.length_bytes = static_cast<uint64_t>(std::max<int64_t>(told, 0));
    }
    http::HeadWriter writer = exchange_.begin_response(status);
    add_fields(writer, content_type);
    if (!exchange_.send_head(writer, status, framing)) {
        exchange_.abort_response();
        return false;
    }
    framing_ = framing.kind;
    head_sent_at_ = context_.proactor.ring().now();
    return true;
}

void Player::add_fields(http::HeadWriter& writer, std::string_view content_type) const {
    writer.field(http::HeaderId::content_type, content_type);
    if (is_stream_) {
        writer.field(http::HeaderId::cache_control, "no-cache");
    }
    if (!error_type_.empty()) {
        writer.field("x-amzn-errortype", error_type_);
    }
    if (!fault_.retry_after.empty()) {
        writer.field(http::HeaderId::retry_after, fault_.retry_after);
    }
    const std::string fill(std::min<size_t>(fault_.extra_head_bytes, kFillFieldBytes), 'f');
    for (size_t left = fault_.extra_head_bytes; left > 0;) {
        const size_t part = std::min(left, kFillFieldBytes);
        writer.field("x-fill", std::string_view(fill).substr(0, part));
        left -= part;
    }
}

// A head that is written by hand: its connection ends after it.
std::string_view Player::raw_head(uint16_t status,
                                  std::string_view content_type,
                                  size_t body_bytes) {
    http::HeadWriter writer(exchange_.arena());
    writer.status_line(status);
    add_fields(writer, content_type);
    if (is_stream_) {
        writer.transfer_encoding_chunked();
    } else {
        writer.content_length(body_bytes);
    }
    writer.field(http::HeaderId::connection, "close");
    return writer.finish().value_or(std::string_view());
}

coro::Task<void> Player::drip(std::string_view head, std::string_view body) {
    net::ByteStream& stream = exchange_.stream();
    stream.notify_when_sent(true);
    head_sent_at_ = now();
    const std::string_view dripped = fault_.is_split ? exchange_.arena().join({head, body}) : head;
    for (size_t i = 0; i < dripped.size(); ++i) {
        stream.write(Slice::unowned(dripped.substr(i, 1)));
        const bool is_taken = co_await wait_until_sent();
        if (!is_taken) {
            co_return;
        }
        // Bytes of the head only; a body goes on without a pause.
        const bool is_slow = i < head.size() && fault_.slow_head_per_byte.ns() > 0;
        const bool goes_on = !is_slow || co_await wait_until(now() + fault_.slow_head_per_byte);
        if (!goes_on) {
            co_return;
        }
    }
    if (!fault_.is_split) {
        stream.write(Slice::unowned(exchange_.arena().copy(body)));
    }
    exchange_.abort_response();
    context_.counters.completed.add();
}

void Player::finish() {
    if (fault_.leaves_out_terminator) {
        exchange_.abort_response();
    } else {
        exchange_.finish_response();
    }
    if (fault_.closes_silently) {
        exchange_.close_after();
    }
    context_.counters.completed.add();
}

}  // namespace sluice::llm_kit
