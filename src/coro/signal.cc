// Running the ready coroutines of one turn.
#include "coro/signal.h"

#include <coroutine>
#include <cstdint>
#include <utility>

namespace sluice::coro {

uint32_t ReadyQueue::run() {
    IntrusiveList<Signal> batch;
    signals_.move_all_to(batch);
    uint32_t count = 0;
    while (Signal* signal = batch.pop_front()) {
        const std::coroutine_handle<> waiter = std::exchange(signal->waiter_, nullptr);
        ++count;
        waiter.resume();  // May destroy the signal.
    }
    return count;
}

}  // namespace sluice::coro
