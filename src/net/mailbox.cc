// A stack that is taken whole and turned round (Treiber, 1986; no pop of single items, no ABA).
#include "net/mailbox.h"

#include <atomic>
#include <memory>
#include <utility>

namespace sluice::net {

Mailbox::Mailbox(Ring& ring) : ring_(ring), wake_op_(&on_wake, this) {}

Mailbox::~Mailbox() {
    for (Message* message = take_in_order(); message != nullptr;) {
        const std::unique_ptr<Message> owned(std::exchange(message, message->next_));
    }
}

void Mailbox::post(Ring& sender, std::unique_ptr<Message> message) {
    Message* raw = message.release();
    Message* seen = newest_.load(std::memory_order_relaxed);
    do {
        raw->next_ = seen;
    } while (!newest_.compare_exchange_weak(seen, raw, std::memory_order_release,
                                            std::memory_order_relaxed));
    if (seen == nullptr) {
        sender.wake(ring_, wake_op_);
    }
}

void Mailbox::on_wake(Op& op, int32_t /*result*/, uint32_t /*flags*/) {
    op.owner_as<Mailbox>().deliver_all();
}

Message* Mailbox::take_in_order() {
    Message* newest = newest_.exchange(nullptr, std::memory_order_acquire);
    Message* oldest = nullptr;
    while (newest != nullptr) {
        Message* next = newest->next_;
        newest->next_ = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

void Mailbox::deliver_all() {
    for (Message* message = take_in_order(); message != nullptr;) {
        const std::unique_ptr<Message> owned(std::exchange(message, message->next_));
        owned->deliver();
    }
}

}  // namespace sluice::net
