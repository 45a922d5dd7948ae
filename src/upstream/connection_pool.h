// ConnectionPool: the connections of one shard to one upstream. No locks: nobody else sees it.
//
// Counts every connection that exists or is being made against a limit. Idle ones are used last
// in, first out, so that the surplus grows cold and times out; each keeps its receive armed, so a
// connection that the upstream closed is known to be dead before anybody takes it. Half of what
// nobody needed for a while is closed, period by period. Exchanges over the limit wait in order; a
// newcomer never overtakes them.
#pragma once

#include <cstdint>
#include <memory>

#include "base/intrusive_list.h"
#include "coro/signal.h"
#include "http/client_connection.h"
#include "net/byte_stream.h"
#include "net/proactor.h"
#include "net/timer_wheel.h"
#include "upstream/options.h"

namespace sluice::upstream {

using ConnectionPtr = std::unique_ptr<http::ClientConnection>;

struct PoolCounters {
    uint64_t opened = 0;
    uint64_t reused = 0;
    uint64_t idle_closed = 0;  // By the upstream, by time, or over the limit.
    uint64_t waited = 0;
    uint64_t refused = 0;  // The queue of waiters was full.
};

class ConnectionPool final : private net::Proactor::Flushable {
public:
    // An exchange in the queue. Leaving it, at any time, gives back what was granted.
    class Waiter : public ListNode {
    public:
        explicit Waiter(ConnectionPool& pool, coro::Signal& signal)
            : pool_(pool), signal_(signal) {}
        ~Waiter();

        bool is_granted() const { return has_slot_ || connection_ != nullptr; }
        // What was granted: an idle connection, or (null) the right to make one.
        ConnectionPtr take();

    private:
        friend class ConnectionPool;
        ConnectionPool& pool_;
        coro::Signal& signal_;
        ConnectionPtr connection_;
        bool has_slot_ = false;
    };

    ConnectionPool(net::Proactor& proactor, const PoolOptions& options);
    // No connection may be out on lease.
    ~ConnectionPool();

    // A healthy idle connection, or null.
    ConnectionPtr take_idle();
    // The right to make a connection; false at the limit, or while others wait for it.
    bool try_reserve();
    // Joins the queue; false when it is full.
    bool enqueue(Waiter& waiter);

    // A connection comes back and may serve again.
    void put_idle(ConnectionPtr connection);
    // A connection is gone, or was not made after all.
    void release_slot();
    // Closes what is idle and keeps nothing from now on: the upstream was replaced.
    void retire();

    uint32_t connections() const { return connections_; }
    uint32_t idle() const { return idle_count_; }
    uint32_t waiting() const { return waiting_; }
    const PoolCounters& counters() const { return counters_; }

private:
    // NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): final, deleted as what it is.
    struct Idle;

    void flush() override;
    Waiter* next_waiter();
    void drop(Idle& entry);
    void count_idle_less();
    static void on_surplus_timer(net::Timer& timer);
    void watch_surplus();
    void close_surplus();

    net::Proactor& proactor_;
    const PoolOptions options_;
    IntrusiveList<Idle> idle_;  // Warmest first.
    IntrusiveList<Idle> dead_;  // Found dead in the middle of the completions.
    IntrusiveList<Waiter> waiters_;
    uint32_t connections_ = 0;
    uint32_t idle_count_ = 0;
    uint32_t fewest_idle_ = 0;  // In this period, while the timer is armed.
    net::Timer surplus_timer_;  // Armed by the first that comes to rest, until none is left.
    uint32_t waiting_ = 0;
    bool retired_ = false;
    PoolCounters counters_;
};

}  // namespace sluice::upstream
