// A dead Op ends the process: going on would call through freed memory.
#include "sim/op_ledger.h"

#include <cstdint>
#include <span>
#include <string>

#include "base/assert.h"
#include "net/op.h"
#include "sim/world.h"

namespace sluice::sim {

void OpLedger::started(net::Op& op) {
    const auto [found, is_new] = entries_.try_emplace(&op, Entry{op.handle, op.owner, 0});
    check_alive(op, found->second);
    ++found->second.outstanding;
    ++pending_;
}

void OpLedger::check_alive(const net::Op& op, const Entry& entry) const {
    SLUICE_ASSERT(op.handle == entry.handle);
    SLUICE_ASSERT(op.owner == entry.owner);
}

void OpLedger::check_batch(std::span<const net::Completion> batch) const {
    for (const net::Completion& completion : batch) {
        if ((completion.flags & net::kCompletionWake) != 0) {
            continue;
        }
        const auto found = entries_.find(completion.op);
        SLUICE_ASSERT(found != entries_.end());
        check_alive(*completion.op, found->second);
        SLUICE_ASSERT(completion.op->pending == found->second.outstanding);
    }
}

void OpLedger::handed_out(const net::Completion& completion) {
    if (completion.ends_operation()) {
        drop(*completion.op);
    }
}

void OpLedger::abandoned(net::Op& op) {
    world_.violation("an operation was pending when its ring was destroyed");
    drop(op);
}

void OpLedger::drop(const net::Op& op) {
    const auto found = entries_.find(&op);
    SLUICE_ASSERT(found != entries_.end());
    --pending_;
    if (--found->second.outstanding == 0) {
        entries_.erase(found);
    }
}

void OpLedger::check_end() const {
    if (pending_ > 0) {
        world_.violation(std::to_string(pending_) + " operations are still pending at the end");
    }
}

}  // namespace sluice::sim
