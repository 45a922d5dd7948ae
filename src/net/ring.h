// Ring: submission and completion queues, and every other way to reach the outside world.
//
// This header is the seam between the gateway and the kernel. It has two implementations, chosen
// when linking: ring_uring.cc (the kernel) and tests/sim/ring_sim.cc (a simulated network under a
// virtual clock, driven by a seed). Nothing above it makes a system call on the data path or reads
// a clock. One ring per shard, used by its thread only.
//
// Operations are prepared into the submission queue and reach the kernel with the next submit();
// a full queue submits itself. Memory handed to an operation stays valid until its completion,
// except iovec arrays and addresses, which the kernel has copied when submit() returns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include <sys/socket.h>
#include <sys/uio.h>

#include "base/result.h"
#include "base/time.h"
#include "net/address.h"
#include "net/op.h"
#include "net/options.h"

namespace sluice::net {

struct RingOptions {
    uint32_t submission_entries = 1024;
    // Room for a multishot burst of every stream of a busy shard between two turns.
    uint32_t completion_entries = 16384;
    // Connections that the ring keeps for itself (see accepted()); fewer where the process may not
    // have that many. 0: none.
    uint32_t own_descriptors_max = 0;
};

// What the running kernel offers, probed once per process (net/uring_features.h).
struct RingFeatures {
    bool incremental_buffers = false;  // IOU_PBUF_RING_INC, Linux 6.12.
    bool minimum_wait = false;         // IORING_FEAT_MIN_TIMEOUT, Linux 6.12.
    bool receive_bundles = false;      // IORING_FEAT_RECVSEND_BUNDLE, Linux 6.10.
};

// What the wait of one turn should do.
struct WaitOptions {
    uint32_t completions_min = 0;  // 0: do not wait.
    Duration timeout_max;          // Longest wait.
    // Non-zero: for this long, wait for `completions_min`; after it, one is enough.
    Duration batch_window;
};

struct RingCounters {
    uint64_t submissions = 0;
    uint64_t completions = 0;
    uint64_t enter_calls = 0;
    uint64_t other_system_calls = 0;  // Sockets opened, options set and the like.
};

class Ring {
public:
    // Fails with a text that says what to do where io_uring is not to be had (see message_of).
    static Result<std::unique_ptr<Ring>> create(const RingOptions& options);
    ~Ring();
    Ring(const Ring&) = delete;
    Ring& operator=(const Ring&) = delete;

    const RingFeatures& features() const;
    const RingCounters& counters() const;

    // The monotonic clock.
    Instant now() const;
    // Seconds and nanoseconds since 1970, for logs and certificates only.
    int64_t wall_clock_ns() const;

    // --- Operations. `op.pending` grows by one; every completion but the last has the more flag.

    // Goes on until it fails or is cancelled. A result that is not negative is to be given to
    // accepted(), which makes the descriptor of it.
    void accept_multishot(int fd, Op& op);
    // Takes one connection, for a listener that has room for few.
    void accept_one(int fd, Op& op);
    // Descriptors of this ring can be ones that only the ring knows: numbers that mean nothing to
    // the system, cost no entry in the process's table, and do not count against its limit.
    int accepted(int32_t result) const;
    // Whether it is one of the system's; shutdown() takes only those.
    static bool is_known_to_system(int fd);
    // How many descriptors of its own this ring can have at a time; 0: it has none.
    uint32_t own_descriptors_max() const;
    // Fills `to`, whose family is that of the listener. Result: negative when it cannot be told.
    void ask_peer_address(int fd, int family, Address& to, Op& op);
    // Result: bytes in the buffer named by the flags; 0 at end of stream; -ENOBUFS when the buffer
    // ring is empty. May end at any time without an error.
    void receive_multishot(int fd, uint16_t buffer_group, Op& op);
    // Sends everything unless the connection fails. Result: bytes sent.
    void send(int fd, const char* data, size_t size_bytes, Op& op);
    void send_vector(int fd, std::span<const iovec> parts, Op& op);
    void connect(int fd, const Address& address, Op& op);
    // Result: poll bits. POLLERR, POLLHUP and POLLRDHUP are always watched.
    void poll(int fd, uint32_t events, Op& op);
    // Result: poll bits, once for what holds already and then at each change: POLLRDHUP when the
    // peer has ended its direction, POLLHUP and POLLERR when the connection is gone. Goes on until
    // it is cancelled; a single poll would report the half close for ever.
    void watch_hangup(int fd, Op& op);
    // Result: bytes read, for example from a signal or event descriptor.
    void read(int fd, char* data, size_t size_bytes, Op& op);
    // Asks the kernel to end `op`, which then completes, normally with -ECANCELED.
    void cancel(Op& op);
    // At once, without a completion: shuts down both directions, or only sending. What was prepared
    // but not submitted comes after it.
    void shutdown(int fd);
    void shutdown_send(int fd);
    // Without a completion; the descriptor must have no pending operation.
    void close(int fd);
    // Hands an accepted descriptor to another ring and closes it here. There `op` completes with a
    // result for its accepted(), flag kCompletionWake. Where the other ring has no room for it the
    // connection is closed, as one over a limit is.
    void send_descriptor(Ring& to, int fd, Op& op);
    // Makes `to` complete `op` (result 0, flag kCompletionWake) on the other ring's thread. `op`
    // belongs there and its `pending` is not touched.
    void wake(Ring& to, Op& op);

    // --- Turn.

    // Hands over what was prepared, and waits.
    void submit(const WaitOptions& wait);
    // Moves up to `to.size()` completions out; returns how many. Does not touch `pending`: a later
    // completion of the same batch still needs its op alive.
    size_t collect(std::span<Completion> to);

    // --- Provided buffers, one group per call.

    // `count` must be a power of two up to 32,768.
    Status register_buffer_ring(uint16_t group, uint32_t count);
    // Queues a buffer for the kernel; publish_buffers() makes all queued ones visible.
    void provide_buffer(uint16_t group, char* data, uint32_t size_bytes, uint16_t id);
    void publish_buffers(uint16_t group);

    // --- Sockets: quick calls that do not block.

    // Options set on a listener are inherited by its connections, which saves them system calls.
    // `reuse_port`: every shard may listen on the same address.
    Result<int> open_listener(const Address& address,
                              const SocketOptions& options,
                              bool reuse_port);
    Result<int> open_stream_socket(const Address& towards, const SocketOptions& options);
    Address local_address(int fd);
    // Of one of the system's descriptors.
    Address peer_address(int fd);
    // Bytes that the peer's system has acknowledged over the life of the connection (TCP_INFO).
    // Tells whether a failed request can have been seen at all.
    uint64_t acknowledged_bytes(int fd);
    // The next close() sends a reset instead of an orderly end.
    void reset_on_close(int fd);

private:
    struct Impl;
    explicit Ring(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

// The text for a failed Ring::create: what is missing, and what an operator can do about it.
std::string ring_error_text(const Error& error);

}  // namespace sluice::net
