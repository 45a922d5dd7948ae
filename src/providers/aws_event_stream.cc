// Frames are checked before they are believed: the prelude's checksum before its lengths, the
// message's checksum before its headers, and every length against what is left.
#include "providers/aws_event_stream.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string_view>

#include "base/error.h"
#include "base/result.h"
#include "crypto/crc32.h"

namespace sluice::providers {

namespace {

constexpr size_t kPreludeBytes = 12;
constexpr size_t kChecksumBytes = 4;
constexpr size_t kOverheadBytes = kPreludeBytes + kChecksumBytes;

std::unexpected<Error> malformed(const char* where) {
    return fail({.kind = ErrorKind::malformed, .source = ErrorSource::upstream, .where = where});
}

// Big-endian; `bytes` has at least as many as wanted.
uint32_t read_integer(std::string_view bytes, size_t count) {
    uint32_t value = 0;
    for (const char byte : bytes.substr(0, count)) {
        value = value << 8U | static_cast<unsigned char>(byte);
    }
    return value;
}

// How long the message is that begins with this prelude.
Result<size_t> read_prelude(std::string_view prelude) {
    if (crypto::crc32(prelude.substr(0, 8)) != read_integer(prelude.substr(8), 4)) {
        return malformed("a frame whose prelude has a wrong checksum");
    }
    const uint32_t total = read_integer(prelude, 4);
    const uint32_t headers = read_integer(prelude.substr(4), 4);
    if (headers > AwsEventStream::kHeadersBytesMax) {
        return malformed("a frame with too long headers");
    }
    if (total < kOverheadBytes + headers) {
        return malformed("a frame that is shorter than its parts");
    }
    if (total - kOverheadBytes - headers > AwsEventStream::kPayloadBytesMax) {
        return malformed("a frame with too long a payload");
    }
    return total;
}

// The types of a header's value; each has a fixed size or says its own.
enum class ValueType : uint8_t {
    yes,
    no,
    int8,
    int16,
    int32,
    int64,
    bytes,
    string,
    timestamp,
    uuid,
};
constexpr std::array<uint8_t, 10> kValueBytes = {0, 0, 1, 2, 4, 8, 0, 0, 8, 16};

struct Header {
    std::string_view name;
    ValueType type = ValueType::yes;
    std::string_view value;
};

// Takes `count` bytes from the front of `from`; false when there are fewer.
bool take(std::string_view& from, size_t count, std::string_view& taken) {
    if (from.size() < count) {
        return false;
    }
    taken = from.substr(0, count);
    from.remove_prefix(count);
    return true;
}

bool take_header(std::string_view& from, Header& header) {
    std::string_view field;
    if (!take(from, 1, field) || field[0] == 0 ||
        !take(from, read_integer(field, 1), header.name) || !take(from, 1, field)) {
        return false;
    }
    const uint32_t type = read_integer(field, 1);
    if (type >= kValueBytes.size()) {
        return false;
    }
    header.type = static_cast<ValueType>(type);
    size_t count = kValueBytes[type];
    if (header.type == ValueType::bytes || header.type == ValueType::string) {
        if (!take(from, 2, field)) {
            return false;
        }
        count = read_integer(field, 2);
    }
    return take(from, count, header.value);
}

// The headers that say what a message is.
struct Meaning {
    std::string_view message_type;
    std::string_view event_type;
    std::string_view exception_type;
    std::string_view error_code;
    std::string_view error_message;

    void note(const Header& header) {
        if (header.type != ValueType::string) {
            return;
        }
        if (header.name == ":message-type") {
            message_type = header.value;
        } else if (header.name == ":event-type") {
            event_type = header.value;
        } else if (header.name == ":exception-type") {
            exception_type = header.value;
        } else if (header.name == ":error-code") {
            error_code = header.value;
        } else if (header.name == ":error-message") {
            error_message = header.value;
        }
    }
};

Result<Meaning> read_headers(std::string_view headers) {
    std::array<std::string_view, AwsEventStream::kHeadersMax> names;
    size_t count = 0;
    Meaning meaning;
    while (!headers.empty()) {
        Header header;
        if (!take_header(headers, header)) {
            return malformed("a frame with a broken header");
        }
        const auto seen = std::span(names).first(count);
        if (std::ranges::find(seen, header.name) != seen.end()) {
            return malformed("a frame with the same header twice");
        }
        if (count == names.size()) {
            return malformed("a frame with too many headers");
        }
        names[count++] = header.name;
        meaning.note(header);
    }
    return meaning;
}

}  // namespace

// Moves bytes until `wanted_bytes` are gathered or the piece is used up.
void AwsEventStream::gather(std::string_view& piece, size_t wanted_bytes) {
    const size_t missing = wanted_bytes - std::min(wanted_bytes, gathered_.size());
    const std::string_view taken = piece.substr(0, missing);
    gathered_ += taken;
    piece.remove_prefix(taken.size());
}

Result<bool> AwsEventStream::next(std::string_view& piece,
                                  std::string_view& name,
                                  std::string_view& data) {
    if (is_spent_) {
        gathered_.clear();
        is_spent_ = false;
    }
    if (gathered_.empty() && piece.size() >= kPreludeBytes) {
        TRY(const size_t total, read_prelude(piece.substr(0, kPreludeBytes)));
        if (piece.size() >= total) {
            const std::string_view message = piece.substr(0, total);
            piece.remove_prefix(total);
            return parse(message, name, data);
        }
    }
    gather(piece, kPreludeBytes);
    if (gathered_.size() < kPreludeBytes) {
        return false;
    }
    TRY(const size_t total, read_prelude(std::string_view(gathered_).substr(0, kPreludeBytes)));
    gather(piece, total);
    if (gathered_.size() < total) {
        return false;
    }
    is_spent_ = true;
    return parse(gathered_, name, data);
}

Result<bool> AwsEventStream::parse(std::string_view message,
                                   std::string_view& name,
                                   std::string_view& data) {
    const std::string_view checked = message.substr(0, message.size() - kChecksumBytes);
    if (crypto::crc32(checked) != read_integer(message.substr(checked.size()), kChecksumBytes)) {
        return malformed("a frame with a wrong checksum");
    }
    const size_t headers_bytes = read_integer(message.substr(4), 4);
    TRY(const Meaning meaning, read_headers(checked.substr(kPreludeBytes, headers_bytes)));
    name = meaning.event_type;
    data = checked.substr(kPreludeBytes + headers_bytes);
    if (meaning.message_type == "exception") {
        name_.assign("exception:").append(meaning.exception_type);
        name = name_;
    } else if (meaning.message_type == "error") {
        name_.assign("error:").append(meaning.error_code);
        name = name_;
        data = meaning.error_message;
    }
    return true;
}

Status AwsEventStream::finish() const {
    if (!gathered_.empty() && !is_spent_) {
        return fail({.kind = ErrorKind::closed_early,
                     .source = ErrorSource::upstream,
                     .where = "the reply ended inside a frame"});
    }
    return {};
}

}  // namespace sluice::providers
