// Accepting, and pausing when descriptors run out.
#include "net/listener.h"

#include <cerrno>
#include <cstdint>

#include "base/assert.h"
#include "base/result.h"
#include "base/time.h"
#include "net/address.h"
#include "net/op.h"
#include "net/options.h"
#include "net/proactor.h"
#include "net/timer_wheel.h"

namespace sluice::net {

namespace {

// Another process may hold the descriptors, and then no event of ours says when one is free.
constexpr Duration kRetryAfter = Duration::milliseconds(100);

}  // namespace

Listener::Listener(Proactor& proactor, const Handlers& handlers, void* owner)
    : proactor_(proactor),
      handlers_(handlers),
      owner_(owner),
      accept_op_(&on_accept, this),
      handed_over_op_(&on_handed_over, this),
      retry_timer_(&on_retry, this) {}

Listener::~Listener() {
    SLUICE_ASSERT(fd_ < 0 && is_idle());
}

Status Listener::start(const Address& address, const SocketOptions& options) {
    TRY(const int fd, proactor_.ring().open_listener(address, options, true));
    adopt(fd, options);
    return {};
}

void Listener::adopt(int fd, const SocketOptions& options) {
    SLUICE_ASSERT(fd_ < 0);
    fd_ = fd;
    local_address_ = proactor_.ring().local_address(fd_);
    burst_max_ = options.listen_backlog;
    arm();
}

void Listener::arm() {
    const uint32_t room_now = room();
    has_no_room_ = room_now == 0;
    is_ending_multishot_ = false;
    if (has_no_room_) {
        ++pauses_;
    } else if (room_now > burst_max_) {
        proactor_.ring().accept_multishot(fd_, accept_op_);
    } else {
        proactor_.ring().accept_one(fd_, accept_op_);
    }
}

void Listener::on_accept(Op& op, int32_t result, uint32_t /*flags*/) {
    auto& listener = op.owner_as<Listener>();
    if (result >= 0) {
        // Also when it is to stop: what the kernel has accepted it does not take back.
        listener.handlers_.on_new(listener.owner_, listener.proactor_.ring().accepted(result));
    }
    if (op.pending == 0) {
        listener.accept_ended(result);
    } else if (!listener.is_ending_multishot_ && listener.room() <= listener.burst_max_) {
        listener.is_ending_multishot_ = true;
        listener.proactor_.ring().cancel(op);
    }
}

void Listener::on_handed_over(Op& op, int32_t result, uint32_t /*flags*/) {
    auto& listener = op.owner_as<Listener>();
    if (result >= 0) {
        listener.handlers_.on_given(listener.owner_, listener.proactor_.ring().accepted(result));
    }
}

void Listener::accept_ended(int32_t result) {
    if (stopping_) {
        proactor_.ring().close(fd_);
        fd_ = -1;
        return;
    }
    if (result == -EMFILE || result == -ENFILE || result == -ENOMEM || result == -ENOBUFS) {
        ++pauses_;
        proactor_.timers().arm(retry_timer_, proactor_.now() + kRetryAfter);
        return;
    }
    arm();
}

void Listener::resume() {
    if (stopping_ || fd_ < 0) {
        return;
    }
    if (retry_timer_.is_armed() || (has_no_room_ && room() > 0)) {
        retry_timer_.cancel();
        arm();
    }
}

void Listener::on_retry(Timer& timer) {
    timer.owner_as<Listener>().arm();
}

void Listener::stop() {
    if (stopping_ || fd_ < 0) {
        return;
    }
    stopping_ = true;
    retry_timer_.cancel();
    if (accept_op_.pending == 0) {
        accept_ended(0);
    } else if (!is_ending_multishot_) {
        proactor_.ring().cancel(accept_op_);
    }
}

}  // namespace sluice::net
