// One exchange as a trace keeps it, made of its record and its notes.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/time.h"
#include "pipeline/exchange_record.h"
#include "trace/record.h"
#include "trace/sampling.h"

namespace sluice::server {

// What the record does not know by itself.
struct TraceSurroundings {
    std::string_view route;   // Its path prefix; empty without one.
    std::string_view scheme;  // Static: "http", "https".
    // The same instant on both clocks.
    Instant now;
    int64_t wall_clock_ns = 0;
};

// By its own or an upstream's fault, not by what its client asked for or did.
bool is_failure(const pipeline::ExchangeRecord& record);

// Why its trace is to be kept, if it is. The record has notes.
trace::Keep keep_of(const pipeline::ExchangeRecord& record, const trace::Sampling& sampling);

// Fills a record that is empty.
void fill_trace(trace::Record& to,
                const pipeline::ExchangeRecord& record,
                trace::Keep keep,
                const TraceSurroundings& surroundings);

}  // namespace sluice::server
