// Checks a text with the searches of the parser, then copies it; so what is written parses back.
#include "http/h1_writer.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/arena.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/result.h"
#include "base/slice.h"
#include "base/text.h"
#include "http/byte_scan.h"
#include "http/header_map.h"
#include "http/header_names.h"
#include "http/types.h"

namespace sluice::http {

namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kVersion = "HTTP/1.1";
constexpr size_t kDecimalDigitsMax = 20;

char* put(char* to, std::string_view text) {
    if (!text.empty()) {
        std::memcpy(to, text.data(), text.size());
    }
    return to + text.size();
}

using Search = const char* (*)(const char*, const char*);

bool is_all(std::string_view text, Search find_stop) {
    const char* const begin = text.data();
    const char* const end = begin + text.size();
    return find_stop(begin, end) == end;
}

constexpr bool is_framing(HeaderId id) {
    return id == HeaderId::content_length || id == HeaderId::transfer_encoding;
}

bool is_token(std::string_view text) {
    return !text.empty() && is_all(text, find_token_end);
}

}  // namespace

HeadWriter::HeadWriter(Arena& arena, size_t size_hint_bytes) : arena_(arena) {
    grow(size_hint_bytes);
}

void HeadWriter::request_line(std::string_view method, std::string_view target) {
    SLUICE_ASSERT(size_ == 0);
    if (!is_token(method)) {
        return refuse("method to be written");
    }
    if (target.empty() || !is_all(target, find_target_end)) {
        return refuse("request target to be written");
    }
    char* const to = reserve(method.size() + target.size() + kVersion.size() + 4);
    char* at = put(to, method);
    *at++ = ' ';
    at = put(at, target);
    *at++ = ' ';
    at = put(at, kVersion);
    commit(put(at, kLineEnd));
}

void HeadWriter::status_line(uint16_t status, std::string_view reason) {
    SLUICE_ASSERT(size_ == 0);
    if (status < kStatusMin || status > kStatusMax) {
        return refuse("status to be written");
    }
    if (!is_all(reason, find_value_end)) {
        return refuse("reason phrase to be written");
    }
    if (reason.empty()) {
        reason = status_text(status);
    }
    char* const to = reserve(kVersion.size() + kDecimalDigitsMax + reason.size() + 4);
    char* at = put(to, kVersion);
    *at++ = ' ';
    at += write_decimal(status, at);
    *at++ = ' ';
    at = put(at, reason);
    commit(put(at, kLineEnd));
}

void HeadWriter::field(std::string_view name, std::string_view value) {
    if (!is_token(name)) {
        return refuse("field name to be written");
    }
    if (is_framing(header_id(name))) {
        return refuse("framing field among the others");
    }
    append_field(name, value);
}

void HeadWriter::field(HeaderId id, std::string_view value) {
    SLUICE_ASSERT(id != HeaderId::other && !is_framing(id));
    append_field(header_name(id), value);
}

void HeadWriter::parsed_field(const HeaderField& field) {
    if (is_framing(field.id)) {
        return refuse("framing field among the others");
    }
    put_field(field.name, field.value);
}

void HeadWriter::fields(const HeaderMap& headers) {
    for (const HeaderField& each : headers) {
        if (!is_framing(each.id)) {
            field(each.name, each.value);
        }
    }
}

void HeadWriter::content_length(uint64_t length_bytes) {
    char digits[kDecimalDigitsMax];
    append_framing(HeaderId::content_length, {digits, write_decimal(length_bytes, digits)});
}

void HeadWriter::transfer_encoding_chunked() {
    append_framing(HeaderId::transfer_encoding, "chunked");
}

void HeadWriter::append_framing(HeaderId id, std::string_view value) {
    SLUICE_ASSERT(!is_framed_);
    is_framed_ = true;
    append_field(header_name(id), value);
}

Result<std::string_view> HeadWriter::finish() {
    if (refused_ != nullptr) {
        return fail(Error{.kind = ErrorKind::internal, .where = refused_});
    }
    SLUICE_ASSERT(size_ > 0);
    commit(put(reserve(kLineEnd.size()), kLineEnd));
    return std::string_view(data_, size_);
}

Result<Slice> HeadWriter::finish_slice() {
    TRY(const std::string_view head, finish());
    Slice slice = Slice::copy_of(head);
    arena_.shrink_latest(data_, capacity_, 0);
    data_ = nullptr;
    size_ = capacity_ = 0;
    return slice;
}

void HeadWriter::append_field(std::string_view name, std::string_view value) {
    if (!is_all(value, find_value_end)) {
        return refuse("field value to be written");
    }
    put_field(name, trim_ows(value));
}

void HeadWriter::put_field(std::string_view name, std::string_view value) {
    char* const to = reserve(name.size() + value.size() + 4);
    char* at = put(to, name);
    *at++ = ':';
    *at++ = ' ';
    at = put(at, value);
    commit(put(at, kLineEnd));
}

// Room for `bytes` more at the end of the text.
char* HeadWriter::reserve(size_t bytes) {
    if (bytes > capacity_ - size_) {
        grow(std::max(capacity_ * 2, size_ + bytes));
    }
    return data_ + size_;
}

// The text ends where writing into the reserved room ended.
void HeadWriter::commit(const char* end) {
    size_ = static_cast<size_t>(end - data_);
}

void HeadWriter::grow(size_t capacity_bytes) {
    auto* const bigger = static_cast<char*>(arena_.allocate(capacity_bytes, 1));
    put(bigger, {data_, size_});
    data_ = bigger;
    capacity_ = capacity_bytes;
}

void HeadWriter::refuse(const char* where) {
    if (refused_ == nullptr) {
        refused_ = where;
    }
}

}  // namespace sluice::http
