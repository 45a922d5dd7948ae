// What the TLS tests share: an authority, files, contexts, and the time of the test.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "gtest/gtest.h"
#include "net/options.h"
#include "net/tls_context.h"
#include "net/tls_engine.h"
#include "net/tls_ticket_keys.h"
#include "support/tls_authority.h"
#include "support/tls_pair.h"

namespace sluice::net {

class TlsTest : public testing::Test {
protected:
    static constexpr int64_t kClockSeconds = 1'790'000'000;  // A day in September 2026.
    static constexpr int64_t kDaySeconds = 24L * 3600;

    TlsLeaf leaf(std::vector<std::string> names) const {
        TlsLeaf made;
        made.names = std::move(names);
        return made;
    }
    TlsServerOptions server_options(const std::vector<TlsLeaf>& leaves) {
        TlsServerOptions options;
        for (const TlsLeaf& one : leaves) {
            const std::string name = "server" + std::to_string(next_file_++);
            options.certificates.push_back(write_identity(folder_, name, authority_.issue(one)));
        }
        return options;
    }
    TlsClientOptions client_options() const {
        TlsClientOptions options;
        options.ca_file = ca_file_;
        return options;
    }
    TlsContext server(const TlsServerOptions& options) const {
        const TlsContextResult made = TlsContext::make_server(options, ticket_keys_, clock_ns());
        EXPECT_TRUE(made.ok()) << made.error;
        return made.context;
    }
    TlsContext server_for(const std::string& name) {
        return server(server_options({leaf({name})}));
    }
    TlsContext client(const TlsClientOptions& options) {
        const TlsContextResult made = TlsContext::make_client(options, stores_, clock_ns());
        EXPECT_TRUE(made.ok()) << made.error;
        return made.context;
    }
    TlsContext client() { return client(client_options()); }

    static int64_t clock_ns() { return Duration::seconds(kClockSeconds).ns(); }
    static TlsTime time() { return {clock_ns(), Instant::from_ns(1)}; }
    static TlsTime time_after(Duration later) {
        return {clock_ns() + later.ns(), Instant::from_ns(1) + later};
    }

    // A handshake of two ends that cannot see each other's contexts.
    static std::unique_ptr<TlsPair> pair(const TlsContext& server_context,
                                         const TlsContext& client_context,
                                         const TlsServerPeer& peer,
                                         const TlsTime& when = time()) {
        return std::make_unique<TlsPair>(server_context, client_context, peer, when);
    }

    TlsFolder folder_;
    TlsAuthority authority_{"Test Root", kClockSeconds};
    std::string ca_file_ = folder_.write("ca.pem", authority_.certificate());
    std::shared_ptr<TlsTicketKeys> ticket_keys_ = std::make_shared<TlsTicketKeys>();
    TlsTrustStores stores_;
    int next_file_ = 0;
};

}  // namespace sluice::net
