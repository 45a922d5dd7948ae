// Connecting, and being abandoned while connecting.
#include "net/tcp_connect.h"

#include <cstdint>
#include <utility>

#include "base/assert.h"
#include "base/error.h"
#include "base/result.h"
#include "coro/signal.h"
#include "net/address.h"
#include "net/op.h"
#include "net/options.h"
#include "net/os_error.h"
#include "net/proactor.h"

namespace sluice::net {

void TcpConnectAbandoner::operator()(TcpConnect* attempt) const {
    attempt->abandon();
}

Result<TcpConnectPtr> TcpConnect::start(Proactor& proactor,
                                        const Address& address,
                                        const SocketOptions& options,
                                        coro::Signal& signal) {
    TRY(const int fd, proactor.ring().open_stream_socket(address, options));
    return start_on(proactor, fd, address, signal);
}

TcpConnectPtr TcpConnect::start_on(Proactor& proactor,
                                   int fd,
                                   const Address& address,
                                   coro::Signal& signal) {
    TcpConnectPtr attempt(new TcpConnect(proactor, fd, signal));
    proactor.ring().connect(fd, address, attempt->op_);
    return attempt;
}

TcpConnect::TcpConnect(Proactor& proactor, int fd, coro::Signal& signal)
    : proactor_(proactor), signal_(&signal), op_(&on_connected, this), fd_(fd) {
    proactor_.object_made();
}

TcpConnect::~TcpConnect() {
    if (fd_ >= 0) {
        proactor_.ring().close(fd_);
    }
    proactor_.object_gone();
}

void TcpConnect::on_connected(Op& op, int32_t result, uint32_t /*flags*/) {
    auto& attempt = op.owner_as<TcpConnect>();
    attempt.result_ = result;
    if (attempt.signal_ != nullptr) {
        attempt.signal_->raise();
    } else {
        delete &attempt;
    }
}

Result<int> TcpConnect::take_descriptor() {
    SLUICE_ASSERT(is_done() && fd_ >= 0);
    if (result_ < 0) {
        Error error = os_error(-result_, ErrorSource::upstream, "connecting");
        error.retry = Retry::safe;  // Nothing was sent.
        return fail(error);
    }
    return std::exchange(fd_, -1);
}

void TcpConnect::abandon() {
    signal_ = nullptr;
    if (op_.pending > 0) {
        proactor_.ring().cancel(op_);
    } else {
        delete this;
    }
}

}  // namespace sluice::net
