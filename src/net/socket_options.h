// How options are set on a socket of the system, for the ring's own ones and for those that were
// passed to the process. Quick calls that cannot fail a caller; any thread.
#pragma once

#include <cstdint>

#include "net/options.h"

namespace sluice::net {

// A refused option costs performance, not correctness.
void set_socket_option(int fd, int level, int name, int value);

// Those that connections inherit from their listener. Returns the number of system calls it took.
uint64_t set_stream_options(int fd, const SocketOptions& options);

}  // namespace sluice::net
