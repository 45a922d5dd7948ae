// In place where possible, joined where not.
#include "http/head_assembler.h"

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "base/arena.h"
#include "base/result.h"
#include "base/slice.h"
#include "base/slice_queue.h"
#include "http/h1_parser.h"

namespace sluice::http {

Result<std::string_view> HeadAssembler::look(const SliceQueue& received, Arena& arena) {
    std::string_view bytes;
    if (joined_ == nullptr && received.slice_count() == 1) {
        bytes = received.front().view();
    } else {
        if (joined_ == nullptr) {
            joined_ = static_cast<char*>(arena.allocate(head_bytes_max_, 1));
        }
        const size_t wanted = std::min<size_t>(received.size_bytes(), head_bytes_max_);
        joined_bytes_ += static_cast<uint32_t>(
            received.copy_out(joined_bytes_, wanted - joined_bytes_, joined_ + joined_bytes_));
        bytes = {joined_, joined_bytes_};
    }
    TRY(extent_, scanner_.scan(bytes));
    if (!extent_.is_complete()) {
        return std::string_view();
    }
    return bytes.substr(extent_.begin, extent_.end - extent_.begin);
}

void HeadAssembler::reset() {
    scanner_.reset();
    extent_ = {};
    joined_ = nullptr;
    joined_bytes_ = 0;
}

}  // namespace sluice::http
