// One read after the other.
#include "server/signals.h"

#include <cerrno>
#include <cstdint>

#include <bits/types/sigset_t.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "net/op.h"
#include "net/ring.h"

namespace sluice::server {

namespace {

sigset_t handled_signals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
        sigaddset(&set, signal);
    }
    return set;
}

}  // namespace

SignalWatch::SignalWatch(void (*on_signal)(void* owner, uint32_t number), void* owner)
    : on_signal_(on_signal), owner_(owner), op_(&on_read, this) {}

SignalWatch::~SignalWatch() {
    if (fd_ >= 0) {
        ::close(fd_);
    }
}

void SignalWatch::block() {
    const sigset_t signals = handled_signals();
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
}

void SignalWatch::start(net::Ring& ring) {
    const sigset_t signals = handled_signals();
    ring_ = &ring;
    fd_ = ::signalfd(-1, &signals, SFD_CLOEXEC);
    read();
}

void SignalWatch::read() {
    ring_->read(fd_, reinterpret_cast<char*>(&signal_), sizeof signal_, op_);
}

void SignalWatch::on_read(net::Op& op, int32_t result, uint32_t /*flags*/) {
    auto& watch = op.owner_as<SignalWatch>();
    // One that has come before its cancel did must neither be handled any more nor read on.
    if (watch.is_stopped_) {
        return;
    }
    if (result == static_cast<int32_t>(sizeof watch.signal_)) {
        watch.on_signal_(watch.owner_, watch.signal_.ssi_signo);
    }
    if (result != -ECANCELED) {
        watch.read();
    }
}

void SignalWatch::stop() {
    is_stopped_ = true;
    if (op_.pending > 0) {
        ring_->cancel(op_);
    }
}

}  // namespace sluice::server
