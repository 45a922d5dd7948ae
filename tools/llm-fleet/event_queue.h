// EventQueue: what is due on the virtual clock, earliest first; equal times in order of adding.
//
// Events are never taken out: each says whom it concerns and which version of it was meant, and
// whoever handles it looks whether that still holds. One simulation owns it.
#pragma once

#include <cstdint>
#include <queue>
#include <vector>

#include "base/time.h"

namespace sluice::llm_fleet {

struct SimulatedEvent {
    enum class Kind : uint8_t {
        arrival,          // Of row `index`.
        worker_due,       // Worker `index` wants to be looked at.
        attempt_fails,    // Attempt `index` gets its error.
        first_token_due,  // Attempt `index` has waited for its first token long enough.
        silence_due,      // Attempt `index` has waited inside its answer long enough.
        client_leaves,    // Of request `index`.
        wait_ends,        // Request `index` has waited for a target long enough.
        hedge_due,        // Attempt `index` has been waiting so long that another may help.
        fault_begins,     // Fault `index`.
        fault_ends,
        judgement,
        sample,
    };
    Instant at;
    uint64_t order = 0;
    Kind kind = Kind::arrival;
    uint32_t index = 0;
    uint64_t version = 0;
};

class EventQueue {
public:
    void add(Instant at, SimulatedEvent::Kind kind, uint32_t index = 0, uint64_t version = 0) {
        events_.push(
            {.at = at, .order = order_++, .kind = kind, .index = index, .version = version});
    }
    bool empty() const { return events_.empty(); }
    SimulatedEvent take() {
        const SimulatedEvent event = events_.top();
        events_.pop();
        return event;
    }

private:
    struct Later {
        bool operator()(const SimulatedEvent& a, const SimulatedEvent& b) const {
            return a.at != b.at ? a.at > b.at : a.order > b.order;
        }
    };
    std::priority_queue<SimulatedEvent, std::vector<SimulatedEvent>, Later> events_;
    uint64_t order_ = 0;
};

}  // namespace sluice::llm_fleet
