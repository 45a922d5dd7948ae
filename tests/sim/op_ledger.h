// OpLedger: every operation that was started and has not come back, by the address of its Op.
//
// Checks the promise of net/op.h from the kernel's side: an Op stays where it is and what it is
// until its final completion was handed out, and its count of pending operations is right.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>

#include "net/op.h"

namespace sluice::sim {

class World;

class OpLedger {
public:
    explicit OpLedger(World& world) : world_(world) {}

    void started(net::Op& op);
    // Before a batch is handed out: what was handed out earlier has been handled by now.
    void check_batch(std::span<const net::Completion> batch) const;
    void handed_out(const net::Completion& completion);
    // Its ring is gone and will not complete it.
    void abandoned(net::Op& op);
    void check_end() const;
    uint64_t pending() const { return pending_; }

private:
    // What an Op looked like when it was started; a mismatch is an Op that died.
    struct Entry {
        net::Op::Handler handle;
        void* owner;
        uint32_t outstanding;
    };

    void check_alive(const net::Op& op, const Entry& entry) const;
    void drop(const net::Op& op);

    World& world_;
    std::unordered_map<const net::Op*, Entry> entries_;  // Looked up only, never walked.
    uint64_t pending_ = 0;
};

}  // namespace sluice::sim
