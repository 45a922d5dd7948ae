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

Listener::Listener(Proactor& proactor, Handler on_new, void* owner, Handler on_given)
    : proactor_(proactor),
      accepted_(on_new),
      handed_over_(on_given),
      owner_(owner),
      accept_op_(&on_accept, this),
      handed_over_op_(&on_handed_over, this),
      retry_timer_(&on_retry, this) {}

Listener::~Listener() {
    SLUICE_ASSERT(fd_ < 0 && is_idle());
}

Status Listener::start(const Address& address, const SocketOptions& options) {
    TRY(fd_, proactor_.ring().open_listener(address, options, true));
    local_address_ = proactor_.ring().local_address(fd_);
    arm();
    return {};
}

void Listener::arm() {
    proactor_.ring().accept_multishot(fd_, accept_op_);
}

void Listener::on_accept(Op& op, int32_t result, uint32_t /*flags*/) {
    auto& listener = op.owner_as<Listener>();
    if (result >= 0) {
        const int fd = listener.proactor_.ring().accepted(result);
        if (listener.stopping_) {
            listener.proactor_.ring().close(fd);
        } else {
            listener.accepted_(listener.owner_, fd);
        }
    }
    if (op.pending == 0) {
        listener.accept_ended(result);
    }
}

void Listener::on_handed_over(Op& op, int32_t result, uint32_t /*flags*/) {
    auto& listener = op.owner_as<Listener>();
    if (result >= 0) {
        listener.handed_over_(listener.owner_, listener.proactor_.ring().accepted(result));
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
    if (retry_timer_.is_armed()) {
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
    if (accept_op_.pending > 0) {
        proactor_.ring().cancel(accept_op_);
    } else {
        accept_ended(0);
    }
}

}  // namespace sluice::net
