// The head in, the body in, the response out.
#include "http/server_exchange.h"

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

#include "base/assert.h"
#include "base/error.h"
#include "base/result.h"
#include "base/slice.h"
#include "base/slice_queue.h"
#include "coro/signal.h"
#include "http/body_reader.h"
#include "http/body_writer.h"
#include "http/framing.h"
#include "http/h1_parser.h"
#include "http/h1_writer.h"
#include "http/header_map.h"
#include "http/header_names.h"
#include "http/options.h"
#include "http/types.h"
#include "net/byte_stream.h"
#include "net/proactor.h"

namespace sluice::http {

namespace {

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace

ServerExchange::ServerExchange(net::ByteStream& stream,
                               coro::Signal& signal,
                               const ServerConnectionOptions& options)
    : stream_(&stream),
      signal_(&signal),
      options_(options),
      started_at_(stream.proactor().now()),
      assembler_(HeadScanner::Kind::request, options.limits),
      body_({}, options.limits, ErrorSource::client) {}

Result<bool> ServerExchange::read_head(std::span<HeaderField> scratch) {
    const SliceQueue& received = stream_->received();
    if (received.empty()) {
        return false;
    }
    TRY(const std::string_view head, assembler_.look(received, request_arena_));
    if (head.empty()) {
        return false;
    }
    if (assembler_.is_in_place()) {
        head_bytes_ =
            received.front().share(assembler_.begin(), static_cast<uint32_t>(head.size()));
    }
    stream_->consume(assembler_.taken_bytes());
    TRY_VOID(parse(head, scratch));
    return true;
}

Status ServerExchange::parse(std::string_view head, std::span<HeaderField> scratch) {
    TRY_VOID(parse_request_head(head, options_.limits, scratch, head_));
    version_ = head_.version;
    answers_head_ = head_.method == Method::head;
    // The table moves from the shard's scratch into the arena, at its real size.
    HeaderMap fields(request_arena_.allocate_array<HeaderField>(head_.headers.size()));
    for (const HeaderField& field : head_.headers) {
        [[maybe_unused]] const bool added = field.id == HeaderId::other
                                                ? fields.add(field.name, field.value)
                                                : fields.add(field.id, field.value);
        SLUICE_DCHECK(added);
    }
    head_.headers = fields;
    TRY(framing_, request_framing(head_));
    body_ = BodyReader(framing_.body, options_.limits, ErrorSource::client);
    keep_alive_ = framing_.keep_alive;
    return {};
}

Result<bool> ServerExchange::next_body_piece(BodyPiece& piece) {
    if (framing_.expects_continue && !continue_sent_ && !body_.is_complete() &&
        stream_->received().empty() && response_state_ == ResponseState::none) {
        continue_sent_ = true;
        stream_->write(Slice::unowned(kContinue));
    }
    return body_.next(*stream_, piece);
}

void ServerExchange::release_request() {
    head_.method_text = head_.target = head_.authority = head_.path = head_.query = {};
    head_.headers = HeaderMap();
    head_bytes_.reset();
    request_arena_.reset();
}

void ServerExchange::probe_half_closed() {
    if (version_ == Version::http_1_1 && response_state_ == ResponseState::none) {
        stream_->write(Slice::unowned(kContinue));
    }
}

HeadWriter ServerExchange::begin_response(uint16_t status, std::string_view reason) {
    HeadWriter writer(request_arena_);
    writer.status_line(status, reason);
    return writer;
}

Status ServerExchange::send_head(HeadWriter& writer, uint16_t status, const BodyFraming& framing) {
    SLUICE_ASSERT(response_state_ == ResponseState::none);
    BodyKind kind = framing.kind;
    if (kind == BodyKind::chunked && version_ == Version::http_1_0) {
        kind = BodyKind::until_close;
    }
    if (kind == BodyKind::until_close) {
        keep_alive_ = false;
    }
    // An unread rest of the request body would be taken for the next request.
    if (!body_.is_complete()) {
        keep_alive_ = false;
    }
    const bool never_has_body = is_informational(status) || status == 204 || status == 304;
    if (kind == BodyKind::length || (kind == BodyKind::none && !never_has_body)) {
        writer.content_length(framing.length_bytes);
    } else if (kind == BodyKind::chunked) {
        writer.transfer_encoding_chunked();
    }
    if (!keep_alive_) {
        writer.field(HeaderId::connection, "close");
    } else if (version_ == Version::http_1_0) {
        writer.field(HeaderId::connection, "keep-alive");
    }
    TRY(Slice head, writer.finish_slice());
    response_state_ = ResponseState::head_sent;
    response_status_ = status;
    writer_ = BodyWriter(answers_head_ ? BodyKind::none : kind);
    stream_->write(std::move(head));
    return {};
}

void ServerExchange::write_body(BodyPiece&& piece) {
    SLUICE_ASSERT(response_state_ == ResponseState::head_sent);
    SliceQueue framed;
    frame_body(std::move(piece), framed);
    stream_->write(std::move(framed));
}

void ServerExchange::write_aside(Slice data) {
    SLUICE_ASSERT(response_state_ == ResponseState::head_sent);
    SliceQueue framed;
    writer_.write(BodyPiece{.data = std::move(data)}, framed);
    stream_->write(std::move(framed));
}

void ServerExchange::finish_response() {
    SLUICE_ASSERT(response_state_ == ResponseState::head_sent);
    SliceQueue framed;
    writer_.finish(framed);
    stream_->write(std::move(framed));
    response_state_ = ResponseState::finished;
}

void ServerExchange::abort_response() {
    response_state_ = ResponseState::aborted;
    keep_alive_ = false;
}

Status ServerExchange::respond(HeadWriter& writer, uint16_t status, Slice body) {
    const BodyFraming framing = {.kind = body.empty() ? BodyKind::none : BodyKind::length,
                                 .length_bytes = body.size()};
    TRY_VOID(send_head(writer, status, framing));
    if (!answers_head_) {
        write_body(std::move(body));
    }
    finish_response();
    return {};
}

}  // namespace sluice::http
