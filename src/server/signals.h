// SignalWatch: the process's signals as completions of the control shard's ring.
//
// Blocked for every thread, read from one descriptor: nothing ever runs in a signal handler. Main
// thread; stop() and an idle ring come before its end.
#pragma once

#include <cstdint>

#include <sys/signalfd.h>

#include "net/op.h"
#include "net/ring.h"

namespace sluice::server {

class SignalWatch {
public:
    SignalWatch(void (*on_signal)(void* owner, uint32_t number), void* owner);
    ~SignalWatch();
    SignalWatch(const SignalWatch&) = delete;
    SignalWatch& operator=(const SignalWatch&) = delete;

    // SIGTERM, SIGINT and SIGHUP, for all threads that begin later. Ignores SIGPIPE.
    static void block();

    void start(net::Ring& ring);
    void stop();
    bool is_idle() const { return op_.pending == 0; }

private:
    static void on_read(net::Op& op, int32_t result, uint32_t flags);
    void read();

    void (*const on_signal_)(void* owner, uint32_t number);
    void* const owner_;
    net::Ring* ring_ = nullptr;
    net::Op op_;
    signalfd_siginfo signal_ = {};
    int fd_ = -1;
    bool is_stopped_ = false;
};

}  // namespace sluice::server
