// Mailbox: how other shards reach this one. Messages are objects that run on the receiving shard.
//
// A lock-free stack takes messages from any shard; the first one into an empty box wakes the owner
// through a ring message, so that a sleeping shard costs its peers one submission. Order between
// two messages of one sender is kept. The only structure in net/ that two threads touch.
#pragma once

#include <atomic>
#include <memory>

#include "net/op.h"
#include "net/ring.h"

namespace sluice::net {

class Message {
public:
    virtual ~Message() = default;
    // Runs once, on the owner of the mailbox, between completions and coroutines.
    virtual void deliver() = 0;

private:
    friend class Mailbox;
    Message* next_ = nullptr;
};

class Mailbox {
public:
    // `ring` is the owner's.
    explicit Mailbox(Ring& ring);
    // Messages that were not delivered are dropped.
    ~Mailbox();
    Mailbox(const Mailbox&) = delete;
    Mailbox& operator=(const Mailbox&) = delete;

    // From any shard, with that shard's own ring.
    void post(Ring& sender, std::unique_ptr<Message> message);
    // On the owner: delivers what is there, oldest first.
    void deliver_all();

private:
    static void on_wake(Op& op, int32_t result, uint32_t flags);
    Message* take_in_order();

    Ring& ring_;
    Op wake_op_;
    std::atomic<Message*> newest_ = nullptr;
};

}  // namespace sluice::net
