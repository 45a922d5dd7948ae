// Who may use the admin API: a pure function of a request's head and of where it came in.
//
// With a token, whoever shows it. Without one only what this machine sends on purpose: a page in a
// browser on this machine can send requests to loopback as well, and a name of a stranger's can be
// made to resolve to 127.0.0.1 (DNS rebinding), so the Host must name this machine and an Origin
// must be the API's own. A unix socket is out of a browser's reach and guarded by its file's mode.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/secret.h"
#include "http/message.h"

namespace sluice::server {

// Where the API listens.
enum class AdminReach : uint8_t { unix_socket, loopback, network };

struct AdminRefusal {
    uint16_t status = 403;
    std::string_view code;
    std::string_view message;
};

// Nothing when the request may go on.
std::optional<AdminRefusal> check_admin_access(const http::RequestHead& head,
                                               AdminReach reach,
                                               const Secret& token);

}  // namespace sluice::server
