// Growing up to the limit and no further, and cutting there.
#include "trace/content.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/text.h"

namespace sluice::trace {

namespace {

// Most bodies are small, and few are long.
constexpr size_t kFirstBytes = 1024;
constexpr size_t kCharacterBytesMax = 4;

bool is_continuation(char c) {
    return (static_cast<uint8_t>(c) & 0xC0U) == 0x80U;
}

// `text` without the front of a character whose end is missing.
size_t whole_bytes(std::string_view text) {
    size_t at = text.size();
    while (at > 0 && text.size() - at < kCharacterBytesMax && is_continuation(text[at - 1])) {
        --at;
    }
    const bool begins_one = at > 0 && static_cast<uint8_t>(text[at - 1]) >= 0xC0U;
    return begins_one && utf8_length(text.substr(at - 1)) == 0 ? at - 1 : text.size();
}

}  // namespace

void KeptBody::add(std::string_view bytes, size_t bytes_max) {
    if (is_cut_ || bytes.empty()) {
        return;
    }
    const size_t size = std::min(bytes.size(), bytes_max - std::min(bytes_max, bytes_.size()));
    make_room(size, bytes_max);
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(size));
    if (size < bytes.size()) {
        is_cut_ = true;
        bytes_.resize(whole_bytes(view()));
    }
}

// Twice as much each time, but never more than the limit.
void KeptBody::make_room(size_t bytes, size_t bytes_max) {
    const size_t wanted = bytes_.size() + bytes;
    if (wanted > bytes_.capacity()) {
        bytes_.reserve(std::min(std::max({wanted, 2 * bytes_.capacity(), kFirstBytes}), bytes_max));
    }
}

}  // namespace sluice::trace
