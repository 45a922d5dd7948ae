// HeadWriter: the only place where a head becomes text (RFC 9112 sections 2 to 5).
//
// It refuses what would end a line or a name early, so no value can smuggle a field whatever its
// origin. The text lies in one piece in the arena of the exchange and lives as long as that. The
// first refusal is kept and given out by `finish`, so callers check once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/arena.h"
#include "base/error.h"
#include "base/result.h"
#include "base/slice.h"
#include "http/header_map.h"
#include "http/types.h"

namespace sluice::http {

class HeadWriter {
public:
    static constexpr size_t kSizeHintBytes = 1024;

    // The buffer doubles in the arena when `size_hint_bytes` was too little.
    explicit HeadWriter(Arena& arena, size_t size_hint_bytes = kSizeHintBytes);

    // First one of these two.
    void request_line(std::string_view method, std::string_view target);
    void request_line(Method method, std::string_view target) {
        request_line(method_name(method), target);
    }
    // The usual reason phrase when none is given.
    void status_line(uint16_t status, std::string_view reason = {});

    // Then any of these. Blanks around a value are dropped. Content-Length and Transfer-Encoding
    // are refused here and left out by `fields`: a message is framed by us and only once.
    void field(std::string_view name, std::string_view value);
    void field(HeaderId id, std::string_view value);
    // One of a head that our parser took: nothing of it is looked at again but whether it frames.
    void parsed_field(const HeaderField& field);
    void fields(const HeaderMap& headers);
    // At most one of these two.
    void content_length(uint64_t length_bytes);
    void transfer_encoding_chunked();

    // The head with its blank line. Fails with `internal` and the rule that was broken.
    Result<std::string_view> finish();
    // The same in memory of its own, for a stream that may outlive the exchange; the arena gets
    // its space back.
    Result<Slice> finish_slice();

    size_t size() const { return size_; }

private:
    void append_framing(HeaderId id, std::string_view value);
    void append_field(std::string_view name, std::string_view value);
    void put_field(std::string_view name, std::string_view value);
    char* reserve(size_t bytes);
    void commit(const char* end);
    void grow(size_t capacity_bytes);
    void refuse(const char* where);

    Arena& arena_;
    char* data_ = nullptr;
    size_t size_ = 0;
    size_t capacity_ = 0;
    bool is_framed_ = false;
    const char* refused_ = nullptr;  // The first rule broken.
};

}  // namespace sluice::http
