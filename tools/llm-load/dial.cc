// TCP; the socket is opened here because a source address must be bound before connecting.
#include "llm-load/dial.h"

#include <cerrno>
#include <cstdint>
#include <string>
#include <utility>

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/result.h"
#include "coro/task.h"
#include "net/address.h"
#include "net/byte_stream.h"
#include "net/options.h"
#include "net/os_error.h"
#include "net/tcp_connect.h"
#include "net/tcp_stream.h"
#include "net/tls_context.h"
#include "net/tls_engine.h"
#include "net/tls_stream.h"

namespace sluice::llm_load {

namespace {

// As few system calls for each connection as possible; the kernel's buffer sizes do.
constexpr net::SocketOptions kSocketOptions = {.receive_buffer_bytes = 0, .keep_alive_probe_s = 0};

Status bind_source(int fd, const net::Address& source) {
    const int on = 1;
    // The port is chosen at connect, so that each source serves 28,000 connections to each target.
    ::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (::bind(fd, source.data(), source.length()) != 0) {
        return fail(net::os_error(errno, ErrorSource::gateway, "binding the source address"));
    }
    return {};
}

coro::Task<Result<net::StreamPtr>> shake_hands(const DialRequest& request, net::StreamPtr below) {
    TlsSide& tls = request.tls;
    const net::TlsServerPeer server = {
        .name = request.options.host,
        .sessions = request.options.has_full_handshakes ? nullptr : &tls.sessions};
    net::TlsStream::Ptr stream =
        net::TlsStream::connect(std::move(below), tls.context, tls.blocks, server);
    stream->set_signal(&request.signal);
    while (!stream->handshake_done()) {
        if (stream->failed()) {
            co_return fail(stream->error());
        }
        if (request.deadline.has_passed()) {
            co_return fail({.kind = ErrorKind::connect_timeout, .where = "TLS handshake"});
        }
        co_await request.signal.wait();
    }
    co_return net::StreamPtr(stream.release());
}

}  // namespace

std::string make_tls_context(const LoadOptions& options, net::TlsContext& context) {
    const net::TlsClientOptions client = {.ca_file = options.tls_ca_file,
                                          .certificate_file = {},
                                          .private_key_file = {},
                                          .server_name = {},
                                          .verify = !options.tls_insecure};
    net::TlsTrustStores stores;
    constexpr int64_t kSomeTimeNs = 0;  // For warnings about expiry, which we do not show.
    const net::TlsContextResult made = net::TlsContext::make_client(client, stores, kSomeTimeNs);
    context = made.context;
    return made.ok() ? "" : made.error;
}

coro::Task<Result<net::StreamPtr>> dial(DialRequest request) {
    net::Ring& ring = request.proactor.ring();
    const net::Address& target = request.options.target;
    CO_TRY(const int fd, ring.open_stream_socket(target, kSocketOptions));
    if (request.source != nullptr) {
        if (const Status bound = bind_source(fd, *request.source); !bound) {
            ring.close(fd);
            co_return fail(bound.error());
        }
    }
    const net::TcpConnectPtr attempt =
        net::TcpConnect::start_on(request.proactor, fd, target, request.signal);
    while (!attempt->is_done()) {
        if (request.deadline.has_passed()) {
            co_return fail({.kind = ErrorKind::connect_timeout, .where = "connecting"});
        }
        co_await request.signal.wait();
    }
    CO_TRY(const int connected, attempt->take_descriptor());
    net::StreamPtr stream =
        net::TcpStream::adopt(request.proactor, connected, kSocketOptions, ErrorSource::upstream);
    if (!request.options.tls) {
        co_return stream;
    }
    co_return co_await shake_hands(request, std::move(stream));
}

}  // namespace sluice::llm_load
