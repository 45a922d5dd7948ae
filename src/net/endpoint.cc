// Endpoint from and to text.
#include "net/endpoint.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sys/un.h>

#include "base/text.h"
#include "net/address.h"

namespace sluice::net {

namespace {

constexpr std::string_view kUnixPrefix = "unix:";
// One byte of the system's field is for the end of the text.
constexpr size_t kUnixPathBytesMax = sizeof(sockaddr_un::sun_path) - 1;

}  // namespace

std::optional<Endpoint> Endpoint::parse(std::string_view text) {
    Endpoint endpoint;
    if (text.starts_with(kUnixPrefix)) {
        text.remove_prefix(kUnixPrefix.size());
        if (text.empty() || text.size() > kUnixPathBytesMax || text.contains('\0')) {
            return std::nullopt;
        }
        endpoint.unix_path = text;
        return endpoint;
    }
    const size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) {
        return std::nullopt;
    }
    std::string_view host = text.substr(0, colon);
    const std::optional<uint64_t> port = parse_decimal(text.substr(colon + 1));
    // An IPv6 address without brackets would lose its last group to the port.
    if (!port || *port > UINT16_MAX || (host.contains(':') && !host.starts_with('['))) {
        return std::nullopt;
    }
    if (equals_ignoring_case(host, "localhost")) {
        host = "127.0.0.1";
    }
    const std::optional<Address> address = Address::parse(host, static_cast<uint16_t>(*port));
    if (!address) {
        return std::nullopt;
    }
    endpoint.address = *address;
    return endpoint;
}

std::string Endpoint::to_string() const {
    return is_unix() ? std::string(kUnixPrefix) + unix_path : address.to_string();
}

}  // namespace sluice::net
