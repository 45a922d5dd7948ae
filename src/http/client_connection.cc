// Request out, response in, and the question whether the connection is still clean.
#include "http/client_connection.h"

#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include "base/arena.h"
#include "base/error.h"
#include "base/result.h"
#include "base/slice.h"
#include "http/body_reader.h"
#include "http/framing.h"
#include "http/h1_parser.h"
#include "http/header_map.h"
#include "http/limits.h"
#include "http/types.h"
#include "net/byte_stream.h"

namespace sluice::http {

ClientConnection::ClientConnection(net::StreamPtr stream, const MessageLimits& limits)
    : stream_(std::move(stream)),
      body_({}, limits, ErrorSource::upstream),
      limits_(limits),
      assembler_(HeadScanner::Kind::response, limits) {}

void ClientConnection::begin_request(Method method, Slice head) {
    ++exchanges_;
    method_ = method;
    sent_before_ = stream_->sent_bytes_total();
    assembler_.reset();
    interim_responses_ = 0;
    response_begun_ = false;
    head_read_ = false;
    stream_->write(std::move(head));
}

bool ClientConnection::may_have_seen_request() const {
    return stream_->acknowledged_bytes() > sent_before_;
}

bool ClientConnection::had_died_idle(const Error& error) const {
    const bool has_died = error.kind == ErrorKind::reset || error.kind == ErrorKind::closed_early;
    return has_died && error.source == ErrorSource::upstream && is_reused() && !response_begun_ &&
           !may_have_seen_request();
}

Result<bool> ClientConnection::read_head(Arena& arena, std::span<HeaderField> scratch) {
    while (true) {
        const SliceQueue& received = stream_->received();
        if (received.empty()) {
            if (stream_->failed()) {
                return fail(stream_->error());
            }
            if (stream_->read_ended()) {
                return fail({.kind = ErrorKind::closed_early,
                             .source = ErrorSource::upstream,
                             .where = "the upstream closed the connection before it answered"});
            }
            return false;
        }
        response_begun_ = true;
        TRY(const std::string_view found, assembler_.look(received, arena));
        if (found.empty()) {
            if (stream_->read_ended()) {
                return fail(
                    {.kind = ErrorKind::closed_early,
                     .source = ErrorSource::upstream,
                     .where = "the upstream closed the connection inside its answer's head"});
            }
            return false;
        }
        // Always in the arena: a stream of an hour must not pin the block that its head came in.
        const std::string_view head = assembler_.is_in_place() ? arena.copy(found) : found;
        TRY_VOID(parse_response_head(head, limits_, scratch, head_));
        stream_->consume(assembler_.taken_bytes());
        if (is_informational(head_.status) && head_.status != 101) {
            if (++interim_responses_ > kInterimResponsesMax) {
                return fail({.kind = ErrorKind::malformed,
                             .source = ErrorSource::upstream,
                             .where = "the upstream sent too many interim responses"});
            }
            assembler_.reset();
            continue;
        }
        TRY(framing_, response_framing(head_, method_));
        body_ = BodyReader(framing_.body, limits_, ErrorSource::upstream);
        head_read_ = true;
        return true;
    }
}

bool ClientConnection::finish_exchange(bool request_sent_whole) {
    head_ = ResponseHead();
    return request_sent_whole && is_response_complete() && framing_.keep_alive && is_healthy();
}

}  // namespace sluice::http
