// bare_relay LISTEN_PORT UPSTREAM_PORT: relays 127.0.0.1:LISTEN_PORT to 127.0.0.1:UPSTREAM_PORT.
//
// The first line of the output tells the port (0 takes a free one). Runs until it is killed.
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>

#include "relay.h"

namespace {

std::optional<sockaddr_in> loopback(const char* port) {
    uint16_t number = 0;
    const char* end = port + std::strlen(port);
    const auto [stop, error] = std::from_chars(port, end, number);
    if (error != std::errc() || stop != end) {
        return std::nullopt;
    }
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(number);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

void raise_descriptor_limit() {
    rlimit limit = {};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int main(int argc, char** argv) {
    const auto listen = argc == 3 ? loopback(argv[1]) : std::nullopt;
    const auto upstream = argc == 3 ? loopback(argv[2]) : std::nullopt;
    if (!listen || !upstream) {
        std::fputs("usage: bare_relay LISTEN_PORT UPSTREAM_PORT\n", stderr);
        return 2;
    }
    raise_descriptor_limit();
    sluice::bench::Relay relay;
    if (const std::string wrong = relay.start(*listen, *upstream); !wrong.empty()) {
        std::fprintf(stderr, "bare_relay: %s\n", wrong.c_str());
        return 1;
    }
    std::printf("bare_relay listens on http://127.0.0.1:%u\n", relay.port());
    std::fflush(stdout);
    relay.run();
}
