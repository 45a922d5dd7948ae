// TaskScope: the only way to run a Task beside its maker. No task outlives its scope.
//
// Spawned tasks run until their first wait at once. Whoever owns the scope asks its children to
// stop by its own means (closing streams, raising signals) and then awaits join(); the destructor
// asserts that nobody is left.
#pragma once

#include <cstdint>

#include "base/assert.h"
#include "coro/signal.h"
#include "coro/task.h"

namespace sluice::coro {

class TaskScope {
public:
    explicit TaskScope(ReadyQueue& queue) : all_ended_(queue) {}
    ~TaskScope() { SLUICE_ASSERT(running_ == 0); }
    TaskScope(const TaskScope&) = delete;
    TaskScope& operator=(const TaskScope&) = delete;

    void spawn(Task<void> task);
    // Children that have not ended.
    uint32_t running() const { return running_; }
    // Resolves when no child is left.
    Task<void> join();

private:
    struct Child;
    static Child run_child(TaskScope& scope, Task<void> task);

    uint32_t running_ = 0;
    Signal all_ended_;
};

}  // namespace sluice::coro
