// Making contexts: which certificate answers, and what an operator is told.
#include "net/tls_context.h"

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include <openssl/base.h>
#include <openssl/pool.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "net/options.h"
#include "net/tls_pem.h"
#include "support/tls_authority.h"
#include "support/tls_pair.h"
#include "unit/net/tls_fixture.h"

namespace sluice::net {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// What the last client was shown.
std::string shown_name;

ssl_verify_result_t remember_name(SSL* ssl, uint8_t* /*alert*/) {
    const bssl::UniquePtr<X509> leaf(
        X509_parse_from_buffer(sk_CRYPTO_BUFFER_value(SSL_get0_peer_certificates(ssl), 0)));
    shown_name = names_of(*leaf).at(0);
    return ssl_verify_ok;
}

class TlsContextTest : public TlsTest {
protected:
    // The first name in the certificate that a client gets which asks for `name`.
    std::string shown(const TlsContext& server_context, const std::string& name) {
        const TlsContext any = client();
        SSL_CTX_set_custom_verify(any.native(), SSL_VERIFY_PEER, &remember_name);
        shown_name.clear();
        auto ends = pair(server_context, any, {name});
        EXPECT_TRUE(ends->shake()) << ends->client().error().where;
        return shown_name;
    }
    TlsContextResult make(const TlsServerOptions& options) {
        return TlsContext::make_server(options, ticket_keys_, clock_ns());
    }
    std::string error_of(const TlsServerOptions& options) {
        const TlsContextResult made = make(options);
        EXPECT_FALSE(made.ok());
        return made.error;
    }
    std::vector<std::string> warnings_of(const TlsServerOptions& options) {
        const TlsContextResult made = make(options);
        EXPECT_TRUE(made.ok()) << made.error;
        return made.warnings;
    }
};

TEST_F(TlsContextTest, TheNameChoosesTheCertificate) {
    const TlsContext context = server(server_options({
        leaf({"DNS:first.test"}),
        leaf({"DNS:second.test", "DNS:alias.test"}),
        leaf({"DNS:*.wild.test"}),
        leaf({"DNS:special.wild.test"}),
    }));
    EXPECT_EQ(shown(context, "first.test"), "first.test");
    EXPECT_EQ(shown(context, "second.test"), "second.test");
    EXPECT_EQ(shown(context, "alias.test"), "second.test");
    EXPECT_EQ(shown(context, "SECOND.Test"), "second.test");
    EXPECT_EQ(shown(context, "any.wild.test"), "*.wild.test");
    // Exact before wildcard, whatever the order.
    EXPECT_EQ(shown(context, "special.wild.test"), "special.wild.test");
    // A wildcard is one label.
    EXPECT_EQ(shown(context, "a.b.wild.test"), "first.test");
    EXPECT_EQ(shown(context, "wild.test"), "first.test");
    // No match, no name: the first.
    EXPECT_EQ(shown(context, "unknown.test"), "first.test");
    EXPECT_EQ(shown(context, "127.0.0.1"), "first.test");
    EXPECT_EQ(shown(context, ""), "first.test");
    EXPECT_EQ(shown(context, "x"), "first.test");
}

TEST_F(TlsContextTest, TheFirstCertificatesOwnNameBeatsAWildcard) {
    const TlsContext context =
        server(server_options({leaf({"DNS:a.wild.test"}), leaf({"DNS:*.wild.test"})}));
    EXPECT_EQ(shown(context, "a.wild.test"), "a.wild.test");
    EXPECT_EQ(shown(context, "b.wild.test"), "*.wild.test");
}

TEST_F(TlsContextTest, EarlierCertificatesWin) {
    const TlsContext context = server(server_options({
        leaf({"DNS:default.test"}),
        leaf({"DNS:mine.test", "DNS:both.test"}),
        leaf({"DNS:other.test", "DNS:both.test", "DNS:default.test"}),
    }));
    EXPECT_EQ(shown(context, "both.test"), "mine.test");
    EXPECT_EQ(shown(context, "other.test"), "other.test");
    EXPECT_EQ(shown(context, "default.test"), "default.test");
}

TEST_F(TlsContextTest, NamesInTheOptionsReplaceThoseOfTheCertificate) {
    TlsServerOptions options =
        server_options({leaf({"DNS:first.test"}), leaf({"DNS:second.test"})});
    options.certificates[1].server_names = {"Chosen.Test"};
    const TlsContext context = server(options);
    EXPECT_EQ(shown(context, "chosen.test"), "second.test");
    EXPECT_EQ(shown(context, "second.test"), "first.test");
}

TEST_F(TlsContextTest, NamesWithANulAreLeftOut) {
    // Built by hand: the text form cannot hold it.
    const bssl::UniquePtr<X509> certificate(X509_new());
    const bssl::UniquePtr<GENERAL_NAMES> names(GENERAL_NAMES_new());
    for (const std::string& name :
         {std::string("good.test\0.evil.test", 20), std::string("fine.test"),
          std::string("with space.test"), std::string("*.wild.test"), std::string("a.*.test"),
          std::string("*")}) {
        bssl::UniquePtr<GENERAL_NAME> entry(GENERAL_NAME_new());
        ASN1_IA5STRING* text = ASN1_IA5STRING_new();
        ASN1_STRING_set(text, name.data(), static_cast<ossl_ssize_t>(name.size()));
        entry->type = GEN_DNS;
        entry->d.dNSName = text;
        bssl::PushToStack(names.get(), std::move(entry));
    }
    ASSERT_EQ(X509_add1_ext_i2d(certificate.get(), NID_subject_alt_name, names.get(), 0, 0), 1);
    EXPECT_THAT(names_of(*certificate), ElementsAre("fine.test", "*.wild.test"));
}

TEST_F(TlsContextTest, ErrorsNameFileAndReason) {
    TlsServerOptions options = server_options({leaf({"DNS:a.test"}), leaf({"DNS:b.test"})});
    CertificateOptions& second = options.certificates[1];
    const CertificateOptions good = second;

    second.certificate_file = folder_.path("missing.pem");
    EXPECT_EQ(error_of(options),
              folder_.path("missing.pem") + ": cannot be read: No such file or directory");

    second.certificate_file = folder_.write("empty.pem", "");
    EXPECT_THAT(error_of(options), HasSubstr("empty.pem: holds no certificate in PEM form"));

    second.certificate_file = folder_.write(
        "broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    EXPECT_THAT(error_of(options),
                HasSubstr("broken.pem: certificate number 1 cannot be decoded: "));

    second = good;
    second.private_key_file = options.certificates[0].private_key_file;
    EXPECT_EQ(error_of(options), second.private_key_file +
                                     ": the private key does not belong to the certificate in " +
                                     second.certificate_file);

    second.private_key_file = good.certificate_file;
    EXPECT_THAT(error_of(options), HasSubstr(".pem: holds no private key in PEM form"));

    second.private_key_file = folder_.path("");
    EXPECT_THAT(error_of(options), HasSubstr(": cannot be read: Is a directory"));

    second.private_key_file =
        folder_.write("locked.key",
                      "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"
                      "DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n"
                      "AAAAAAAAAAAAAAAAAAAAAA==\n-----END EC PRIVATE KEY-----\n");
    EXPECT_THAT(error_of(options), HasSubstr("locked.key: the private key is encrypted"));

    second = good;
    second.certificate_file = folder_.write("huge.pem", std::string(1024 * 1024 + 1, 'x'));
    EXPECT_THAT(error_of(options), HasSubstr("huge.pem: is larger than 1 MiB"));

    second = good;
    options.client_ca_file = folder_.path("no-ca.pem");
    EXPECT_THAT(error_of(options), HasSubstr("no-ca.pem: cannot be read"));
}

TEST_F(TlsContextTest, NoErrorTextHoldsKeyBytes) {
    // A key given as the certificate, and half of a key: the texts name files, never contents.
    TlsServerOptions options = server_options({leaf({"DNS:a.test"})});
    const std::string key = authority_.issue(leaf({"DNS:b.test"})).key;
    options.certificates[0].private_key_file =
        folder_.write("half.key", key.substr(0, key.size() / 2));
    const std::string error = error_of(options);
    EXPECT_THAT(error, HasSubstr("half.key"));
    for (size_t at = 30; at + 16 < key.size() / 2; at += 16) {
        EXPECT_EQ(error.find(key.substr(at, 16)), std::string::npos);
    }
}

TEST_F(TlsContextTest, WarningsSpeakOfWhatWorksStill) {
    EXPECT_THAT(warnings_of(server_options({leaf({"DNS:a.test"})})), IsEmpty());

    TlsLeaf expired = leaf({"DNS:a.test"});
    expired.begin_s = kClockSeconds - 10 * kDaySeconds;
    expired.end_s = kClockSeconds - 5 * kDaySeconds;
    EXPECT_THAT(warnings_of(server_options({expired})),
                ElementsAre(HasSubstr(": the certificate expired on 2026-09-16")));

    TlsLeaf early = leaf({"DNS:a.test"});
    early.begin_s = kClockSeconds + kDaySeconds;
    EXPECT_THAT(warnings_of(server_options({early})),
                ElementsAre(HasSubstr(": the certificate is not valid before 2026-09-22")));

    TlsLeaf soon = leaf({"DNS:a.test"});
    soon.end_s = kClockSeconds + 13 * kDaySeconds;
    EXPECT_THAT(warnings_of(server_options({soon})),
                ElementsAre(HasSubstr(": the certificate expires on 2026-10-04")));

    EXPECT_THAT(warnings_of(server_options({leaf({"DNS:a.test"}), leaf({"IP:127.0.0.1"})})),
                ElementsAre(HasSubstr("server5.pem: names no host")));
}

TEST_F(TlsContextTest, AMixedUpChainIsMentioned) {
    TlsIdentity identity = authority_.issue(leaf({"DNS:a.test"}));
    identity.certificates += authority_.issue(leaf({"DNS:b.test"})).certificates;
    TlsServerOptions options;
    options.certificates = {write_identity(folder_, "mixed", identity)};
    EXPECT_THAT(warnings_of(options),
                ElementsAre(HasSubstr("certificate number 2 did not issue the one before it")));
}

TEST_F(TlsContextTest, ClientErrorsNameTheFile) {
    TlsClientOptions options;
    options.ca_file = folder_.path("none.pem");
    TlsContextResult made = TlsContext::make_client(options, stores_, clock_ns());
    EXPECT_FALSE(made.ok());
    EXPECT_THAT(made.error, HasSubstr("none.pem: cannot be read"));

    options = client_options();
    options.certificate_file = folder_.path("client.pem");
    options.private_key_file = folder_.path("client.key");
    made = TlsContext::make_client(options, stores_, clock_ns());
    EXPECT_FALSE(made.ok());
    EXPECT_THAT(made.error, HasSubstr("client.pem: cannot be read"));
}

TEST_F(TlsContextTest, BundlesAreReadOnce) {
    const auto first = stores_.load(ca_file_);
    const auto second = stores_.load(ca_file_);
    ASSERT_NE(first.store, nullptr);
    EXPECT_EQ(first.store, second.store);
}

TEST_F(TlsContextTest, TheSystemsBundleIsNamedByTheEnvironment) {
    // NOLINTBEGIN(concurrency-mt-unsafe): a test has one thread.
    ASSERT_EQ(setenv("SSL_CERT_FILE", ca_file_.c_str(), 1), 0);
    const TlsContextResult made = TlsContext::make_client({}, stores_, clock_ns());
    ASSERT_EQ(unsetenv("SSL_CERT_FILE"), 0);
    // NOLINTEND(concurrency-mt-unsafe)
    ASSERT_TRUE(made.ok()) << made.error;
    auto ends = pair(server_for("DNS:api.test"), made.context, {"api.test"});
    EXPECT_TRUE(ends->shake());
}

TEST_F(TlsContextTest, AConnectionKeepsTheContextItBeganWith) {
    TlsContext server_context = server_for("DNS:api.test");
    TlsContext client_context = client();
    auto ends = pair(server_context, client_context, {"api.test"});
    server_context = server_for("DNS:other.test");
    client_context = {};
    ASSERT_TRUE(ends->shake());
    EXPECT_EQ(ends->pass(ends->client(), ends->server(), "hello"), "hello");
}

TEST_F(TlsContextTest, CopiesAreTheSameContext) {
    const TlsContext one = server_for("DNS:api.test");
    const TlsContext copy = one;  // NOLINT(performance-unnecessary-copy-initialization): tested.
    EXPECT_TRUE(copy == one);
    EXPECT_TRUE(copy.is_server());
    EXPECT_FALSE(client().is_server());
    EXPECT_FALSE(static_cast<bool>(TlsContext()));
}

}  // namespace
}  // namespace sluice::net
