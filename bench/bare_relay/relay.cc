// Accept, connect, then receive and send in both directions.
#include "relay.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include <liburing.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace sluice::bench {

namespace {

std::string failure(const char* what, int os_errno) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread.
    return std::string(what) + ": " + std::strerror(os_errno);
}

void set_no_delay(int fd) {
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

}  // namespace

Relay::~Relay() {
    if (buffers_ != nullptr) {
        io_uring_free_buf_ring(&ring_, buffers_, kBuffers, kGroup);
    }
    if (has_ring_) {
        io_uring_queue_exit(&ring_);
    }
    if (listener_ >= 0) {
        ::close(listener_);
    }
}

// --- Start.

std::string Relay::start(const sockaddr_in& listen, const sockaddr_in& upstream) {
    upstream_ = upstream;
    io_uring_params params = {};
    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
    params.cq_entries = kCompletionEntries;
    if (const int result = io_uring_queue_init_params(kQueueEntries, &ring_, &params); result < 0) {
        return failure("io_uring", -result);
    }
    has_ring_ = true;
    if (std::string wrong = set_up_buffers(); !wrong.empty()) {
        return wrong;
    }
    if (std::string wrong = listen_on(listen); !wrong.empty()) {
        return wrong;
    }
    arm_accept();
    return {};
}

std::string Relay::set_up_buffers() {
    int error = 0;
    buffers_ = io_uring_setup_buf_ring(&ring_, kBuffers, kGroup, 0, &error);
    if (buffers_ == nullptr) {
        return failure("buffer ring", -error);
    }
    memory_ = std::make_unique_for_overwrite<char[]>(size_t{kBuffers} * kBufferBytes);
    for (uint16_t i = 0; i < kBuffers; ++i) {
        give_back(i);
    }
    return {};
}

std::string Relay::listen_on(const sockaddr_in& address) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener_ < 0) {
        return failure("socket", errno);
    }
    const int on = 1;
    ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    set_no_delay(listener_);  // Accepted connections inherit it.
    if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener_, kBacklog) != 0) {
        return failure("listening", errno);
    }
    sockaddr_in bound = {};
    socklen_t length = sizeof bound;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&bound), &length);
    port_ = ntohs(bound.sin_port);
    return {};
}

// --- The loop.

void Relay::run() {
    while (true) {
        flush_all();
        serve_waiting();
        if (given_back_ > 0) {
            io_uring_buf_ring_advance(buffers_, std::exchange(given_back_, 0));
        }
        io_uring_submit_and_wait(&ring_, 1);
        unsigned head = 0;
        unsigned seen = 0;
        io_uring_cqe* cqe = nullptr;
        io_uring_for_each_cqe(&ring_, head, cqe) {
            complete(*cqe);
            ++seen;
        }
        io_uring_cq_advance(&ring_, seen);
    }
}

io_uring_sqe* Relay::next_sqe(const void* object, Tag tag) {
    io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
    if (sqe == nullptr) {
        io_uring_submit(&ring_);
        sqe = io_uring_get_sqe(&ring_);
        if (sqe == nullptr) {
            std::abort();
        }
    }
    // Prep functions leave user_data alone.
    io_uring_sqe_set_data64(sqe, reinterpret_cast<uint64_t>(object) | static_cast<uint64_t>(tag));
    return sqe;
}

void Relay::complete(const io_uring_cqe& cqe) {
    const auto tag = static_cast<Tag>(cqe.user_data & kTagMask);
    void* object = reinterpret_cast<void*>(cqe.user_data & ~kTagMask);
    switch (tag) {
        case Tag::accept:
            accepted(cqe.res, cqe.flags);
            break;
        case Tag::connect:
            connected(*static_cast<Pair*>(object), cqe.res);
            break;
        case Tag::receive:
            received(*static_cast<Direction*>(object), cqe.res, cqe.flags);
            break;
        case Tag::send:
            sent(*static_cast<Direction*>(object), cqe.res);
            break;
        case Tag::ignored:
            break;
    }
}

// --- Connections.

void Relay::arm_accept() {
    io_uring_prep_multishot_accept(next_sqe(nullptr, Tag::accept), listener_, nullptr, nullptr,
                                   SOCK_CLOEXEC);
}

void Relay::accepted(int result, uint32_t flags) {
    if ((flags & IORING_CQE_F_MORE) == 0) {
        arm_accept();
    }
    if (result < 0) {
        return;
    }
    const int upstream = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (upstream < 0) {
        ::close(result);
        return;
    }
    set_no_delay(upstream);
    auto* pair = new Pair;
    pair->up = {.pair = pair, .from = result, .to = upstream, .parts = {}};
    pair->down = {.pair = pair, .from = upstream, .to = result, .parts = {}};
    io_uring_prep_connect(next_sqe(pair, Tag::connect), upstream,
                          reinterpret_cast<const sockaddr*>(&upstream_), sizeof upstream_);
    ++pair->pending;
}

void Relay::connected(Pair& pair, int result) {
    --pair.pending;
    if (result < 0) {
        begin_close(pair);
        return;
    }
    arm_receive(pair.up);
    arm_receive(pair.down);
}

void Relay::begin_close(Pair& pair) {
    if (!pair.is_closing) {
        pair.is_closing = true;
        // Ends what is in flight.
        ::shutdown(pair.up.from, SHUT_RDWR);
        ::shutdown(pair.up.to, SHUT_RDWR);
    }
    close_if_idle(pair);
}

void Relay::close_if_idle(Pair& pair) {
    if (!pair.is_closing || pair.pending > 0) {
        return;
    }
    for (Direction* direction : {&pair.up, &pair.down}) {
        for (size_t i = direction->first; i < direction->parts.size(); ++i) {
            give_back(direction->parts[i].buffer);
        }
        std::erase(waiting_, direction);
        std::erase(dirty_, direction);
    }
    ::close(pair.up.from);
    ::close(pair.up.to);
    delete &pair;
}

// --- Receiving.

void Relay::arm_receive(Direction& direction) {
    io_uring_sqe* sqe = next_sqe(&direction, Tag::receive);
    io_uring_prep_recv_multishot(sqe, direction.from, nullptr, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = kGroup;
    direction.is_receiving = true;
    ++direction.pair->pending;
}

void Relay::received(Direction& direction, int result, uint32_t flags) {
    Pair& pair = *direction.pair;
    if ((flags & IORING_CQE_F_BUFFER) != 0) {
        const auto buffer = static_cast<uint16_t>(flags >> IORING_CQE_BUFFER_SHIFT);
        if (result > 0 && !pair.is_closing) {
            direction.parts.push_back({.length = static_cast<uint32_t>(result), .buffer = buffer});
            mark_dirty(direction);
        } else {
            give_back(buffer);
        }
    }
    const bool has_more = (flags & IORING_CQE_F_MORE) != 0;
    if (!has_more) {
        direction.is_receiving = false;
        --pair.pending;
        receive_ended(direction, result);
    } else if (direction.held() >= kHeldHigh && !direction.is_paused) {
        direction.is_paused = true;
        const auto target =
            reinterpret_cast<uint64_t>(&direction) | static_cast<uint64_t>(Tag::receive);
        io_uring_sqe* sqe = next_sqe(nullptr, Tag::ignored);
        io_uring_prep_cancel64(sqe, target, 0);
        sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    }
}

void Relay::receive_ended(Direction& direction, int result) {
    Pair& pair = *direction.pair;
    if (pair.is_closing) {
        close_if_idle(pair);
    } else if (result == -ENOBUFS) {
        direction.is_waiting = true;
        waiting_.push_back(&direction);
    } else if (result > 0 || result == -ECANCELED || result == -EINTR) {
        direction.is_paused = direction.held() > kHeldLow;
        if (!direction.is_paused) {
            arm_receive(direction);
        }
    } else if (result == 0) {
        direction.has_ended = true;
        pass_end_on(direction);
    } else {
        begin_close(pair);
    }
}

void Relay::give_back(uint16_t buffer) {
    io_uring_buf_ring_add(buffers_, memory_of(buffer), kBufferBytes, buffer,
                          io_uring_buf_ring_mask(kBuffers), given_back_++);
}

// Receives that found no buffer go on as soon as one came back.
void Relay::serve_waiting() {
    if (given_back_ == 0) {
        return;
    }
    for (Direction* direction : std::exchange(waiting_, {})) {
        direction->is_waiting = false;
        arm_receive(*direction);
    }
}

// --- Sending.

void Relay::mark_dirty(Direction& direction) {
    if (!direction.is_dirty && direction.in_flight == 0) {
        direction.is_dirty = true;
        dirty_.push_back(&direction);
    }
}

void Relay::flush_all() {
    for (Direction* direction : dirty_) {
        direction->is_dirty = false;
        if (!direction->pair->is_closing) {
            flush(*direction);
        }
    }
    dirty_.clear();
}

void Relay::flush(Direction& direction) {
    direction.in_flight = std::min(direction.held(), kPartsMax);
    const Part& first = direction.parts[direction.first];
    io_uring_sqe* sqe = next_sqe(&direction, Tag::send);
    ++direction.pair->pending;
    if (direction.in_flight == 1) {
        io_uring_prep_send(sqe, direction.to, memory_of(first.buffer), first.length,
                           MSG_NOSIGNAL | MSG_WAITALL);
        return;
    }
    for (size_t i = 0; i < direction.in_flight; ++i) {
        const Part& part = direction.parts[direction.first + i];
        direction.iov[i] = {.iov_base = memory_of(part.buffer), .iov_len = part.length};
    }
    direction.message.msg_iov = direction.iov;
    direction.message.msg_iovlen = direction.in_flight;
    io_uring_prep_sendmsg(sqe, direction.to, &direction.message, MSG_NOSIGNAL | MSG_WAITALL);
}

void Relay::sent(Direction& direction, int result) {
    Pair& pair = *direction.pair;
    --pair.pending;
    for (size_t i = 0; i < direction.in_flight; ++i) {
        give_back(direction.parts[direction.first + i].buffer);
    }
    direction.first += std::exchange(direction.in_flight, 0);
    if (direction.held() == 0) {
        direction.parts.clear();
        direction.first = 0;
    }
    if (result < 0 || pair.is_closing) {
        begin_close(pair);
        return;
    }
    if (direction.held() > 0) {
        mark_dirty(direction);
    }
    if (direction.is_paused && !direction.is_receiving && direction.held() <= kHeldLow) {
        direction.is_paused = false;
        arm_receive(direction);
    }
    pass_end_on(direction);
}

// The peer's end of stream, once everything before it was passed on.
void Relay::pass_end_on(Direction& direction) {
    Pair& pair = *direction.pair;
    if (!direction.has_ended || direction.held() > 0) {
        return;
    }
    if (!direction.is_shut) {
        direction.is_shut = true;
        ::shutdown(direction.to, SHUT_WR);
    }
    if (pair.up.is_shut && pair.down.is_shut) {
        begin_close(pair);
    }
}

}  // namespace sluice::bench
