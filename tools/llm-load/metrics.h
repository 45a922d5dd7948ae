// Metrics: what one shard has measured; merged into one when the run is over.
//
// Counters count everything that was sent. Histograms leave out requests that began during the
// warm-up. All times are in nanoseconds.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "llm-kit/histogram.h"

namespace sluice::llm_load {

struct Metrics {
    // From the send, or in an open loop from the intended send.
    llm_kit::Histogram first_event;  // First event of a stream, first body byte otherwise.
    llm_kit::Histogram total;        // To the last byte.
    llm_kit::Histogram gap;          // Between two events of a stream.
    llm_kit::Histogram transit;      // From the stamp in an event to its arrival.
    llm_kit::Histogram connect;      // TCP, and TLS where it is used.
    llm_kit::Histogram send_lag;     // How much later than intended a request was written.

    Instant began_at = Instant::never();
    Instant ended_at;
    uint64_t started = 0;
    uint64_t completed = 0;  // Whole and as expected.
    uint64_t aborted = 0;    // By our own will.
    uint64_t events = 0;
    uint64_t body_bytes = 0;
    uint64_t sent_bytes = 0;
    uint64_t connections = 0;
    uint64_t turns = 0;
    uint64_t system_calls = 0;
    uint64_t longest_turn_ns = 0;
    std::map<std::string, uint64_t, std::less<>> errors;
    std::vector<std::string> examples;  // The first few differences in full.

    static constexpr size_t kExamplesMax = 5;

    Duration elapsed() const { return ended_at > began_at ? ended_at - began_at : Duration(); }
    void count_error(std::string_view kind, std::string example = {});
    uint64_t error_count() const;
    void merge(const Metrics& other);
};

// What the progress line reads while shards run. Each is written by its shard alone.
struct alignas(64) Progress {
    std::atomic<uint64_t> completed = 0;
    std::atomic<uint64_t> events = 0;
    std::atomic<uint64_t> errors = 0;
    std::atomic<uint32_t> in_flight = 0;
    std::atomic<bool> is_holding = false;
    std::atomic<bool> is_done = false;
};

}  // namespace sluice::llm_load
