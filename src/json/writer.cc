// Text is copied in runs that need no escape; numbers go through to_chars.
#include "json/writer.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/text.h"
#include "json/text_scan.h"

namespace sluice::json {

namespace {

constexpr size_t kNumberBytesMax = 32;  // The longest shortest double has 24 characters.

// The first byte of [at, end) that is not plain ASCII text.
const char* plain_end(const char* at, const char* end) {
    const TextStops text_stops = text_scan().text_stops;
    for (; static_cast<size_t>(end - at) >= kTextBlockBytes; at += kTextBlockBytes) {
        if (const uint64_t stops = text_stops(at); stops != 0) {
            return at + __builtin_ctzll(stops);
        }
    }
    while (at != end && *at >= 0x20 && *at != '"' && *at != '\\') {
        ++at;
    }
    return at;
}

// The first byte of [at, end) that cannot stand in a string as it is.
const char* copyable_end(const char* at, const char* end) {
    while (true) {
        at = plain_end(at, end);
        if (at == end || *at >= 0) {
            return at;
        }
        const size_t length = utf8_length({at, static_cast<size_t>(end - at)});
        if (length == 0) {
            return at;
        }
        at += length;
    }
}

void append_replaced(TextOutput& output, char c) {
    constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD
    constexpr char kDigits[] = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    switch (c) {
        case '"':
        case '\\':
            output.append('\\');
            output.append(c);
            return;
        case '\n':
            output.append("\\n");
            return;
        case '\r':
            output.append("\\r");
            return;
        case '\t':
            output.append("\\t");
            return;
        default:
            if (byte >= 0x80) {
                output.append(kReplacement);
                return;
            }
            output.append("\\u00");
            output.append(kDigits[byte >> 4U]);
            output.append(kDigits[byte & 15U]);
            return;
    }
}

}  // namespace

void TextOutput::append(std::string_view text) {
    if (!text.empty()) {
        std::memcpy(room(text.size()), text.data(), text.size());
        next_ += text.size();
    }
}

void ArenaText::grow(size_t count) {
    const auto used = static_cast<size_t>(next_ - begin_);
    const size_t capacity = std::max(2 * static_cast<size_t>(end_ - begin_), used + count);
    auto* const wider = static_cast<char*>(arena_->allocate(capacity, 1));
    if (used > 0) {
        std::memcpy(wider, begin_, used);
    }
    begin_ = wider;
    next_ = wider + used;
    end_ = wider + capacity;
}

StringText::StringText(std::string& text) : text_(&text), kept_bytes_(text.size()) {
    begin_ = next_ = end_ = text.data() + kept_bytes_;
}

void StringText::grow(size_t count) {
    const auto used = static_cast<size_t>(next_ - begin_);
    const size_t capacity =
        std::max({text_->capacity(), 2 * text_->size(), kept_bytes_ + used + count});
    text_->resize_and_overwrite(capacity, [](char*, size_t size) { return size; });
    begin_ = text_->data() + kept_bytes_;
    next_ = begin_ + used;
    end_ = text_->data() + capacity;
}

void StringText::finish() {
    text_->resize(kept_bytes_ + static_cast<size_t>(next_ - begin_));
    begin_ = text_->data() + kept_bytes_;
    next_ = end_ = text_->data() + text_->size();
}

void append_escaped(TextOutput& output, std::string_view text) {
    const char* at = text.data();
    const char* const end = at + text.size();
    while (at != end) {
        const char* const stop = copyable_end(at, end);
        output.append(std::string_view(at, stop));
        at = stop;
        if (at != end) {
            append_replaced(output, *at);
            ++at;
        }
    }
}

// A comma stands between two values, and the last byte tells whether there was a value: no value
// ends with an opening bracket, a colon or a comma.
void Writer::comma_if_needed() {
    if (has_written_) {
        const char last = output_->back();
        if (last != '{' && last != '[' && last != ':') {
            output_->append(',');
        }
    }
    has_written_ = true;
}

Writer& Writer::open(char bracket) {
    comma_if_needed();
    output_->append(bracket);
    return *this;
}

Writer& Writer::close(char bracket) {
    output_->append(bracket);
    return *this;
}

Writer& Writer::key(std::string_view text) {
    string(text);
    output_->append(':');
    return *this;
}

Writer& Writer::string(std::string_view text) {
    comma_if_needed();
    output_->append('"');
    append_escaped(*output_, text);
    output_->append('"');
    return *this;
}

Writer& Writer::text(std::string_view raw) {
    comma_if_needed();
    output_->append('"');
    output_->append(raw);
    output_->append('"');
    return *this;
}

template <class Number>
Writer& Writer::digits(Number value) {
    comma_if_needed();
    char* const to = output_->room(kNumberBytesMax);
    output_->commit(static_cast<size_t>(std::to_chars(to, to + kNumberBytesMax, value).ptr - to));
    return *this;
}

Writer& Writer::integer(int64_t value) {
    return digits(value);
}

Writer& Writer::unsigned_integer(uint64_t value) {
    return digits(value);
}

Writer& Writer::number(double value) {
    return std::isfinite(value) ? digits(value) : null();
}

Writer& Writer::boolean(bool value) {
    return raw(value ? "true" : "false");
}

Writer& Writer::null() {
    return raw("null");
}

Writer& Writer::raw(std::string_view json) {
    comma_if_needed();
    output_->append(json);
    return *this;
}

}  // namespace sluice::json
