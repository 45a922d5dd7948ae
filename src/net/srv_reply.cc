// RFC 1035 section 4: a header, questions, records; names may point back into the message.
#include "net/srv_reply.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace sluice::net {

namespace {

constexpr size_t kHeaderBytes = 12;
constexpr size_t kQuestionBytes = 4;  // Type and class, behind the name.
constexpr uint8_t kPointer = 0xC0;
constexpr size_t kNameBytesMax = 253;
constexpr uint16_t kTypeSrv = 33;
constexpr uint16_t kClassInternet = 1;
// What a name of such a host needs in a URL, and no other byte.
constexpr std::string_view kHostBytes =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

// Reads on from a place; what does not fit sets the flag, and every result is 0 from then on.
class Reader {
public:
    Reader(std::string_view message, size_t at) : message_(message), at_(at) {}

    bool is_bad() const { return is_bad_; }
    size_t at() const { return at_; }

    uint32_t number(size_t bytes) {
        if (is_bad_ || message_.size() - at_ < bytes) {
            is_bad_ = true;
            return 0;
        }
        uint32_t value = 0;
        for (size_t i = 0; i < bytes; ++i) {
            value = value << 8U | static_cast<uint8_t>(message_[at_++]);
        }
        return value;
    }
    void skip(size_t bytes) {
        is_bad_ = is_bad_ || message_.size() - at_ < bytes;
        at_ += is_bad_ ? 0 : bytes;
    }

    // Pointers lead backwards only, so that no name is without an end.
    std::string name() {
        std::string text;
        size_t before = at_;
        std::optional<size_t> after;
        while (!is_bad_) {
            const uint32_t length = number(1);
            if ((length & kPointer) == kPointer) {
                const size_t to = (length & ~uint32_t{kPointer}) << 8U | number(1);
                after = after.value_or(at_);
                is_bad_ = is_bad_ || to >= before;
                at_ = before = is_bad_ ? at_ : to;
            } else if (length == 0 || (length & kPointer) != 0) {
                is_bad_ = is_bad_ || length != 0;
                break;
            } else {
                label(length, text);
            }
        }
        at_ = after.value_or(at_);
        return text;
    }

private:
    void label(size_t length, std::string& text) {
        if (message_.size() - at_ < length || text.size() + length > kNameBytesMax) {
            is_bad_ = true;
            return;
        }
        text += text.empty() ? "" : ".";
        text += message_.substr(at_, length);
        at_ += length;
    }

    std::string_view message_;
    size_t at_;
    bool is_bad_ = false;
};

bool is_host(std::string_view name) {
    return !name.empty() && std::ranges::all_of(name, [](char c) {
        return c == '.' || kHostBytes.find(c) != kHostBytes.npos;
    });
}

}  // namespace

std::optional<SrvReply> parse_srv_reply(std::string_view message, size_t records_max) {
    if (message.size() < kHeaderBytes) {
        return std::nullopt;
    }
    Reader reader(message, 4);
    const uint32_t questions = reader.number(2);
    const uint32_t answers = reader.number(2);
    reader.skip(4);
    for (uint32_t i = 0; i < questions && !reader.is_bad(); ++i) {
        reader.name();
        reader.skip(kQuestionBytes);
    }
    SrvReply reply;
    for (uint32_t i = 0; i < answers && !reader.is_bad(); ++i) {
        reader.name();
        const uint32_t type = reader.number(2);
        const uint32_t of_class = reader.number(2);
        reply.ttl_s = std::min(reply.ttl_s, reader.number(4));
        const uint32_t length = reader.number(2);
        const size_t begin = reader.at();
        Reader data(message, begin);
        reader.skip(length);
        if (reader.is_bad() || type != kTypeSrv || of_class != kClassInternet) {
            continue;
        }
        ServiceRecord record;
        record.priority = static_cast<uint16_t>(data.number(2));
        record.weight = static_cast<uint16_t>(data.number(2));
        record.port = static_cast<uint16_t>(data.number(2));
        record.host = data.name();
        if (data.is_bad() || data.at() != begin + length) {
            return std::nullopt;
        }
        if (is_host(record.host) && record.port != 0 && reply.records.size() < records_max) {
            reply.records.push_back(std::move(record));
        }
    }
    return reader.is_bad() ? std::nullopt : std::optional(std::move(reply));
}

}  // namespace sluice::net
