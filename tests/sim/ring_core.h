// RingCore: the queues of one simulated ring. ring_sim.cc puts net::Ring's interface over it.
//
// Keeps the kernel's order: what is prepared waits in the submission queue until submit(), is then
// started in order, tried at once, and left with its socket when it cannot finish. Completions are
// queued in the order in which they happen, which is not the order in which bytes arrived on
// different sockets.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "base/time.h"
#include "net/op.h"
#include "net/ring.h"
#include "sim/buffer_group.h"
#include "sim/operation.h"
#include "sim/socket.h"
#include "sim/world.h"

namespace sluice::sim {

class RingCore final : public RingDriver {
public:
    RingCore(World& world, const net::RingOptions& options);
    ~RingCore();
    RingCore(const RingCore&) = delete;
    RingCore& operator=(const RingCore&) = delete;

    World& world() const { return world_; }
    net::RingFeatures features;
    net::RingCounters counters;

    // --- The program's side.
    // Prepares an operation that will complete on `op`.
    void prepare(Operation operation, net::Op& op);
    void prepare_silent(Operation operation);
    void submit(const net::WaitOptions& wait);
    size_t collect(std::span<net::Completion> to);
    void make_group(uint16_t id, uint32_t count);
    // The socket behind a descriptor of the system's or of this ring's; null when there is none.
    Socket* socket_of(int fd) const;
    static bool is_own(int fd) { return fd >= kOwnDescriptors; }
    // The descriptor for the result of an accept.
    uint32_t own_descriptors_max() const { return static_cast<uint32_t>(own_.size()); }
    int accepted(int32_t result) const { return own_.empty() ? result : result + kOwnDescriptors; }
    BufferGroup* group(uint16_t id) { return id < kGroupsMax ? groups_[id].get() : nullptr; }

    // --- The kernel's side, for operations.
    Operation* find(uint64_t number);
    void post(Operation& operation, int32_t result, uint32_t flags);
    // The last completion; the operation is forgotten.
    void finish(Operation& operation, int32_t result, uint32_t flags);
    void post_wake(net::Op& op, int32_t result);
    // Gives a connection a number; the result of its accept, or a negative errno.
    int32_t adopt(Socket& socket);
    // No room for another completion: a multishot operation ends.
    bool is_full() const { return completions_.size() + 1 >= options_.completion_entries; }

    bool wait_is_over() const override;
    Instant wait_ends() const override;
    void interrupt() override { blocked_ = false; }

private:
    static constexpr uint16_t kGroupsMax = 1;
    static constexpr int kOwnDescriptors = 1 << 24;  // As the kernel's half of net::Ring has it.

    void run_submissions();
    void free_ended();
    void start(std::unique_ptr<Operation> operation);
    void run_silent(const Operation& operation);
    void close_now(int fd);
    void hand_over(const Operation& operation);
    void cancel(net::Op& op);
    void end_cancelled(Operation& operation);
    void begin_wait(const net::WaitOptions& wait);
    void play_clock_faults();
    bool has_enough() const;

    World& world_;
    const net::RingOptions options_;
    std::deque<std::unique_ptr<Operation>> submissions_;
    std::vector<std::unique_ptr<Operation>> live_;
    std::deque<net::Completion> completions_;
    std::unique_ptr<BufferGroup> groups_[kGroupsMax];
    std::vector<Socket*> own_;  // Descriptors of this ring alone; empty: it has none.
    uint64_t next_number_ = 1;
    net::WaitOptions wait_;
    Instant wait_began_;
    Instant turned_at_;
    bool blocked_ = false;  // In submit(), as far as the world that drives is concerned.
};

}  // namespace sluice::sim
