// The child wrapper destroys its own frame at the end: nobody waits for it but the scope's count.
#include "coro/scope.h"

#include <coroutine>
#include <utility>

#include "base/assert.h"
#include "coro/pooled_frame.h"

namespace sluice::coro {

struct TaskScope::Child {
    struct promise_type : PooledFrame {
        Child get_return_object() noexcept { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() noexcept {}
        [[noreturn]] void unhandled_exception() noexcept { SLUICE_UNREACHABLE(); }
    };
};

TaskScope::Child TaskScope::run_child(TaskScope& scope, Task<void> task) {
    {
        // The task's frame goes before the scope hears of the end, so that join() means gone.
        // NOLINTNEXTLINE(misc-const-correctness): awaiting changes it.
        Task<void> mine = std::move(task);
        co_await mine;
    }
    if (--scope.running_ == 0) {
        scope.all_ended_.raise();
    }
}

void TaskScope::spawn(Task<void> task) {
    ++running_;
    run_child(*this, std::move(task));
}

Task<void> TaskScope::join() {
    while (running_ > 0) {
        co_await all_ended_.wait();
    }
}

}  // namespace sluice::coro
