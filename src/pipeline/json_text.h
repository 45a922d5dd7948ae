// The inside of JSON strings as plain text, and the way back from a place in the plain text to the
// place where it was written.
//
// Texts of clients and of streams may hold half a surrogate pair, which no UTF-8 can express: it
// counts as U+FFFD, and one that a stream has cut in two is put together. Pure; memory is the
// arena's that is given.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/arena.h"

namespace sluice::pipeline {

// What `raw` means. Never fails; without an escape it is `raw` itself.
std::string_view plain_text(std::string_view raw, Arena& arena);

// From offsets in plain_text(raw) to offsets in raw; asked for in ascending order.
class RawOffsets {
public:
    explicit RawOffsets(std::string_view raw) : raw_(raw) {}

    size_t at(size_t plain);

private:
    std::string_view raw_;
    size_t at_raw_ = 0;
    size_t at_plain_ = 0;
};

// The texts of a stream, which may be cut between the halves of a surrogate pair.
class TextDecoder {
public:
    std::string_view next(std::string_view raw, Arena& arena);

private:
    std::string half_;  // The escape of a first half that still waits for its second.
};

}  // namespace sluice::pipeline
