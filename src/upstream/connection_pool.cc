// Idle connections, the limit, and the queue at the limit.
#include "upstream/connection_pool.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>

#include "base/assert.h"
#include "base/intrusive_list.h"
#include "base/memory_pool.h"
#include "base/time.h"
#include "http/client_connection.h"
#include "net/byte_stream.h"
#include "net/proactor.h"
#include "net/timer_wheel.h"
#include "upstream/options.h"

namespace sluice::upstream {

// A connection at rest: it watches for the peer and for its own time limit.
struct ConnectionPool::Idle final : Pooled, ListNode, net::StreamSink {
    Idle(ConnectionPool& owner, ConnectionPtr idle_connection)
        : pool(owner), connection(std::move(idle_connection)), timer(&on_timer, this) {}

    // Anything that happens on an idle connection makes it unusable: an end, a fault, or bytes
    // that nobody asked for (which would be taken for the next answer).
    void on_stream_event() override { die(); }
    static void on_timer(net::Timer& timer) { timer.owner_as<Idle>().die(); }
    void die() {
        connection->stream().set_sink(nullptr);
        timer.cancel();
        unlink();
        pool.count_idle_less();
        pool.dead_.push_back(*this);
        pool.proactor_.flush_at_end_of_turn(pool);
    }

    ConnectionPool& pool;
    ConnectionPtr connection;
    net::Timer timer;
};

ConnectionPool::Waiter::~Waiter() {
    if (is_linked()) {
        unlink();
        --pool_.waiting_;
    }
    if (connection_ != nullptr) {
        pool_.put_idle(std::move(connection_));
    } else if (has_slot_) {
        pool_.release_slot();
    }
}

ConnectionPtr ConnectionPool::Waiter::take() {
    SLUICE_ASSERT(is_granted());
    has_slot_ = false;
    return std::move(connection_);
}

ConnectionPool::ConnectionPool(net::Proactor& proactor, const PoolOptions& options)
    : proactor_(proactor), options_(options), surplus_timer_(&on_surplus_timer, this) {}

ConnectionPool::~ConnectionPool() {
    retire();
    flush();
    net::Proactor::Flushable::unlink();
    SLUICE_ASSERT(connections_ == 0 && waiters_.empty());
}

void ConnectionPool::drop(Idle& entry) {
    const std::unique_ptr<Idle> owned(&entry);
    entry.unlink();
    entry.connection->stream().set_sink(nullptr);
    ++counters_.idle_closed;
    SLUICE_ASSERT(connections_ > 0);
    --connections_;
}

ConnectionPtr ConnectionPool::take_idle() {
    if (!waiters_.empty()) {
        return nullptr;
    }
    Idle* entry = idle_.pop_front();
    if (entry == nullptr) {
        return nullptr;
    }
    const std::unique_ptr<Idle> owned(entry);
    count_idle_less();
    entry->connection->stream().set_sink(nullptr);
    ++counters_.reused;
    return std::move(entry->connection);
}

bool ConnectionPool::try_reserve() {
    if (connections_ >= options_.connections_max || !waiters_.empty()) {
        return false;
    }
    ++connections_;
    ++counters_.opened;
    return true;
}

bool ConnectionPool::enqueue(Waiter& waiter) {
    if (waiting_ >= options_.waiters_max) {
        ++counters_.refused;
        return false;
    }
    waiters_.push_back(waiter);
    ++waiting_;
    ++counters_.waited;
    return true;
}

ConnectionPool::Waiter* ConnectionPool::next_waiter() {
    Waiter* waiter = waiters_.pop_front();
    if (waiter != nullptr) {
        --waiting_;
        waiter->signal_.raise();
    }
    return waiter;
}

void ConnectionPool::put_idle(ConnectionPtr connection) {
    connection->set_signal(nullptr);
    if (!connection->is_healthy() || retired_) {
        connection.reset();
        release_slot();
        return;
    }
    if (Waiter* waiter = next_waiter(); waiter != nullptr) {
        ++counters_.reused;
        waiter->connection_ = std::move(connection);
        return;
    }
    auto* entry = new Idle(*this, std::move(connection));
    entry->connection->stream().set_sink(entry);
    idle_.push_front(*entry);
    ++idle_count_;
    proactor_.timers().arm(entry->timer,
                           proactor_.now() + Duration::milliseconds(options_.idle_timeout_ms));
    if (idle_count_ > options_.idle_connections_max) {
        count_idle_less();
        drop(*idle_.back());
    }
    if (!surplus_timer_.is_armed()) {
        fewest_idle_ = 0;
        watch_surplus();
    }
}

void ConnectionPool::count_idle_less() {
    --idle_count_;
    fewest_idle_ = std::min(fewest_idle_, idle_count_);
}

void ConnectionPool::watch_surplus() {
    if (options_.surplus_period_ms > 0 && idle_count_ > 0) {
        proactor_.timers().arm(
            surplus_timer_, proactor_.now() + Duration::milliseconds(options_.surplus_period_ms));
    }
}

void ConnectionPool::on_surplus_timer(net::Timer& timer) {
    timer.owner_as<ConnectionPool>().close_surplus();
}

// Rounded down: the last one is left to the idle timeout, so that a client with a request now and
// then does not pay for a new connection each time.
void ConnectionPool::close_surplus() {
    for (uint32_t count = fewest_idle_ / 2; count > 0; --count) {
        count_idle_less();
        drop(*idle_.back());
    }
    fewest_idle_ = idle_count_;
    watch_surplus();
}

void ConnectionPool::release_slot() {
    SLUICE_ASSERT(connections_ > 0);
    if (Waiter* waiter = next_waiter(); waiter != nullptr) {
        ++counters_.opened;
        waiter->has_slot_ = true;  // The slot passes on; the count stays.
        return;
    }
    --connections_;
}

void ConnectionPool::retire() {
    retired_ = true;
    surplus_timer_.cancel();
    while (Idle* entry = idle_.front()) {
        count_idle_less();
        drop(*entry);
    }
}

// Ends what was found dead during the completions of this turn.
void ConnectionPool::flush() {
    while (Idle* entry = dead_.front()) {
        ++connections_;  // release_slot() below counts it, and may pass the slot on.
        drop(*entry);
        release_slot();
    }
}

}  // namespace sluice::upstream
