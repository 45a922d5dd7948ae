// What TLS costs without the network: handshakes, records, allocations. Both ends run here, so a
// figure is the sum of a client's and a server's part.
//
// `allocs` counts every call of malloc in the program, the library's included (the linker redirects
// them here): each record costs the library one buffer to receive it and one to send it. `blocks`
// counts ours.
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <benchmark/benchmark.h>

#include "allocation_count.h"
#include "base/slice.h"
#include "base/slice_queue.h"
#include "base/time.h"
#include "net/options.h"
#include "net/tls_context.h"
#include "net/tls_engine.h"
#include "net/tls_session_cache.h"
#include "net/tls_ticket_keys.h"
#include "support/tls_authority.h"
#include "support/tls_pair.h"

namespace sluice::net {
namespace {

constexpr size_t kReadBytesMax = size_t{1024} * 1024;

struct Setup {
    explicit Setup(bool rsa) {
        TlsServerOptions server_options;
        TlsLeaf leaf;
        leaf.names = {"DNS:api.test"};
        leaf.rsa = rsa;
        server_options.certificates.push_back(
            write_identity(folder, "server", authority.issue(leaf)));
        server = TlsContext::make_server(server_options, keys, clock_s * 1'000'000'000).context;
        TlsClientOptions client_options;
        client_options.ca_file = folder.write("ca.pem", authority.certificate());
        client = TlsContext::make_client(client_options, stores, clock_s * 1'000'000'000).context;
    }
    std::unique_ptr<TlsPair> pair(TlsSessionCache* sessions = nullptr) const {
        const TlsTime now = {clock_s * 1'000'000'000, Instant::from_ns(1)};
        return std::make_unique<TlsPair>(
            server, client, TlsServerPeer{.name = "api.test", .sessions = sessions}, now);
    }

    const int64_t clock_s = std::time(nullptr);
    TlsFolder folder;
    TlsAuthority authority{"Bench Root", clock_s};
    std::shared_ptr<TlsTicketKeys> keys = std::make_shared<TlsTicketKeys>();
    TlsTrustStores stores;
    TlsContext server;
    TlsContext client;
};

void fail(benchmark::State& state) {
    state.SkipWithError("the handshake failed");
}

// Arguments: RSA-2048 instead of P-256; resumed instead of full.
void handshake(benchmark::State& state) {
    const Setup setup(state.range(0) != 0);
    const bool is_resumed = state.range(1) != 0;
    TlsSessionCache sessions;
    TlsSessionCache* const cache = is_resumed ? &sessions : nullptr;
    auto first = setup.pair(cache);
    if (!first->shake()) {
        return fail(state);
    }
    first->pass(first->server(), first->client(), "tickets");
    for (auto _ : state) {
        auto ends = setup.pair(cache);
        if (!ends->shake() || ends->server().is_resumed() != is_resumed) {
            return fail(state);
        }
        if (is_resumed) {
            // The next one needs a ticket again.
            ends->pass(ends->server(), ends->client(), "tickets");
        }
        benchmark::DoNotOptimize(ends->wire_bytes());
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(handshake)->ArgNames({"rsa", "resumed"})->Args({0, 0})->Args({0, 1})->Args({1, 0});

// One end writes slices as a relay does, the other reads them and lets go. Arguments: bytes of a
// slice, slices of a turn.
void records(benchmark::State& state) {
    const Setup setup(false);
    auto ends = setup.pair();
    if (!ends->shake()) {
        return fail(state);
    }
    const std::string event(static_cast<size_t>(state.range(0)), 'x');
    const auto slices = static_cast<int>(state.range(1));
    uint64_t calls_before = allocation_count();
    uint64_t blocks_before = 0;
    for (auto _ : state) {
        SliceQueue plain;
        for (int i = 0; i < slices; ++i) {
            plain.push_back(Slice::unowned(event));
        }
        ends->client().write(plain);
        ends->carry(ends->client(), ends->server());
        ends->server().read(plain, kReadBytesMax);
        benchmark::DoNotOptimize(plain.size_bytes());
        plain.clear();
        ends->server().release_read_block();
        if (blocks_before == 0) {  // The first turn fills the free lists.
            blocks_before = ends->blocks().allocated_total();
            calls_before = allocation_count();
        }
    }
    const auto turns = static_cast<double>(state.iterations());
    state.SetBytesProcessed(state.iterations() * slices * static_cast<int64_t>(event.size()));
    state.counters["allocs"] = static_cast<double>(allocation_count() - calls_before) / turns;
    state.counters["blocks"] =
        static_cast<double>(ends->blocks().allocated_total() - blocks_before) / turns;
}
BENCHMARK(records)
    ->ArgNames({"bytes", "slices"})
    ->Args({200, 1})
    ->Args({200, 2})
    ->Args({200, 16})
    ->Args({16384, 1})
    ->Args({262144, 1});

}  // namespace
}  // namespace sluice::net

BENCHMARK_MAIN();
