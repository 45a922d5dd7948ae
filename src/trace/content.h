// Content: the beginnings of the bodies of one exchange, where somebody who runs the gateway has
// asked to see them.
//
// Filled by its exchange; from the exchange's end on it does not change any more, so that the ring
// of recent exchanges, the exporter of traces and the admin API count one and the same, on any
// thread. Bodies alone: no header, no query and no key can get here.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

namespace sluice::trace {

// The first bytes of a body.
class KeptBody {
public:
    // Appends what there is room for, `bytes_max` in all. The cut is not within a character of
    // UTF-8, and nothing is added after it.
    void add(std::string_view bytes, size_t bytes_max);

    std::string_view view() const { return {bytes_.data(), bytes_.size()}; }
    bool is_cut() const { return is_cut_; }
    // What it takes.
    size_t capacity() const { return bytes_.capacity(); }

private:
    void make_room(size_t bytes, size_t bytes_max);

    std::vector<char> bytes_;
    bool is_cut_ = false;
};

struct Content {
    KeptBody request;  // As the client sent it, without its framing.
    KeptBody reply;    // As it was written for the client, likewise.
};

// Of an exchange that has ended.
using ContentPtr = std::shared_ptr<const Content>;

}  // namespace sluice::trace
