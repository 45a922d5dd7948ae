// Reads one HTTP/1 message out of pieces with the real machines, as a connection would: delimit
// the head, parse it, decide the framing, take the body. What it comes to is a plain value, so
// that two ways of feeding the same bytes can be compared.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/result.h"
#include "http/chunked.h"
#include "http/framing.h"
#include "http/h1_parser.h"
#include "http/limits.h"
#include "http/message.h"
#include "support/splits.h"

namespace sluice::test {

struct ReadMessage {
    enum class End : uint8_t { incomplete, complete, refused };

    End end = End::incomplete;
    ErrorKind error = ErrorKind::none;
    std::string where;
    std::string start_line;  // Method, target and version, or version, status and reason.
    std::vector<std::pair<std::string, std::string>> fields;
    http::BodyKind body_kind = http::BodyKind::none;
    bool keep_alive = false;
    std::string body;
    std::string rest;  // What follows the message.

    bool operator==(const ReadMessage&) const = default;
};

inline std::ostream& operator<<(std::ostream& to, const ReadMessage& message) {
    constexpr const char* kEnds[] = {"incomplete", "complete", "refused"};
    to << kEnds[static_cast<size_t>(message.end)] << ' ' << error_kind_name(message.error) << " ("
       << message.where << ") " << message.start_line;
    for (const auto& [name, value] : message.fields) {
        to << " | " << name << ": " << value;
    }
    return to << " | body kind " << static_cast<int>(message.body_kind) << " keep "
              << message.keep_alive << " body '" << message.body << "' rest '" << message.rest
              << "'";
}

class MessageReader {
public:
    MessageReader(http::HeadScanner::Kind kind, const http::MessageLimits& limits)
        : limits_(limits), kind_(kind), scanner_(kind, limits), chunks_(limits, source()) {}

    ReadMessage read(const Pieces& pieces) {
        for (size_t i = 0; i < pieces.size() && message_.error == ErrorKind::none; ++i) {
            feed(pieces[i]);
        }
        return message_;
    }

private:
    ErrorSource source() const {
        return kind_ == http::HeadScanner::Kind::request ? ErrorSource::client
                                                         : ErrorSource::upstream;
    }

    void feed(std::string_view piece) {
        if (has_head_) {
            take_body(piece);
            return;
        }
        received_.insert(received_.end(), piece.begin(), piece.end());
        const std::vector<char> exact(received_);  // No spare capacity to read into.
        const std::string_view bytes(exact.data(), exact.size());
        const Result<http::HeadExtent> extent = scanner_.scan(bytes);
        if (!extent) {
            refuse(extent.error());
        } else if (extent->is_complete()) {
            take_head(bytes.substr(extent->begin, extent->end - extent->begin));
            if (message_.error == ErrorKind::none) {
                has_head_ = true;
                take_body(bytes.substr(extent->end));
            }
        }
    }

    void take_head(std::string_view bytes) {
        std::vector<http::HeaderField> storage(limits_.fields_max);
        if (kind_ == http::HeadScanner::Kind::request) {
            http::RequestHead head;
            if (const Status parsed = http::parse_request_head(bytes, limits_, storage, head);
                !parsed) {
                return refuse(parsed.error());
            }
            message_.start_line.append(head.method_text).append(" ").append(head.target);
            message_.start_line.append(" ").append(http::version_name(head.version));
            take_framing(http::request_framing(head), head.headers);
        } else {
            http::ResponseHead head;
            if (const Status parsed = http::parse_response_head(bytes, limits_, storage, head);
                !parsed) {
                return refuse(parsed.error());
            }
            message_.start_line.append(http::version_name(head.version)).append(" ");
            message_.start_line.append(std::to_string(head.status)).append(" ");
            message_.start_line.append(head.reason);
            take_framing(http::response_framing(head, http::Method::post), head.headers);
        }
    }

    template <class Framing>
    void take_framing(const Result<Framing>& framing, const http::HeaderMap& headers) {
        if (!framing) {
            return refuse(framing.error());
        }
        for (const http::HeaderField& field : headers) {
            message_.fields.emplace_back(field.name, field.value);
        }
        message_.body_kind = framing->body.kind;
        message_.keep_alive = framing->keep_alive;
        left_bytes_ = framing->body.length_bytes;
        if (message_.body_kind == http::BodyKind::none) {
            message_.end = ReadMessage::End::complete;
        }
    }

    void take_body(std::string_view bytes) {
        if (message_.end == ReadMessage::End::complete) {
            message_.rest.append(bytes);
            return;
        }
        switch (message_.body_kind) {
            case http::BodyKind::none:
                return;
            case http::BodyKind::until_close:
                message_.body.append(bytes);
                return;
            case http::BodyKind::length: {
                const std::string_view data = bytes.substr(0, left_bytes_);
                message_.body.append(data);
                left_bytes_ -= data.size();
                if (left_bytes_ == 0) {
                    message_.end = ReadMessage::End::complete;
                    message_.rest.append(bytes.substr(data.size()));
                }
                return;
            }
            case http::BodyKind::chunked:
                take_chunks(bytes);
                return;
        }
    }

    void take_chunks(std::string_view bytes) {
        while (!bytes.empty() && !chunks_.at_end()) {
            const Result<http::ChunkedPiece> piece = chunks_.next(bytes);
            if (!piece) {
                return refuse(piece.error());
            }
            message_.body.append(bytes.substr(piece->data_offset, piece->data_length));
            bytes.remove_prefix(piece->consumed);
        }
        if (chunks_.at_end()) {
            message_.end = ReadMessage::End::complete;
            message_.rest.append(bytes);
        }
    }

    void refuse(const Error& error) {
        message_.end = ReadMessage::End::refused;
        message_.error = error.kind;
        message_.where = error.where;
    }

    http::MessageLimits limits_;
    http::HeadScanner::Kind kind_;
    http::HeadScanner scanner_;
    http::ChunkedDecoder chunks_;
    std::vector<char> received_;
    bool has_head_ = false;
    uint64_t left_bytes_ = 0;
    ReadMessage message_;
};

inline ReadMessage read_request(const Pieces& pieces, const http::MessageLimits& limits = {}) {
    return MessageReader(http::HeadScanner::Kind::request, limits).read(pieces);
}

// The answer to a POST.
inline ReadMessage read_response(const Pieces& pieces, const http::MessageLimits& limits = {}) {
    return MessageReader(http::HeadScanner::Kind::response, limits).read(pieces);
}

}  // namespace sluice::test
