// Nagle off, buffers and probes as configured.
#include "net/socket_options.h"

#include <cstdint>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "net/options.h"

namespace sluice::net {

void set_socket_option(int fd, int level, int name, int value) {
    ::setsockopt(fd, level, name, &value, sizeof value);
}

uint64_t set_stream_options(int fd, const SocketOptions& options) {
    set_socket_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    uint64_t calls = 1;
    if (options.receive_buffer_bytes > 0) {
        set_socket_option(fd, SOL_SOCKET, SO_RCVBUF,
                          static_cast<int>(options.receive_buffer_bytes));
        ++calls;
    }
    if (options.send_buffer_bytes > 0) {
        set_socket_option(fd, SOL_SOCKET, SO_SNDBUF, static_cast<int>(options.send_buffer_bytes));
        ++calls;
    }
    if (options.keep_alive_probe_s > 0) {
        set_socket_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
        set_socket_option(fd, IPPROTO_TCP, TCP_KEEPIDLE,
                          static_cast<int>(options.keep_alive_probe_s));
        calls += 2;
    }
    return calls;
}

}  // namespace sluice::net
