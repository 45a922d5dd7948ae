// ReplyNote: what a recorded answer says of itself to whoever replays it: what it has cost, and
// where its usage chunk stands, so that one entry serves clients who asked for the chunk and
// others.
//
// Written once when the answer begins (then it is a promise) and once when it is whole.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "pipeline/stream_watch.h"

namespace sluice::pipeline {

struct ReplyNote {
    Usage usage;
    bool tells_usage = false;  // A stream with a usage chunk, or what needs none.
    // The chunk's place in the body; empty where no event holds usage alone.
    uint64_t chunk_begin = 0;
    uint64_t chunk_end = 0;

    std::string text() const;
    // Of what text() made; everything else says nothing.
    static ReplyNote read(std::string_view text);
};

}  // namespace sluice::pipeline
