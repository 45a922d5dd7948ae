// Receiving, sending and ending of one TCP connection.
#include "net/tcp_stream.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>

#include <poll.h>
#include <sys/uio.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/slice.h"
#include "base/time.h"
#include "net/address.h"
#include "net/buffer_ring.h"
#include "net/byte_stream.h"
#include "net/op.h"
#include "net/options.h"
#include "net/os_error.h"
#include "net/proactor.h"
#include "net/ring.h"
#include "net/timer_wheel.h"

namespace sluice::net {

namespace {

// One send takes this many slices; what is left follows in the next turn.
constexpr size_t kSendPartsMax = 64;
// A stream whose peer does not take its bytes copies what is written meanwhile into blocks of this
// size, instead of pinning receive blocks that other streams need.
constexpr uint32_t kCopyBlockBytes = 4096;
// A lingering connection is given this long, and this much, to read our answer.
constexpr Duration kLingerTime = Duration::seconds(2);
constexpr uint32_t kLingerBytesMax = 4 * 1024 * 1024;
// How long a graceful end waits for a peer that reads nothing.
constexpr Duration kFlushTime = Duration::seconds(30);
// A size class of the allocator. An idle connection may cost 1 KiB, and this is half of it.
constexpr size_t kStreamBytesMax = 448;

}  // namespace

StreamPtr TcpStream::adopt(Proactor& proactor,
                           int fd,
                           const SocketOptions& options,
                           ErrorSource peer) {
    auto* stream = new TcpStream(proactor, fd, options, peer);
    stream->arm_receive();
    return StreamPtr(stream);
}

StreamPtr TcpStream::adopt_accepted(Proactor& proactor,
                                    int fd,
                                    const SocketOptions& options,
                                    int family) {
    auto* stream = new TcpStream(proactor, fd, options, ErrorSource::client);
    stream->ask_peer_address(family);
    stream->arm_receive();
    return StreamPtr(stream);
}

TcpStream::TcpStream(Proactor& proactor, int fd, const SocketOptions& options, ErrorSource peer)
    : ByteStream(proactor, options, peer),
      receive_op_(&on_receive, this),
      send_op_(&on_sent, this),
      fd_(fd),
      side_op_(&on_peer_address, this) {
    static_assert(sizeof(TcpStream) <= kStreamBytesMax);
    BufferRing::Waiter::on_buffers = &TcpStream::on_buffers;
    proactor_.object_made();
}

TcpStream::~TcpStream() {
    SLUICE_ASSERT(!has_pending());
    proactor_.object_gone();
}

// The kernel answers where it takes the question, before anything else of this connection.
void TcpStream::ask_peer_address(int family) {
    if (Ring::is_known_to_system(fd_)) {
        peer_address_ = proactor_.ring().peer_address(fd_);
    } else {
        proactor_.ring().ask_peer_address(fd_, family, peer_address_, side_op_);
    }
}

void TcpStream::on_peer_address(Op& op, int32_t result, uint32_t /*flags*/) {
    auto& stream = op.owner_as<TcpStream>();
    if (result < 0) {
        stream.peer_address_ = {};
    }
    if (stream.life_ != Life::open) {
        stream.advance_close();
    }
}

uint64_t TcpStream::acknowledged_bytes() const {
    // The connection's SYN counts as one acknowledged byte.
    const uint64_t acknowledged = proactor_.ring().acknowledged_bytes(fd_);
    return acknowledged == 0 || acknowledged == UINT64_MAX ? acknowledged : acknowledged - 1;
}

// --- Receiving.

void TcpStream::arm_receive() {
    SLUICE_ASSERT(receive_op_.pending == 0);
    proactor_.ring().receive_multishot(fd_, proactor_.buffers().group(), receive_op_);
}

void TcpStream::on_receive(Op& op, int32_t result, uint32_t flags) {
    auto& stream = op.owner_as<TcpStream>();
    if ((flags & kCompletionBuffer) != 0) {
        Slice slice = stream.proactor_.buffers().take({&op, result, flags});
        stream.received_bytes(std::move(slice));
    }
    if (op.pending == 0) {
        stream.receive_ended(result);
    }
}

void TcpStream::received_bytes(Slice slice) {
    if (life_ != Life::open) {
        if (ending_ != nullptr) {
            ending_->received_bytes += slice.size();
            if (ending_->received_bytes > kLingerBytesMax && life_ == Life::lingering) {
                start_closing();
            }
        }
        return;
    }
    if (slice.empty()) {
        return;
    }
    if (proactor_.buffers().is_short()) {
        proactor_.bytes_copied(slice.size());
        slice = Slice::copy_of(slice.view());
    }
    received_.push_back(std::move(slice));
    raise();  // First: a sink may take it at once.
    if (received_.size_bytes() >= queue_high_bytes_ && !reading_stopped_) {
        reading_stopped_ = true;
        if (receive_op_.pending > 0) {
            proactor_.ring().cancel(receive_op_);
        }
    }
}

// The multishot receive came to its end: by end of stream, failure, our own cancel, want of
// buffers, or for no reason at all, which the kernel is free to do.
void TcpStream::receive_ended(int32_t result) {
    if (life_ == Life::closing) {
        advance_close();
        return;
    }
    if (result == -ENOBUFS) {
        proactor_.buffers().wait_for_blocks(*this);
        return;
    }
    if (result > 0 || result == -ECANCELED || result == -EINTR || result == -EAGAIN) {
        if (!reading_stopped_) {
            arm_receive();
        }
        return;
    }
    if (result == 0) {
        read_ended_ = true;
        raise();
    } else {
        read_ended_ = true;
        set_failed(os_error(-result, peer_, "receiving"));
    }
    if (life_ != Life::open) {
        advance_close();
    }
}

void TcpStream::on_buffers(BufferRing::Waiter& waiter) {
    auto& stream = static_cast<TcpStream&>(waiter);
    if (stream.life_ == Life::closing) {
        return;
    }
    if (!stream.reading_stopped_) {
        stream.arm_receive();
    }
}

void TcpStream::after_taking() {
    if (reading_stopped_ && received_.size_bytes() < queue_low_bytes_) {
        reading_stopped_ = false;
        if (receive_op_.pending == 0 && !read_ended_ && !failed_ &&
            !BufferRing::Waiter::is_linked()) {
            arm_receive();
        }
    }
}

void TcpStream::watch_for_hangup() {
    if (side_op_.pending == 0 && !failed_) {
        side_op_.handle = &on_hangup;
        proactor_.ring().watch_hangup(fd_, side_op_);
    }
}

void TcpStream::on_hangup(Op& op, int32_t result, uint32_t /*flags*/) {
    auto& stream = op.owner_as<TcpStream>();
    if (stream.life_ != Life::open) {
        stream.advance_close();
    } else if (result > 0 && (result & (POLLERR | POLLHUP)) != 0) {
        stream.set_failed(os_error(ECONNRESET, stream.peer_, "connection"));
    } else if (op.pending == 0 && result != -ECANCELED) {
        stream.watch_for_hangup();  // Ended without a reason.
    }
}

// --- Sending.

void TcpStream::push_unsent(Slice slice) {
    if (failed_ || life_ != Life::open || slice.empty()) {
        return;
    }
    count_queued(slice.size());
    // A send that is still in flight now was not taken at once: the peer reads slowly.
    if (send_op_.pending > 0 && slice.block() != nullptr) {
        copy_unsent(slice);
    } else {
        copy_block_used_ = 0;
        unsent_.push_back(std::move(slice));
    }
}

void TcpStream::copy_unsent(const Slice& slice) {
    proactor_.bytes_copied(slice.size());
    uint32_t copied = 0;
    while (copied < slice.size()) {
        if (copy_block_used_ == 0 || copy_block_used_ == kCopyBlockBytes) {
            Slice fresh = Slice::allocate(kCopyBlockBytes);
            fresh.truncate(std::min(slice.size() - copied, kCopyBlockBytes));
            std::memcpy(fresh.block()->data, slice.data() + copied, fresh.size());
            copied += fresh.size();
            copy_block_used_ = fresh.size();
            unsent_.push_back(std::move(fresh));
            continue;
        }
        Block& block = *unsent_.at(unsent_.slice_count() - 1).block();
        const uint32_t part = std::min(slice.size() - copied, kCopyBlockBytes - copy_block_used_);
        std::memcpy(block.data + copy_block_used_, slice.data() + copied, part);
        unsent_.push_back(Slice(block, copy_block_used_, part));
        copy_block_used_ += part;
        copied += part;
    }
}

void TcpStream::want_flush() {
    if (!failed_ && send_op_.pending == 0 && unsent_bytes_ > 0) {
        proactor_.flush_at_end_of_turn(*this);
    }
}

void TcpStream::flush() {
    if (life_ == Life::closing) {
        if (!has_pending()) {
            proactor_.ring().close(fd_);
            delete this;
        }
        return;
    }
    if (failed_ || send_op_.pending > 0 || unsent_bytes_ == 0 || life_ > Life::flushing) {
        return;
    }
    std::array<iovec, kSendPartsMax> parts;
    size_t count = 0;
    in_flight_bytes_ = 0;
    for (; count < std::min<size_t>(unsent_.slice_count(), kSendPartsMax); ++count) {
        const Slice& slice = unsent_.at(static_cast<uint32_t>(count));
        // The kernel only reads; iovec has no const form.
        parts[count] = {const_cast<char*>(slice.data()), slice.size()};
        in_flight_bytes_ += slice.size();
    }
    if (count == 1) {
        proactor_.ring().send(fd_, unsent_.front().data(), in_flight_bytes_, send_op_);
    } else {
        proactor_.ring().send_vector(fd_, {parts.data(), count}, send_op_);
    }
}

void TcpStream::on_sent(Op& op, int32_t result, uint32_t /*flags*/) {
    op.owner_as<TcpStream>().sent(result);
}

void TcpStream::sent(int32_t result) {
    if (result > 0) {
        const auto count = static_cast<uint32_t>(result);
        SLUICE_ASSERT(count <= in_flight_bytes_);
        if (unsent_.size_bytes() == count) {
            copy_block_used_ = 0;  // Its last slice goes with this.
        }
        unsent_.drop_front(count);
        sent_bytes_total_ += count;
        count_sent(count);
    }
    in_flight_bytes_ = 0;
    if (result < 0 && result != -EINTR && result != -EAGAIN && life_ != Life::closing) {
        set_failed(os_error(-result, peer_, "sending"));
    }
    if (life_ != Life::open) {
        advance_close();
        return;
    }
    want_flush();
}

// --- Ending.

void TcpStream::close(CloseMode mode) {
    SLUICE_ASSERT(life_ == Life::open);
    signal_ = nullptr;
    sink_ = nullptr;
    received_.clear();
    linger_ = mode == CloseMode::linger;
    reset_ = mode == CloseMode::reset;  // Also of a stream that its owner declared failed.
    if (reset_) {
        proactor_.ring().reset_on_close(fd_);
    }
    const bool takes_time = linger_ || (mode == CloseMode::graceful && unsent_bytes_ > 0);
    if (!takes_time || failed_) {
        start_closing();
        return;
    }
    life_ = Life::flushing;
    ending_ = std::make_unique<Ending>(*this);
    proactor_.lingers(*ending_);
    if (unsent_bytes_ > 0) {
        limit_end(kFlushTime);
        if (send_op_.pending == 0) {
            proactor_.flush_at_end_of_turn(*this);
        }
    }
    if (reading_stopped_ && linger_) {
        reading_stopped_ = false;
        if (receive_op_.pending == 0 && !read_ended_ && !BufferRing::Waiter::is_linked()) {
            arm_receive();
        }
    }
    advance_close();
}

// Takes the next step that is possible; after the last one the object goes with the turn.
void TcpStream::advance_close() {
    if (life_ == Life::flushing) {
        if (unsent_bytes_ > 0 && !failed_) {
            if (send_op_.pending == 0) {
                proactor_.flush_at_end_of_turn(*this);
            }
            return;
        }
        if (!linger_ || read_ended_ || failed_) {
            start_closing();
            return;
        }
        life_ = Life::lingering;
        proactor_.ring().shutdown_send(fd_);
        limit_end(kLingerTime);
        return;
    }
    if (life_ == Life::lingering) {
        if (read_ended_ || failed_) {
            start_closing();
        }
        return;
    }
    if (life_ == Life::closing && !has_pending()) {
        // Freed there: whoever ended us may be a handler of our own.
        proactor_.flush_at_end_of_turn(*this);
    }
}

void TcpStream::start_closing() {
    life_ = Life::closing;
    ending_.reset();
    Proactor::Flushable::unlink();
    BufferRing::Waiter::unlink();
    if (has_pending()) {
        // A shutdown ends a receive with 0 and a blocked send with EPIPE, and tells the peer at
        // once. Not before a reset: the peer would see an orderly end first.
        const bool shut_down = !reset_ && Ring::is_known_to_system(fd_);
        if (shut_down) {
            proactor_.ring().shutdown(fd_);
        }
        for (Op* op : {&receive_op_, &send_op_, &side_op_}) {
            if (op->pending > 0 && (!shut_down || op == &side_op_)) {
                proactor_.ring().cancel(*op);
            }
        }
        return;
    }
    unsent_.clear();
    advance_close();
}

void TcpStream::limit_end(Duration time) {
    proactor_.timers().arm(ending_->timer, proactor_.now() + time);
}

}  // namespace sluice::net
