// Texts for what goes wrong in TLS: one static sentence per class of reason.
#pragma once

#include "base/error.h"

namespace sluice::net {

// What the library has noted on this thread, as an error of ours; empties its list.
// `handshaking` tells a failed handshake from a connection that broke later.
Error take_tls_error(ErrorSource peer, bool handshaking);

Error tls_handshake_error(ErrorSource peer, const char* where);

}  // namespace sluice::net
