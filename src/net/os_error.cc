// Errors of connections are values that the caller decides on; what is not named here is a fault
// of ours or of the machine and becomes `internal`.
#include "net/os_error.h"

#include <cerrno>
#include <cstdint>

#include "base/error.h"

namespace sluice::net {

namespace {

ErrorKind kind_of(int os_errno) {
    switch (os_errno) {
        case ECONNREFUSED:
            return ErrorKind::connect_refused;
        case ETIMEDOUT:
            return ErrorKind::connect_timeout;
        case EHOSTUNREACH:
        case ENETUNREACH:
        case EADDRNOTAVAIL:
        case EACCES:
        case EPERM:
        case EAFNOSUPPORT:
        case EADDRINUSE:
            return ErrorKind::connect_failed;
        case ECONNRESET:
        case EPIPE:
        case ECONNABORTED:
        case ENOTCONN:
        case ESHUTDOWN:
            return ErrorKind::reset;
        case ECANCELED:
            return ErrorKind::cancelled;
        case EMFILE:
        case ENFILE:
            return ErrorKind::out_of_fds;
        case ENOMEM:
        case ENOBUFS:
            return ErrorKind::overloaded;
        default:
            return ErrorKind::internal;
    }
}

}  // namespace

Error os_error(int os_errno, ErrorSource source, const char* where) {
    Error error;
    error.kind = kind_of(os_errno);
    error.source = source;
    error.os_errno = static_cast<int16_t>(os_errno);
    error.where = where;
    return error;
}

}  // namespace sluice::net
