// EventQueue: what is going to happen in a simulated world, by virtual time.
//
// Events of one instant run in an order drawn from the seed: nothing may rely on more. Whoever
// needs an order (bytes on one wire) keeps it in its own queue and uses events as mere ticks.
#pragma once

#include <cstdint>
#include <functional>
#include <queue>
#include <tuple>
#include <utility>
#include <vector>

#include "base/time.h"

namespace sluice::sim {

class EventQueue {
public:
    using Action = std::function<void()>;

    void add(Instant due, uint32_t shuffle, Action action) {
        heap_.push({due, shuffle, next_number_++, std::move(action)});
    }
    bool empty() const { return heap_.empty(); }
    Instant next_due() const { return heap_.empty() ? Instant::never() : heap_.top().due; }
    Action pop() {
        // The heap's top is const only to protect its order, which ends here.
        Action action = std::move(const_cast<Event&>(heap_.top()).action);
        heap_.pop();
        return action;
    }

private:
    struct Event {
        Instant due;
        uint32_t shuffle;
        uint64_t number;  // Last resort, so that equal draws are still deterministic.
        Action action;

        bool operator<(const Event& other) const {  // The greatest is popped first.
            return std::tie(due, shuffle, number) >
                   std::tie(other.due, other.shuffle, other.number);
        }
    };

    std::priority_queue<Event> heap_;
    uint64_t next_number_ = 0;
};

}  // namespace sluice::sim
