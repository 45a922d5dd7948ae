// Listener: multishot accept on one socket of one shard.
//
// Hands each connected descriptor to its handler. When the process is out of descriptors, the
// kernel keeps new connections in its queue and accepting pauses until resume() (somebody closed a
// connection) or a short timer, so that neither the queue nor the processor spins.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "net/address.h"
#include "net/op.h"
#include "net/options.h"
#include "net/proactor.h"
#include "net/timer_wheel.h"

namespace sluice::net {

class Listener {
public:
    // Receives ownership of the descriptor.
    using Handler = void (*)(void* owner, int fd);

    // `on_new` gets accepted connections, `on_given` those that another shard hands over.
    Listener(Proactor& proactor, Handler on_new, void* owner, Handler on_given = nullptr);
    // stop() must have been called and is_idle() be true.
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    Status start(const Address& address, const SocketOptions& options);
    // Stops accepting and closes the socket; the queue of the kernel is refused.
    void stop();
    // Whether no operation is pending any more.
    bool is_idle() const { return accept_op_.pending == 0; }
    // A descriptor became free.
    void resume();
    // Where another shard sends a connection that this one should serve (Ring::send_descriptor);
    // it comes to the second handler.
    Op& handed_over() { return handed_over_op_; }
    // With port 0, the one that was given.
    Address local_address() const { return local_address_; }
    uint64_t pauses() const { return pauses_; }

private:
    static void on_accept(Op& op, int32_t result, uint32_t flags);
    static void on_handed_over(Op& op, int32_t result, uint32_t flags);
    static void on_retry(Timer& timer);
    void accept_ended(int32_t result);
    void arm();

    Proactor& proactor_;
    const Handler accepted_;
    const Handler handed_over_;  // Null: nobody hands over.
    void* const owner_;
    Op accept_op_;
    Op handed_over_op_;
    Timer retry_timer_;
    Address local_address_;
    uint64_t pauses_ = 0;
    int fd_ = -1;
    bool stopping_ = false;
};

}  // namespace sluice::net
