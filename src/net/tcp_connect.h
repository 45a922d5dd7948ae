// TcpConnect: one attempt to connect to one address.
//
// Raises the signal when it is done. Owned by a TcpConnectPtr; letting go of that abandons the
// attempt, and the object frees itself when the kernel has let go too. One shard.
#pragma once

#include <cstdint>
#include <memory>

#include "base/error.h"
#include "base/result.h"
#include "coro/signal.h"
#include "net/address.h"
#include "net/op.h"
#include "net/options.h"
#include "net/proactor.h"

namespace sluice::net {

class TcpConnect;

struct TcpConnectAbandoner {
    void operator()(TcpConnect* attempt) const;
};
using TcpConnectPtr = std::unique_ptr<TcpConnect, TcpConnectAbandoner>;

class TcpConnect {
public:
    static Result<TcpConnectPtr> start(Proactor& proactor,
                                       const Address& address,
                                       const SocketOptions& options,
                                       coro::Signal& signal);
    // The same with a socket that the caller has opened and set up (bound, say), and gives away.
    static TcpConnectPtr start_on(Proactor& proactor,
                                  int fd,
                                  const Address& address,
                                  coro::Signal& signal);
    TcpConnect(const TcpConnect&) = delete;
    TcpConnect& operator=(const TcpConnect&) = delete;

    bool is_done() const { return op_.pending == 0; }
    // Once done: the connected descriptor, which is then the caller's, or why not.
    Result<int> take_descriptor();

private:
    friend struct TcpConnectAbandoner;

    TcpConnect(Proactor& proactor, int fd, coro::Signal& signal);
    ~TcpConnect();
    static void on_connected(Op& op, int32_t result, uint32_t flags);
    void abandon();

    Proactor& proactor_;
    coro::Signal* signal_;  // Null once abandoned.
    Op op_;
    int fd_;
    int32_t result_ = 0;
};

}  // namespace sluice::net
