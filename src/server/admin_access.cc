// Token, Host and Origin.
#include "server/admin_access.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/secret.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "http/header_map.h"
#include "http/header_names.h"
#include "http/message.h"
#include "net/address.h"

namespace sluice::server {

namespace {

constexpr std::string_view kScheme = "Bearer ";

constexpr AdminRefusal kNoToken = {
    .status = 401,
    .code = "unauthorized",
    .message = "the token is missing or wrong; expected \"authorization: Bearer TOKEN\""};
constexpr AdminRefusal kForeignHost = {
    .status = 403,
    .code = "foreign_host",
    .message = "without a token the host must be this machine (localhost, 127.0.0.1 or [::1])"};
constexpr AdminRefusal kForeignOrigin = {
    .status = 403,
    .code = "foreign_origin",
    .message = "without a token requests of web pages are refused"};

// "127.0.0.1:3001" and "[::1]" without port.
std::string_view without_port(std::string_view authority) {
    const size_t colon = authority.rfind(':');
    const size_t bracket = authority.rfind(']');
    const bool has_port =
        colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
    return has_port ? authority.substr(0, colon) : authority;
}

bool names_this_machine(std::string_view authority) {
    const std::string_view host = without_port(authority);
    if (equals_ignoring_case(host, "localhost")) {
        return true;
    }
    const std::optional<net::Address> address = net::Address::parse(host, 0);
    return address && address->is_loopback();
}

bool shows_token(const http::RequestHead& head, const Secret& token) {
    const std::string_view shown = head.headers.value(http::HeaderId::authorization);
    return shown.size() > kScheme.size() &&
           equals_ignoring_case(shown.substr(0, kScheme.size()), kScheme) &&
           crypto::equal_in_constant_time(trim_ows(shown.substr(kScheme.size())), token.reveal());
}

}  // namespace

std::optional<AdminRefusal> check_admin_access(const http::RequestHead& head,
                                               AdminReach reach,
                                               const Secret& token) {
    // A reload can take the token away while the API listens where it needs one.
    if (!token.empty() || reach == AdminReach::network) {
        const bool is_shown = !token.empty() && shows_token(head, token);
        return is_shown ? std::nullopt : std::optional(kNoToken);
    }
    if (reach == AdminReach::unix_socket) {
        return std::nullopt;
    }
    if (!names_this_machine(head.authority)) {
        return kForeignHost;
    }
    const http::HeaderField* const origin = head.headers.find(http::HeaderId::origin);
    if (origin != nullptr &&
        !equals_ignoring_case(origin->value, "http://" + std::string(head.authority))) {
        return kForeignOrigin;
    }
    return std::nullopt;
}

}  // namespace sluice::server
