// Control: what all shards of the mock share, and what /mock/* shows and changes.
//
// Counters are read without a lock. Everything else here is off the path of ordinary answers and
// stands behind one mutex. One per process; outlives the shards.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "llm-kit/counters.h"
#include "llm-kit/fault.h"
#include "llm-kit/player.h"
#include "llm-mock/options.h"

namespace sluice::llm_mock {

class Control final : public llm_kit::AbortListener {
public:
    explicit Control(const MockOptions& options);

    llm_kit::Counters& counters(uint32_t shard) { return *counters_[shard]; }

    // --- Faults. `set_fault` holds for requests that name none themselves.
    bool set_fault(std::string_view text, std::string& wrong);
    // Changes with every set_fault; shards keep a copy of the fault until it does.
    uint64_t fault_generation() const { return generation_.load(std::memory_order_acquire); }
    llm_kit::FaultSpec fault() const;
    // The next fault of the key's script.
    llm_kit::FaultSpec next_of_script(std::string_view key, const llm_kit::FaultScript& script);

    // --- Records.
    void note_abort(const llm_kit::AbortRecord& record) override;
    bool keeps_requests() const { return options_.records_max > 0; }
    // `json` is one object.
    void note_request(std::string json);

    // --- What /mock/* answers.
    std::string stats_json(Instant now) const;
    std::string requests_json() const;
    void reset();

private:
    static constexpr size_t kAbortsKept = 100;

    struct Sums {
        uint64_t connections = 0;
        uint64_t requests = 0;
        uint64_t streams = 0;
        uint64_t completed = 0;
        uint64_t aborted = 0;
        uint64_t faults = 0;
        uint64_t refused = 0;
        uint64_t events = 0;
        uint64_t request_body_bytes = 0;
        uint64_t answer_bytes = 0;
        uint64_t open_connections = 0;
        uint64_t in_flight = 0;
    };
    Sums sums() const;

    const MockOptions& options_;
    std::vector<std::unique_ptr<llm_kit::Counters>> counters_;
    std::atomic<uint64_t> generation_ = 1;
    mutable std::mutex mutex_;
    llm_kit::FaultSpec fault_;
    std::map<std::string, uint64_t, std::less<>> script_positions_;
    std::deque<llm_kit::AbortRecord> aborts_;
    std::deque<std::string> requests_;
    Sums at_reset_;  // Counters only grow; a reset remembers where they stood.
};

}  // namespace sluice::llm_mock
