// Variables, descriptors, shards.
#include "server/listeners.h"

#include <cstddef>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/result.h"
#include "config/config.h"
#include "config/environment.h"
#include "net/address.h"
#include "net/endpoint.h"
#include "net/passed_sockets.h"
#include "net/ring.h"
#include "server/machine.h"
#include "server/options.h"
#include "server/shard_runner.h"

namespace sluice::server {

namespace {

net::PassedVariables take_variables(const config::Environment& environment) {
    net::PassedVariables variables{.process = environment("LISTEN_PID"),
                                   .count = environment("LISTEN_FDS"),
                                   .names = environment("LISTEN_FDNAMES")};
    for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) {
        ::unsetenv(name);  // NOLINT(concurrency-mt-unsafe): no other thread runs yet.
    }
    return variables;
}

// Where the gateway is to listen, and how many sockets each of these can use.
struct Listeners {
    std::vector<net::Endpoint> endpoints;
    std::vector<size_t> sockets_max;
    std::string text;

    void add(const char* name, const std::optional<net::Endpoint>& endpoint, size_t max) {
        // What is no address is refused where it is listened on.
        if (endpoint) {
            endpoints.push_back(*endpoint);
            sockets_max.push_back(max);
            text += (text.empty() ? "" : ", ") + endpoint->to_string() + " (" + name + ")";
        }
    }
};

Listeners listeners_of(const config::Config& config) {
    const ServerOptions& server = config.server;
    Listeners listeners;
    if (const auto address = net::Address::parse(server.host, server.port)) {
        listeners.add("server.host and port", net::Endpoint{.unix_path = {}, .address = *address},
                      server.shards);
    }
    if (!config.admin.is_off()) {
        listeners.add("admin.listen", net::Endpoint::parse(config.admin.listen), 1);
    }
    return listeners;
}

std::unexpected<std::string> cannot_listen(const net::Address& address, const Error& error) {
    return std::unexpected("cannot listen on " + address.to_string() + ": " + system_text(error));
}

}  // namespace

std::expected<net::PassedSockets, std::string> take_passed_sockets(
    const config::Environment& environment, const config::Config& config) {
    const auto names = net::PassedSockets::read_names(take_variables(environment), ::getpid());
    if (!names) {
        return std::unexpected(names.error());
    }
    auto sockets = net::PassedSockets::take(net::PassedSockets::kFirst, *names);
    if (!sockets) {
        return std::unexpected(std::move(sockets.error()));
    }
    const Listeners listeners = listeners_of(config);
    if (const std::optional<std::string> unfit = sockets->find_unfit(listeners.endpoints)) {
        return std::unexpected(*unfit + ", and no listener does: configured are " + listeners.text);
    }
    for (size_t i = 0; i < listeners.endpoints.size(); ++i) {
        // Connections would wait in the queue of one that nobody accepts from.
        const size_t count = sockets->count(listeners.endpoints[i]);
        if (count > listeners.sockets_max[i]) {
            return std::unexpected(std::to_string(count) + " sockets were passed for " +
                                   listeners.endpoints[i].to_string() + ", which can use " +
                                   std::to_string(listeners.sockets_max[i]) +
                                   (i == 0 ? " (one for each shard)" : ""));
        }
    }
    return sockets;
}

std::expected<net::Address, std::string> listen_on_shards(
    const ServerOptions& server,
    const net::PassedSockets& passed,
    net::Ring& ring,
    std::span<const std::unique_ptr<ShardRunner>> runners) {
    const std::optional<net::Address> wanted = net::Address::parse(server.host, server.port);
    if (!wanted) {
        return std::unexpected("server.host: \"" + server.host + "\" is not an IP address");
    }
    const net::Endpoint endpoint{.unix_path = {}, .address = *wanted};
    net::Address address = *wanted;
    if (passed.count(endpoint) == 0) {
        // With SO_REUSEPORT two gateways would share a port without a word: ask first without.
        const Result<int> probe = ring.open_listener(*wanted, server.sockets, false);
        if (!probe) {
            return cannot_listen(*wanted, probe.error());
        }
        address = ring.local_address(*probe);
        ::close(*probe);
    }
    for (size_t i = 0; i < runners.size(); ++i) {
        const auto own = passed.duplicate(endpoint, i, server.sockets);
        const Result<net::Address> bound =
            own ? runners[i]->serve(ring, address, *own) : fail(own.error());
        if (!bound) {
            return cannot_listen(address, bound.error());
        }
    }
    return address;
}

}  // namespace sluice::server
