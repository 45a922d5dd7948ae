// HeadAssembler: finds a head in received slices and makes it one contiguous text.
//
// A head within one slice is looked at in place. One that arrives in several is put together in
// the arena, each byte copied once, because views into one piece are worth a few hundred bytes of
// copying. One per message being read; the bytes stay in the stream until the caller consumes them.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/arena.h"
#include "base/result.h"
#include "base/slice_queue.h"
#include "http/h1_parser.h"
#include "http/limits.h"

namespace sluice::http {

class HeadAssembler {
public:
    HeadAssembler(HeadScanner::Kind kind, const MessageLimits& limits)
        : scanner_(kind, limits), head_bytes_max_(limits.head_bytes_max) {}

    // The whole head, in the received slice or in `arena`; empty while it is not complete.
    Result<std::string_view> look(const SliceQueue& received, Arena& arena);
    // After success: how many received bytes the head took, empty lines before it included.
    uint32_t taken_bytes() const { return extent_.end; }
    // After success: where the head begins within them.
    uint32_t begin() const { return extent_.begin; }
    bool is_in_place() const { return joined_ == nullptr; }
    void reset();

private:
    HeadScanner scanner_;
    HeadExtent extent_;
    char* joined_ = nullptr;
    uint32_t joined_bytes_ = 0;
    uint32_t head_bytes_max_;
};

}  // namespace sluice::http
