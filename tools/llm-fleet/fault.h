// Fault: what goes wrong with a worker, from when to when.
//
// Written as worker=3,from=60s,until=300s,kind=slow,factor=5; kind=answer goes on with the words of
// llm-mock, as in worker=0,kind=answer,status=429,retry-after=2. Read from the command line or a
// request, applied by a Worker.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/time.h"
#include "llm-kit/fault.h"

namespace sluice::llm_fleet {

enum class FaultKind : uint8_t {
    slow,     // All takes `factor` times as long, and nobody is told.
    fail,     // Answers 500 within a millisecond.
    hang,     // Takes requests and stands still.
    restart,  // Drops what it has, refuses connections until `until`, and comes back empty.
    flap,     // fail, every other `period`.
    join,     // It is no part of the fleet before `from`.
    leave,    // It is taken out of the fleet at `from`; what it has goes on.
    answer,   // Its answers are wrong in one of the ways of llm-mock; only of a fleet that is
              // served.
};
inline constexpr std::string_view kFaultNames[] = {"slow", "fail", "hang",  "restart",
                                                   "flap", "join", "leave", "answer"};

struct Fault {
    uint32_t worker = 0;
    FaultKind kind = FaultKind::slow;
    Duration from;
    Duration until;  // Zero: to the end; of a restart: at once.
    double factor = 3;
    Duration period = Duration::seconds(10);
    llm_kit::FaultSpec answer;
};

// Whose faults they are.
enum class FaultUse : uint8_t {
    replayed,
    served,         // join and leave are matters of who uses the fleet.
    served_worker,  // The same, of one worker, which need not be named.
};

// Returns what is wrong with `text`, or nothing.
std::string read_fault(std::string_view text, Fault& fault, FaultUse use = FaultUse::replayed);

// 90s, 1500ms, 5m or 2h; a plain number is seconds.
bool parse_time(std::string_view text, Duration& time);

// For --help.
std::string fault_reference(FaultUse use);

}  // namespace sluice::llm_fleet
