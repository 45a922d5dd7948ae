// Who is believed: authorities, names, times, purposes, on both sides.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "gtest/gtest.h"
#include "net/options.h"
#include "net/tls_context.h"
#include "net/tls_engine.h"
#include "net/tls_session_cache.h"
#include "support/tls_authority.h"
#include "support/tls_pair.h"
#include "unit/net/tls_fixture.h"

namespace sluice::net {
namespace {

class TlsVerifyTest : public TlsTest {
protected:
    // The client's error when it meets a server with that leaf; empty when it believes it.
    std::string client_error(const TlsLeaf& leaf, const std::string& name) {
        return client_error(server(server_options({leaf})), name);
    }
    std::string client_error(const TlsContext& server_context, const std::string& name) {
        auto ends = pair(server_context, client(), {name});
        if (ends->shake()) {
            return {};
        }
        EXPECT_EQ(ends->client().error().kind, ErrorKind::tls_verify);
        EXPECT_EQ(ends->client().error().source, ErrorSource::upstream);
        EXPECT_EQ(ends->client().error().retry, Retry::safe);
        EXPECT_FALSE(ends->client().is_established());
        EXPECT_EQ(ends->server().error().kind, ErrorKind::tls_handshake);
        return ends->client().error().where;
    }
};

constexpr std::string_view kOtherName = "the peer's certificate is for another name";

TEST_F(TlsVerifyTest, NamesAndWildcards) {
    const TlsContext exact = server_for("DNS:api.test");
    EXPECT_EQ(client_error(exact, "api.test"), "");
    EXPECT_EQ(client_error(exact, "API.TEST"), "");
    EXPECT_EQ(client_error(exact, "other.test"), kOtherName);
    EXPECT_EQ(client_error(exact, "api.test.evil.example"), kOtherName);
    const TlsContext wildcard = server_for("DNS:*.api.test");
    EXPECT_EQ(client_error(wildcard, "eu.api.test"), "");
    EXPECT_EQ(client_error(wildcard, "api.test"), kOtherName);
    EXPECT_EQ(client_error(wildcard, "a.b.api.test"), kOtherName);
}

TEST_F(TlsVerifyTest, PartialWildcardsAndCommonNamesAreNotBelieved) {
    EXPECT_EQ(client_error(leaf({"DNS:f*.api.test"}), "foo.api.test"), kOtherName);
    // The subject's common name is "leaf"; it is not a name to be asked for (RFC 6125, 6.4.4).
    EXPECT_EQ(client_error(leaf({}), "leaf"), kOtherName);
}

TEST_F(TlsVerifyTest, AddressesAreVerifiedAsAddresses) {
    const TlsContext address = server_for("IP:127.0.0.1");
    EXPECT_EQ(client_error(address, "127.0.0.1"), "");
    EXPECT_EQ(client_error(address, "127.0.0.2"), kOtherName);
    EXPECT_EQ(client_error(leaf({"IP:::1"}), "::1"), "");
    // A name that looks like the address is not the address.
    EXPECT_EQ(client_error(leaf({"DNS:127.0.0.1"}), "127.0.0.1"), kOtherName);
}

TEST_F(TlsVerifyTest, TimesAreChecked) {
    TlsLeaf expired = leaf({"DNS:api.test"});
    expired.begin_s = kClockSeconds - 10 * kDaySeconds;
    expired.end_s = kClockSeconds - 1;
    EXPECT_EQ(client_error(expired, "api.test"),
              "the peer's certificate, or one of its chain, has expired");
    TlsLeaf early = leaf({"DNS:api.test"});
    early.begin_s = kClockSeconds + kDaySeconds;
    EXPECT_EQ(client_error(early, "api.test"),
              "the peer's certificate, or one of its chain, is not valid yet");
}

TEST_F(TlsVerifyTest, ForeignAuthorityIsRefused) {
    const TlsAuthority foreign("Foreign Root", kClockSeconds);
    TlsServerOptions options;
    options.certificates.push_back(
        write_identity(folder_, "foreign", foreign.issue(leaf({"DNS:api.test"}))));
    EXPECT_EQ(client_error(server(options), "api.test"),
              "the peer's certificate comes from an unknown authority");
}

TEST_F(TlsVerifyTest, AnotherRootOfTheSameNameIsRefused) {
    const TlsAuthority impostor("Test Root", kClockSeconds);
    TlsServerOptions options;
    options.certificates.push_back(
        write_identity(folder_, "impostor", impostor.issue(leaf({"DNS:api.test"}))));
    EXPECT_NE(client_error(server(options), "api.test"), "");
}

TEST_F(TlsVerifyTest, IntermediatesAreFollowed) {
    const auto below = authority_.issue_authority("Test Intermediate");
    TlsServerOptions options;
    options.certificates.push_back(
        write_identity(folder_, "chain", below->issue(leaf({"DNS:api.test"}))));
    EXPECT_EQ(client_error(server(options), "api.test"), "");
    // Without the intermediate, the leaf hangs in the air.
    TlsIdentity alone = below->issue(leaf({"DNS:api.test"}));
    alone.certificates.resize(alone.certificates.find("-----BEGIN CERTIFICATE-----", 1));
    options.certificates = {write_identity(folder_, "alone", alone)};
    EXPECT_EQ(client_error(server(options), "api.test"),
              "the peer's certificate comes from an unknown authority");
}

TEST_F(TlsVerifyTest, ALeafIsNoAuthority) {
    // What a leaf signs is worth nothing, although the leaf itself is good.
    TlsLeaf client_only = leaf({"DNS:api.test"});
    client_only.extended_usage = "clientAuth";
    EXPECT_EQ(client_error(client_only, "api.test"),
              "the peer's certificate is not made for this purpose");
}

TEST_F(TlsVerifyTest, RsaCertificatesWork) {
    TlsLeaf rsa = leaf({"DNS:api.test"});
    rsa.rsa = true;
    EXPECT_EQ(client_error(rsa, "api.test"), "");
}

TEST_F(TlsVerifyTest, VerifyOffBelievesAnything) {
    TlsClientOptions options;
    options.verify = false;
    const TlsContextResult made = TlsContext::make_client(options, stores_, clock_ns());
    ASSERT_TRUE(made.ok());
    ASSERT_EQ(made.warnings.size(), 1U);
    auto ends = pair(server_for("DNS:other.test"), made.context, {"api.test"});
    EXPECT_TRUE(ends->shake());
}

// --- The other direction: clients that must show a certificate.

class TlsClientCertificateTest : public TlsVerifyTest {
protected:
    TlsServerOptions asking_server() {
        TlsServerOptions options = server_options({leaf({"DNS:api.test"})});
        options.client_ca_file = ca_file_;
        return options;
    }
    TlsClientOptions client_with(const TlsIdentity& identity) {
        TlsClientOptions options = client_options();
        const CertificateOptions files =
            write_identity(folder_, "client" + std::to_string(next_file_++), identity);
        options.certificate_file = files.certificate_file;
        options.private_key_file = files.private_key_file;
        return options;
    }
    std::string server_error(const TlsClientOptions& options) {
        auto ends = pair(server(asking_server()), client(options), {"api.test"});
        if (ends->shake()) {
            return {};
        }
        seen_by_client_ = ends->client().error();
        EXPECT_EQ(ends->server().error().source, ErrorSource::client);
        return ends->server().error().where;
    }

    Error seen_by_client_;
};

TEST_F(TlsClientCertificateTest, AGoodOneIsAccepted) {
    TlsLeaf made = leaf({"DNS:a-client.test"});
    made.extended_usage = "clientAuth";
    EXPECT_EQ(server_error(client_with(authority_.issue(made))), "");
}

TEST_F(TlsClientCertificateTest, NoneIsRefused) {
    EXPECT_EQ(server_error(client_options()), "the peer showed no certificate");
    // In TLS 1.3 the client is done when it learns of it.
    EXPECT_EQ(seen_by_client_.kind, ErrorKind::tls_handshake);
    EXPECT_STREQ(seen_by_client_.where, "the peer asks for a client certificate");
}

TEST_F(TlsClientCertificateTest, AForeignOneIsRefused) {
    const TlsAuthority foreign("Foreign Root", kClockSeconds);
    EXPECT_EQ(server_error(client_with(foreign.issue(leaf({"DNS:a-client.test"})))),
              "the peer's certificate comes from an unknown authority");
    EXPECT_STREQ(seen_by_client_.where, "the peer does not know the authority of our certificate");
}

TEST_F(TlsClientCertificateTest, AnExpiredOneIsRefused) {
    TlsLeaf made = leaf({"DNS:a-client.test"});
    made.begin_s = kClockSeconds - 2 * kDaySeconds;
    made.end_s = kClockSeconds - kDaySeconds;
    EXPECT_EQ(server_error(client_with(authority_.issue(made))),
              "the peer's certificate, or one of its chain, has expired");
}

TEST_F(TlsClientCertificateTest, AServersOwnIsRefused) {
    TlsLeaf made = leaf({"DNS:a-client.test"});
    made.extended_usage = "serverAuth";
    EXPECT_EQ(server_error(client_with(authority_.issue(made))),
              "the peer's certificate is not made for this purpose");
}

TEST_F(TlsClientCertificateTest, SessionsAreNotResumed) {
    // The library would not look at the certificate again.
    const TlsContext server_context = server(asking_server());
    const TlsContext client_context =
        client(client_with(authority_.issue(leaf({"DNS:a-client.test"}))));
    TlsSessionCache sessions;
    auto first = pair(server_context, client_context, {"api.test", &sessions});
    ASSERT_TRUE(first->shake());
    EXPECT_EQ(first->pass(first->server(), first->client(), "hello"), "hello");
    EXPECT_EQ(sessions.size(), 0U);
}

}  // namespace
}  // namespace sluice::net
