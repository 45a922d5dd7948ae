// TcpStream: a ByteStream over a connected TCP socket.
//
// Reading is one multishot receive for the life of the connection; writing is one send at a time,
// of everything that was queued when the turn ended. Ends by terminate, join, free: shut down or
// cancel, wait until no operation is pending, close the descriptor and delete itself.
#pragma once

#include <cstdint>
#include <memory>

#include "base/slice.h"
#include "base/slice_queue.h"
#include "base/time.h"
#include "net/address.h"
#include "net/buffer_ring.h"
#include "net/byte_stream.h"
#include "net/op.h"
#include "net/options.h"
#include "net/proactor.h"
#include "net/timer_wheel.h"

namespace sluice::net {

class TcpStream final : public ByteStream, private Proactor::Flushable, private BufferRing::Waiter {
public:
    // Takes over a connected descriptor and starts reading. `peer` names the side in errors.
    static StreamPtr adopt(Proactor& proactor,
                           int fd,
                           const SocketOptions& options,
                           ErrorSource peer);
    // The same for one accepted by a listener of this address family; asks who the peer is.
    static StreamPtr adopt_accepted(Proactor& proactor,
                                    int fd,
                                    const SocketOptions& options,
                                    int family);

    void watch_for_hangup() override;
    Address peer_address() const override { return peer_address_; }
    uint64_t acknowledged_bytes() const override;
    void close(CloseMode mode) override;

private:
    enum class Life : uint8_t { open, flushing, lingering, closing };
    // What only an end needs that takes time. Apart from the rest, because idle connections, of
    // which there are many, never get there.
    struct Ending final : Proactor::Lingering {
        explicit Ending(TcpStream& ending_stream) : stream(ending_stream), timer(&on_timer, this) {}
        // Both end the stream at once, and with that free this.
        void cut() override { stream.start_closing(); }
        static void on_timer(Timer& timer) { timer.owner_as<Ending>().cut(); }

        TcpStream& stream;
        Timer timer;
        uint32_t received_bytes = 0;  // And dropped.
    };

    TcpStream(Proactor& proactor, int fd, const SocketOptions& options, ErrorSource peer);
    ~TcpStream() override;

    void audience_changed() override {
        receive_op_.expected = sink_ != nullptr ? static_cast<const void*>(sink_) : signal_;
    }
    void push_unsent(Slice slice) override;
    void want_flush() override;
    void after_taking() override;
    void flush() override;

    static void on_receive(Op& op, int32_t result, uint32_t flags);
    static void on_sent(Op& op, int32_t result, uint32_t flags);
    static void on_hangup(Op& op, int32_t result, uint32_t flags);
    static void on_peer_address(Op& op, int32_t result, uint32_t flags);
    static void on_buffers(BufferRing::Waiter& waiter);

    void received_bytes(Slice slice);
    void receive_ended(int32_t result);
    void arm_receive();
    void ask_peer_address(int family);
    void limit_end(Duration time);
    void sent(int32_t result);
    void copy_unsent(const Slice& slice);
    void advance_close();
    void start_closing();
    bool has_pending() const {
        return receive_op_.pending + send_op_.pending + side_op_.pending > 0;
    }

    // What every event touches comes first, in as few cache lines as possible.
    SliceQueue unsent_;
    Op receive_op_;
    Op send_op_;
    uint32_t copy_block_used_ = 0;  // Of the last block of unsent_; 0 unless it is a copy block.
    uint32_t in_flight_bytes_ = 0;  // At the front of unsent_, with the kernel.
    int fd_;
    Life life_ = Life::open;
    bool reading_stopped_ = false;  // Above the high mark.
    bool linger_ = false;
    bool reset_ = false;
    Op side_op_;                      // Asks who the peer is; later watches for its hang-up.
    std::unique_ptr<Ending> ending_;  // While it flushes or lingers.
    Address peer_address_;
};

}  // namespace sluice::net
