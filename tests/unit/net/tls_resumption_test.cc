// Sessions: who may resume what, where and for how long.
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include <openssl/ssl.h>

#include "base/error.h"
#include "base/time.h"
#include "gtest/gtest.h"
#include "net/options.h"
#include "net/tls_context.h"
#include "net/tls_engine.h"
#include "net/tls_session_cache.h"
#include "net/tls_ticket_keys.h"
#include "support/tls_authority.h"
#include "support/tls_pair.h"
#include "unit/net/tls_fixture.h"

namespace sluice::net {
namespace {

class TlsResumptionTest : public TlsTest {
protected:
    // One connection with a message from the server, which is what carries tickets. Whether it was
    // resumed, by both ends' account.
    bool connect(const TlsContext& server_context,
                 const TlsContext& client_context,
                 const std::string& name,
                 const TlsTime& when = time()) {
        auto ends = pair(server_context, client_context, {name, &sessions_}, when);
        EXPECT_TRUE(ends->shake()) << ends->client().error().where << ends->server().error().where;
        if (!ends->client().is_established()) {
            return false;
        }
        EXPECT_EQ(ends->pass(ends->server(), ends->client(), "hello"), "hello");
        EXPECT_EQ(ends->client().is_resumed(), ends->server().is_resumed());
        return ends->client().is_resumed();
    }

    TlsSessionCache sessions_;
};

TEST_F(TlsResumptionTest, TheSecondConnectionIsResumed) {
    const TlsContext server_context = server_for("DNS:api.test");
    const TlsContext client_context = client();
    EXPECT_FALSE(connect(server_context, client_context, "api.test"));
    EXPECT_GT(sessions_.size(), 0U);
    for (int i = 0; i < 20; ++i) {
        EXPECT_TRUE(connect(server_context, client_context, "api.test")) << i;
    }
    EXPECT_LE(sessions_.size(), 8U);
}

TEST_F(TlsResumptionTest, AlsoWithTlsOneTwo) {
    const TlsContext server_context = server_for("DNS:api.test");
    const TlsContext client_context = client();
    SSL_CTX_set_max_proto_version(client_context.native(), TLS1_2_VERSION);
    EXPECT_FALSE(connect(server_context, client_context, "api.test"));
    EXPECT_TRUE(connect(server_context, client_context, "api.test"));
}

TEST_F(TlsResumptionTest, TicketsLeaveWithTheFirstWrite) {
    auto ends = pair(server_for("DNS:api.test"), client(), {"api.test", &sessions_});
    ASSERT_TRUE(ends->shake());
    EXPECT_EQ(sessions_.size(), 0U);
    EXPECT_EQ(ends->pass(ends->server(), ends->client(), "hello"), "hello");
    EXPECT_EQ(sessions_.size(), 2U);
}

TEST_F(TlsResumptionTest, ContextsThatShareKeysShareSessions) {
    // As after a reload, or if every shard had a context of its own.
    const TlsServerOptions options = server_options({leaf({"DNS:api.test"})});
    const TlsContext one = server(options);
    const TlsContext other = server(options);
    const TlsContext client_context = client();
    ASSERT_FALSE(one == other);
    EXPECT_FALSE(connect(one, client_context, "api.test"));
    EXPECT_TRUE(connect(other, client_context, "api.test"));
    EXPECT_TRUE(connect(one, client_context, "api.test"));
}

TEST_F(TlsResumptionTest, OtherKeysMeanAFullHandshake) {
    const TlsServerOptions options = server_options({leaf({"DNS:api.test"})});
    const TlsContext one = server(options);
    ticket_keys_ = std::make_shared<TlsTicketKeys>();
    const TlsContext other = server(options);
    const TlsContext client_context = client();
    EXPECT_FALSE(connect(one, client_context, "api.test"));
    EXPECT_FALSE(connect(other, client_context, "api.test"));
}

TEST_F(TlsResumptionTest, AnotherCertificateMeansAFullHandshake) {
    const TlsContext one = server_for("DNS:api.test");
    const TlsContext other = server_for("DNS:api.test");
    const TlsContext client_context = client();
    EXPECT_FALSE(connect(one, client_context, "api.test"));
    EXPECT_FALSE(connect(other, client_context, "api.test"));
}

// A client that offers a session under another name: the cache would not, so this is done by hand.
TEST_F(TlsResumptionTest, ASessionIsNotGoodForAnotherServerName) {
    const TlsContext both = server(server_options({leaf({"DNS:a.test"}), leaf({"DNS:b.test"})}));
    const TlsContext client_context = client();
    EXPECT_FALSE(connect(both, client_context, "a.test"));
    EXPECT_TRUE(connect(both, client_context, "a.test"));
    SSL_SESSION* of_a = sessions_.take(client_context, "a.test");
    ASSERT_NE(of_a, nullptr);
    sessions_.put(client_context, "b.test", of_a);
    // The client offers it, verifies the certificate again, and finds that it is for a.test.
    auto ends = pair(both, client_context, {"b.test", &sessions_});
    EXPECT_TRUE(ends->shake());
    EXPECT_FALSE(ends->server().is_resumed());
    EXPECT_FALSE(ends->client().is_resumed());
}

TEST_F(TlsResumptionTest, TheCacheKeepsNamesAndContextsApart) {
    const TlsContext server_context = server_for("DNS:api.test");
    const TlsContext client_context = client();
    EXPECT_FALSE(connect(server_context, client_context, "api.test"));
    EXPECT_EQ(sessions_.take(client_context, "other.test"), nullptr);
    EXPECT_EQ(sessions_.take(client(), "api.test"), nullptr);
    // A reload of the upstream's options: a new context, and its first session ends the old ones.
    EXPECT_FALSE(connect(server_context, client(), "api.test"));
    EXPECT_EQ(sessions_.take(client_context, "api.test"), nullptr);
}

TEST_F(TlsResumptionTest, AnExpiredCertificateIsNotResumed) {
    // Promise 27: a session must not carry a request to a provider whose certificate has expired.
    TlsLeaf soon = leaf({"DNS:api.test"});
    soon.end_s = kClockSeconds + 3600;
    const TlsContext server_context = server(server_options({soon}));
    const TlsContext client_context = client();
    EXPECT_FALSE(connect(server_context, client_context, "api.test"));
    EXPECT_TRUE(connect(server_context, client_context, "api.test"));
    auto ends = pair(server_context, client_context, {"api.test", &sessions_},
                     time_after(Duration::seconds(3601)));
    EXPECT_FALSE(ends->shake());
    EXPECT_EQ(ends->client().error().kind, ErrorKind::tls_verify);
    EXPECT_STREQ(ends->client().error().where,
                 "the peer's certificate, or one of its chain, has expired");
}

TEST_F(TlsResumptionTest, KeysRotateWithoutAFailedHandshake) {
    const TlsContext server_context = server_for("DNS:api.test");
    const TlsContext client_context = client();
    constexpr Duration kStep = Duration::seconds(3600);
    uint32_t resumed = 0;
    // Two days of hourly connections: every one is resumed, through all rotations.
    for (int hour = 0; hour < 48; ++hour) {
        resumed += connect(server_context, client_context, "api.test", time_after(kStep * hour));
    }
    EXPECT_EQ(resumed, 47U);
    EXPECT_EQ(ticket_keys_->rotations(), 3U);
}

TEST_F(TlsResumptionTest, OldTicketsAreForgotten) {
    const TlsContext server_context = server_for("DNS:api.test");
    const TlsContext client_context = client();
    EXPECT_FALSE(connect(server_context, client_context, "api.test"));
    // Somebody keeps the server busy meanwhile, so that it rotates twice.
    TlsSessionCache others;
    for (int i = 1; i <= 2; ++i) {
        const Duration later = TlsTicketKeys::kRotationInterval * i;
        auto ends = pair(server_context, client(), {"api.test", &others}, time_after(later));
        EXPECT_TRUE(ends->shake());
        ends->pass(ends->server(), ends->client(), "hello");
    }
    EXPECT_FALSE(connect(server_context, client_context, "api.test",
                         time_after(TlsTicketKeys::kRotationInterval * 2)));
}

TEST(TlsTicketKeysTest, AKeyOpensForOneIntervalAfterItSealed) {
    TlsTicketKeys keys;
    const Instant start = Instant::from_ns(1);
    constexpr Duration kInterval = TlsTicketKeys::kRotationInterval;
    const TlsTicketKeys::Key first = keys.current(start);
    const Instant before = start + kInterval - Duration::nanoseconds(1);
    EXPECT_EQ(keys.current(before).name, first.name);
    const TlsTicketKeys::Key second = keys.current(start + kInterval);
    EXPECT_NE(second.name, first.name);
    EXPECT_NE(second.secret, first.secret);
    ASSERT_TRUE(keys.find(first.name, start + kInterval).has_value());
    EXPECT_EQ(keys.find(first.name, start + kInterval)->secret, first.secret);
    EXPECT_FALSE(keys.find(first.name, start + kInterval * 2).has_value());
    EXPECT_TRUE(keys.find(second.name, start + kInterval * 2).has_value());
    // After a long silence neither is good.
    EXPECT_FALSE(keys.find(second.name, start + kInterval * 10).has_value());
    EXPECT_EQ(keys.rotations(), 3U);
}

TEST_F(TlsResumptionTest, ForgedTicketsGetAFullHandshake) {
    const TlsContext server_context = server_for("DNS:api.test");
    const TlsContext client_context = client();
    EXPECT_FALSE(connect(server_context, client_context, "api.test"));
    SSL_SESSION* session = sessions_.take(client_context, "api.test");
    ASSERT_NE(session, nullptr);
    uint8_t* encoded = nullptr;
    size_t length = 0;
    ASSERT_EQ(SSL_SESSION_to_bytes(session, &encoded, &length), 1);
    const uint8_t* ticket = nullptr;
    size_t ticket_length = 0;
    SSL_SESSION_get0_ticket(session, &ticket, &ticket_length);
    const std::string bytes(reinterpret_cast<const char*>(encoded), length);
    const size_t at = bytes.find(std::string(reinterpret_cast<const char*>(ticket), ticket_length));
    ASSERT_NE(at, std::string::npos);
    // The name of the key, the nonce, the sealed part and the tag, one bit each.
    for (const size_t offset : {size_t{0}, size_t{20}, ticket_length / 2, ticket_length - 1}) {
        std::string changed = bytes;
        changed[at + offset] = static_cast<char>(changed[at + offset] ^ 1);
        SSL_SESSION* forged =
            SSL_SESSION_from_bytes(reinterpret_cast<const uint8_t*>(changed.data()), changed.size(),
                                   client_context.native());
        ASSERT_NE(forged, nullptr);
        sessions_.put(client_context, "api.test", forged);
        EXPECT_FALSE(connect(server_context, client_context, "api.test")) << offset;
        sessions_.clear();
    }
    OPENSSL_free(encoded);
    SSL_SESSION_free(session);
}

}  // namespace
}  // namespace sluice::net
