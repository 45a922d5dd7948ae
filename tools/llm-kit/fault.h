// FaultSpec: what is wrong with one answer, as written in a header or on the command line.
//
// "status=429,retry-after=2" or "reset-after-events=3". Several after '|' are a script: the first
// request with a key gets the first, the next the next, and the last one stays. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace sluice::llm_kit {

// What happens instead of an answer's head.
enum class FaultStart : uint8_t {
    none,
    silent,   // Nothing, until the client gives up.
    reset,    // A reset.
    close,    // An orderly end.
    garbage,  // Bytes that are no HTTP.
};

// What happens after so many events or bytes of the body.
enum class FaultCut : uint8_t {
    none,
    close,      // An orderly end of the connection, without the body's terminator.
    reset,      // A reset.
    stall,      // Nothing more, until the client gives up.
    bad_chunk,  // A chunk size that is none.
    bad_json,   // An event whose JSON is cut off; then on as if nothing were.
    error,      // An error event; then an orderly end of the connection.
};

enum class FaultFraming : uint8_t { usual, length, chunked, until_close };

struct FaultSpec {
    uint16_t status = 0;  // Answers with this status and an error body.
    std::string retry_after;
    Duration delay;
    FaultStart start = FaultStart::none;
    uint32_t interim_responses = 0;  // 103 (Early Hints), before the head.
    Duration slow_head_per_byte;
    uint32_t extra_head_bytes = 0;
    FaultFraming framing = FaultFraming::usual;
    int64_t length_off_bytes = 0;  // Added to the content-length that is told.
    FaultCut cut = FaultCut::none;
    uint64_t cut_after = 0;
    bool is_cut_by_bytes = false;
    bool leaves_out_terminator = false;  // The last chunk; the connection then ends.
    bool leaves_out_done = false;        // The event that ends the stream, as [DONE].
    bool is_split = false;               // Every byte by itself.
    bool closes_silently = false;        // After an answer that promised keep-alive.

    // The answer's bytes are written by hand, not by the server connection.
    bool is_raw() const { return is_split || slow_head_per_byte.ns() > 0; }
};

using FaultScript = std::vector<FaultSpec>;

// Nullopt, with a text in `wrong`, when it is not understood.
std::optional<FaultSpec> parse_fault(std::string_view text, std::string& wrong);
std::optional<FaultScript> parse_fault_script(std::string_view text, std::string& wrong);

// For the manual page: each word with what it does.
std::string_view fault_reference();

}  // namespace sluice::llm_kit
