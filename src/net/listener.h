// Listener: accepts connections on one socket of one shard.
//
// Hands each connected descriptor to its handler. Its owner says how many it has room for: with
// plenty, one multishot accept serves all; with little, connections are accepted one at a time; and
// with none, or when the process is out of descriptors, they stay in the kernel's queue until
// resume() (somebody left) or a short timer. Nothing spins and no connection is taken to be thrown
// away.
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
    struct Handlers {
        // Gets an accepted connection, and owns the descriptor. A few may come after stop().
        void (*on_new)(void* owner, int fd);
        // One that another shard hands over. Null: nobody does.
        void (*on_given)(void* owner, int fd) = nullptr;
        // How many more may be accepted now. Null: no limit.
        uint32_t (*room)(void* owner) = nullptr;
    };

    Listener(Proactor& proactor, const Handlers& handlers, void* owner);
    // stop() must have been called and is_idle() be true.
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    Status start(const Address& address, const SocketOptions& options);
    // The same with a descriptor that listens already: a unix socket, or one that was inherited.
    void adopt(int fd, const SocketOptions& options);
    // Stops accepting and closes the socket; the queue of the kernel is refused, unless somebody
    // else holds the socket, too.
    void stop();
    // Whether no operation is pending any more.
    bool is_idle() const { return accept_op_.pending == 0; }
    // There may be room again, or a descriptor.
    void resume();
    // Where another shard sends a connection that this one should serve (Ring::send_descriptor).
    Op& handed_over() { return handed_over_op_; }
    // With port 0, the one that was given. Not set for a unix socket.
    const Address& local_address() const { return local_address_; }
    // How often it stopped accepting for want of room or of descriptors.
    uint64_t pauses() const { return pauses_; }

private:
    static void on_accept(Op& op, int32_t result, uint32_t flags);
    static void on_handed_over(Op& op, int32_t result, uint32_t flags);
    static void on_retry(Timer& timer);
    void accept_ended(int32_t result);
    void arm();
    uint32_t room() const {
        return handlers_.room != nullptr ? handlers_.room(owner_) : UINT32_MAX;
    }

    Proactor& proactor_;
    const Handlers handlers_;
    void* const owner_;
    Op accept_op_;
    Op handed_over_op_;
    Timer retry_timer_;
    Address local_address_;
    uint64_t pauses_ = 0;
    // As many as may come out of the kernel's queue before a multishot accept can be ended.
    uint32_t burst_max_ = 0;
    int fd_ = -1;
    bool is_ending_multishot_ = false;
    bool has_no_room_ = false;
    bool stopping_ = false;
};

}  // namespace sluice::net
