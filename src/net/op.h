// Op: the record that the kernel points to while it works for us.
//
// An Op is a member of the object that asked (a stream, a listener, a mailbox), never of a
// coroutine frame. Its owner keeps it alive until `pending` is zero, that is until the final
// completion of everything it started has come back; no pointer can then be stale.
#pragma once

#include <cstdint>

namespace sluice::net {

// Flags of a completion, with the kernel's values (io_uring.h, IORING_CQE_F_*).
inline constexpr uint32_t kCompletionBuffer = 1U << 0U;      // Upper 16 bits: buffer id.
inline constexpr uint32_t kCompletionMore = 1U << 1U;        // The operation goes on.
inline constexpr uint32_t kCompletionBufferMore = 1U << 4U;  // The kernel keeps the buffer.
inline constexpr uint32_t kCompletionBufferShift = 16;
// Ours, not the kernel's: sent by another shard (Ring::wake), not the end of an operation.
inline constexpr uint32_t kCompletionWake = 1U << 15U;

struct Op {
    using Handler = void (*)(Op& op, int32_t result, uint32_t flags);

    explicit Op(Handler handler, void* owner_pointer) : handle(handler), owner(owner_pointer) {}
    Op(const Op&) = delete;
    Op& operator=(const Op&) = delete;

    template <class Owner>
    Owner& owner_as() const {
        return *static_cast<Owner*>(owner);
    }

    Handler handle;
    void* owner;
    // What the handler will look at besides its owner, to be fetched before it runs; may be null.
    const void* expected = nullptr;
    // Operations started whose final completion was not handled yet. The ring counts up when it
    // prepares one; the proactor counts down just before it calls `handle` for the last time.
    uint32_t pending = 0;
};

struct Completion {
    Op* op = nullptr;
    int32_t result = 0;  // As of the system call; a negative errno on failure.
    uint32_t flags = 0;

    // Whether this ends an operation of `op`.
    bool ends_operation() const { return (flags & (kCompletionMore | kCompletionWake)) == 0; }
};

}  // namespace sluice::net
