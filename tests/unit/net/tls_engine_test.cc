// The engine alone: handshakes, records, their cuts and their ends.
#include "net/tls_engine.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <openssl/ssl.h>

#include "base/error.h"
#include "base/prng.h"
#include "base/slice.h"
#include "base/slice_queue.h"
#include "gtest/gtest.h"
#include "net/options.h"
#include "net/tls_context.h"
#include "support/tls_pair.h"
#include "unit/net/tls_fixture.h"

namespace sluice::net {
namespace {

using Step = TlsEngine::Step;

// A record of TLS 1.3 with AES-GCM: header, content type and tag around the text.
constexpr size_t kRecordOverheadBytes = 5 + 1 + 16;
constexpr size_t kRecordBytesMax = 16384;

class TlsEngineTest : public TlsTest {
protected:
    std::unique_ptr<TlsPair> connected(const std::string& name = "api.test") {
        auto made = pair(server_for("DNS:" + name), client(), {name});
        EXPECT_TRUE(made->shake()) << made->client().error().where;
        return made;
    }
};

std::string pattern(size_t size_bytes) {
    std::string text(size_bytes, '\0');
    for (size_t i = 0; i < size_bytes; ++i) {
        text[i] = static_cast<char>('a' + i * 31 % 26);
    }
    return text;
}

TEST_F(TlsEngineTest, HandshakeAndBothWays) {
    auto ends = connected();
    EXPECT_EQ(ends->client().version(), "TLSv1.3");
    EXPECT_EQ(ends->server().version(), "TLSv1.3");
    EXPECT_EQ(ends->client().application_protocol(), "http/1.1");
    EXPECT_EQ(ends->server().application_protocol(), "http/1.1");
    EXPECT_TRUE(ends->client().cipher().starts_with("TLS_")) << ends->client().cipher();
    EXPECT_FALSE(ends->client().is_resumed());
    EXPECT_EQ(ends->pass(ends->client(), ends->server(), "to the server"), "to the server");
    EXPECT_EQ(ends->pass(ends->server(), ends->client(), "to the client"), "to the client");
}

TEST_F(TlsEngineTest, TlsOneTwoIsSpokenWithForwardSecrecy) {
    const TlsContext client_context = client();
    SSL_CTX_set_max_proto_version(client_context.native(), TLS1_2_VERSION);
    auto ends = pair(server_for("DNS:api.test"), client_context, {"api.test"});
    ASSERT_TRUE(ends->shake());
    EXPECT_EQ(ends->server().version(), "TLSv1.2");
    EXPECT_TRUE(ends->server().cipher().starts_with("TLS_ECDHE_")) << ends->server().cipher();
    EXPECT_EQ(ends->pass(ends->client(), ends->server(), "hello"), "hello");
    EXPECT_EQ(ends->pass(ends->server(), ends->client(), "hello"), "hello");
}

TEST_F(TlsEngineTest, TlsOneOneIsRefused) {
    const TlsContext client_context = client();
    SSL_CTX_set_min_proto_version(client_context.native(), TLS1_VERSION);
    SSL_CTX_set_max_proto_version(client_context.native(), TLS1_1_VERSION);
    ASSERT_EQ(SSL_CTX_set_cipher_list(client_context.native(), "ALL"), 1);
    auto ends = pair(server_for("DNS:api.test"), client_context, {"api.test"});
    EXPECT_FALSE(ends->shake());
    EXPECT_EQ(ends->server().error().kind, ErrorKind::tls_handshake);
    EXPECT_STREQ(ends->server().error().where, "no common TLS version");
    EXPECT_STREQ(ends->client().error().where, "the peer refused our TLS versions");
}

TEST_F(TlsEngineTest, TheLowestVersionIsTheOptions) {
    TlsServerOptions options = server_options({leaf({"DNS:api.test"})});
    options.version_min = TlsVersion::tls_1_3;
    const TlsContext client_context = client();
    SSL_CTX_set_max_proto_version(client_context.native(), TLS1_2_VERSION);
    auto ends = pair(server(options), client_context, {"api.test"});
    EXPECT_FALSE(ends->shake());
    EXPECT_STREQ(ends->server().error().where, "no common TLS version");
}

TEST_F(TlsEngineTest, NoCommonCipherIsNamed) {
    const TlsContext server_context = server_for("DNS:api.test");
    const TlsContext client_context = client();
    SSL_CTX_set_max_proto_version(server_context.native(), TLS1_2_VERSION);
    // Key exchange without forward secrecy.
    ASSERT_EQ(SSL_CTX_set_cipher_list(client_context.native(), "kRSA"), 1);
    auto ends = pair(server_context, client_context, {"api.test"});
    EXPECT_FALSE(ends->shake());
    EXPECT_STREQ(ends->server().error().where, "no common cipher, group or signature");
    EXPECT_EQ(ends->client().error().kind, ErrorKind::tls_handshake);
}

TEST_F(TlsEngineTest, EverySplitOfTheHandshakeWorks) {
    const TlsContext server_context = server_for("DNS:api.test");
    const TlsContext client_context = client();
    for (const size_t piece_bytes : {1U, 2U, 3U, 4U, 5U, 6U, 7U, 16U, 100U, 1000U}) {
        auto ends = pair(server_context, client_context, {"api.test"});
        ASSERT_TRUE(ends->shake(piece_bytes)) << piece_bytes;
    }
}

TEST_F(TlsEngineTest, EverySplitOfTwoRecordsGivesTheSameText) {
    auto ends = connected();
    const std::string text = "event: one\n\n";
    for (size_t cut = 1; cut < 2 * (text.size() + kRecordOverheadBytes); ++cut) {
        TlsPair::write(ends->client(), text);
        TlsPair::write(ends->client(), text);
        const std::string wire = ends->client().output().to_string();
        ends->client().output().clear();
        ASSERT_EQ(wire.size(), 2 * (text.size() + kRecordOverheadBytes));
        std::string seen;
        ends->server().input().push_back(Slice::copy_of(wire.substr(0, cut)));
        seen += ends->read(ends->server());
        EXPECT_EQ(ends->last_step(), Step::wants_input);
        EXPECT_EQ(ends->server().has_partial_record(),
                  cut % (text.size() + kRecordOverheadBytes) != 0);
        ends->server().input().push_back(Slice::copy_of(wire.substr(cut)));
        seen += ends->read(ends->server());
        ASSERT_EQ(seen, text + text) << cut;
    }
}

TEST_F(TlsEngineTest, TenMegabytesBothWaysInRandomPieces) {
    auto ends = connected();
    constexpr size_t kTotalBytes = size_t{10} * 1024 * 1024;
    const std::string text = pattern(kTotalBytes);
    Prng prng(7);
    for (const bool to_server : {true, false}) {
        TlsEngine& from = to_server ? ends->client() : ends->server();
        TlsEngine& to = to_server ? ends->server() : ends->client();
        size_t written = 0;
        std::string seen;
        seen.reserve(kTotalBytes);
        while (written < kTotalBytes) {
            const size_t chunk = std::min<size_t>(1 + prng.below(200'000), kTotalBytes - written);
            TlsPair::write(from, std::string_view(text).substr(written, chunk));
            written += chunk;
            ends->carry_in_pieces(from, to, 1 + prng.below(40'000),
                                  [&] { seen += ends->read(to); });
        }
        ASSERT_TRUE(seen == text) << "to the server: " << to_server;
    }
}

TEST_F(TlsEngineTest, SlicesOfOneTurnBecomeOneRecord) {
    auto ends = connected();
    SliceQueue plain;
    for (int i = 0; i < 50; ++i) {
        plain.push_back(Slice::copy_of("data: {\"n\": 1}\n\n"));
    }
    const size_t size_bytes = plain.size_bytes();
    ends->client().write(plain);
    EXPECT_TRUE(plain.empty());
    EXPECT_EQ(ends->client().output().size_bytes(), size_bytes + kRecordOverheadBytes);
}

TEST_F(TlsEngineTest, LargeSlicesFillWholeRecords) {
    auto ends = connected();
    SliceQueue plain;
    plain.push_back(Slice::copy_of("head"));
    plain.push_back(Slice::copy_of(pattern(100'000)));
    plain.push_back(Slice::copy_of("tail"));
    const std::string text = plain.to_string();
    ends->client().write(plain);
    const size_t records = (text.size() + kRecordBytesMax - 1) / kRecordBytesMax;
    EXPECT_EQ(ends->client().output().size_bytes(), text.size() + records * kRecordOverheadBytes);
    ends->carry(ends->client(), ends->server());
    EXPECT_EQ(ends->read(ends->server()), text);
}

TEST_F(TlsEngineTest, ReadingStopsAtTheMark) {
    auto ends = connected();
    TlsPair::write(ends->client(), pattern(100'000));
    ends->carry(ends->client(), ends->server());
    SliceQueue plain;
    EXPECT_EQ(ends->server().read(plain, 40'000), Step::done);
    EXPECT_GE(plain.size_bytes(), 40'000U);
    EXPECT_LT(plain.size_bytes(), 40'000U + kRecordBytesMax);
    EXPECT_FALSE(ends->server().input().empty());
    EXPECT_EQ(ends->server().read(plain, 1'000'000), Step::wants_input);
    EXPECT_EQ(plain.to_string(), pattern(100'000));
}

TEST_F(TlsEngineTest, SmallRecordsShareABlock) {
    auto ends = connected();
    SliceQueue plain;
    for (int i = 0; i < 10; ++i) {
        TlsPair::write(ends->client(), pattern(200));
        ends->carry(ends->client(), ends->server());
        EXPECT_EQ(ends->server().read(plain, 1'000'000), Step::wants_input);
    }
    // One block, and slices that touch, so one slice.
    EXPECT_EQ(plain.slice_count(), 1U);
    EXPECT_EQ(plain.front().block()->size_bytes, TlsBlocks::kSmallBytes);
}

TEST_F(TlsEngineTest, SteadyStateTakesNoNewBlocks) {
    auto ends = connected();
    const auto one_event = [&] {
        SliceQueue plain;
        TlsPair::write(ends->client(), pattern(200));
        ends->carry(ends->client(), ends->server());
        ends->server().read(plain, 1'000'000);
        plain.clear();
        ends->server().release_read_block();
    };
    one_event();
    const uint64_t allocated = ends->blocks().allocated_total();
    for (int i = 0; i < 1000; ++i) {
        one_event();
    }
    EXPECT_EQ(ends->blocks().allocated_total(), allocated);
    EXPECT_EQ(ends->blocks().in_use(), 0U);
}

TEST_F(TlsEngineTest, CloseNotifyEndsTheReading) {
    auto ends = connected();
    TlsPair::write(ends->client(), "last words");
    ends->client().write_close_notify();
    ends->carry(ends->client(), ends->server());
    EXPECT_EQ(ends->read(ends->server()), "last words");
    EXPECT_EQ(ends->last_step(), Step::ended);
    // The other direction is still open.
    EXPECT_EQ(ends->pass(ends->server(), ends->client(), "answer"), "answer");
}

TEST_F(TlsEngineTest, AChangedRecordFailsTheConnection) {
    auto ends = connected();
    TlsPair::write(ends->client(), "amount: 1");
    std::string wire = ends->client().output().to_string();
    wire.back() = static_cast<char>(wire.back() ^ 1);
    ends->server().input().push_back(Slice::copy_of(wire));
    EXPECT_EQ(ends->read(ends->server()), "");
    EXPECT_EQ(ends->last_step(), Step::failed);
    EXPECT_EQ(ends->server().error().kind, ErrorKind::reset);
    EXPECT_EQ(ends->server().error().source, ErrorSource::client);
    EXPECT_STREQ(ends->server().error().where, "a record could not be decrypted");
}

TEST_F(TlsEngineTest, PlainHttpToATlsPortIsNamed) {
    const TlsContext server_context = server_for("DNS:api.test");
    for (const std::string_view request :
         {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "POST /v1/chat/completions HTTP/1.1\r\n\r\n"}) {
        auto ends = pair(server_context, client(), {"api.test"});
        ends->server().input().push_back(Slice::copy_of(request));
        EXPECT_EQ(ends->server().handshake(), Step::failed);
        EXPECT_EQ(ends->server().error().kind, ErrorKind::tls_handshake);
        EXPECT_STREQ(ends->server().error().where, "a plain HTTP request came to a TLS port");
    }
}

TEST_F(TlsEngineTest, PlainAnswerToAClientIsNamed) {
    auto ends = pair(server_for("DNS:api.test"), client(), {"api.test"});
    ends->client().handshake();
    ends->client().input().push_back(Slice::copy_of("HTTP/1.1 400 Bad Request\r\n\r\n"));
    EXPECT_EQ(ends->client().handshake(), Step::failed);
    EXPECT_EQ(ends->client().error().kind, ErrorKind::tls_handshake);
    EXPECT_EQ(ends->client().error().source, ErrorSource::upstream);
    EXPECT_STREQ(ends->client().error().where,
                 "what came is not TLS (does the peer speak plain text?)");
}

TEST_F(TlsEngineTest, NoiseNeverCrashesAHandshake) {
    const TlsContext server_context = server_for("DNS:api.test");
    const TlsContext client_context = client();
    // A valid first flight with one byte changed: the server refuses or goes on, both in order.
    auto donor = pair(server_context, client_context, {"api.test"});
    donor->client().handshake();
    const std::string hello = donor->client().output().to_string();
    for (size_t at = 0; at < hello.size(); ++at) {
        auto ends = pair(server_context, client_context, {"api.test"});
        std::string changed = hello;
        changed[at] = static_cast<char>(changed[at] ^ 0x55);
        ends->server().input().push_back(Slice::copy_of(changed));
        const Step step = ends->server().handshake();
        ASSERT_TRUE(step == Step::failed || step == Step::wants_input) << at;
        if (step == Step::failed) {
            EXPECT_EQ(ends->server().error().kind, ErrorKind::tls_handshake) << at;
            EXPECT_STRNE(ends->server().error().where, "") << at;
        }
    }
}

TEST_F(TlsEngineTest, NoCommonProtocolIsRefused) {
    constexpr std::string_view kOther[] = {"h2"};
    const TlsContextResult made =
        TlsContext::make_client(client_options(), stores_, clock_ns(), kOther);
    ASSERT_TRUE(made.ok());
    auto ends = pair(server_for("DNS:api.test"), made.context, {"api.test"});
    EXPECT_FALSE(ends->shake());
    EXPECT_STREQ(ends->server().error().where, "the peer offers none of our protocols (ALPN)");
    EXPECT_STREQ(ends->client().error().where, "the peer speaks none of our protocols (ALPN)");
}

TEST_F(TlsEngineTest, NothingIsReadBeforeTheHandshakeIsDone) {
    // Plain text behind a valid ClientHello is not taken for a message (promise 28).
    auto ends = pair(server_for("DNS:api.test"), client(), {"api.test"});
    ends->client().handshake();
    ends->carry(ends->client(), ends->server());
    ends->server().input().push_back(Slice::copy_of("GET / HTTP/1.1\r\n\r\n"));
    EXPECT_EQ(ends->server().handshake(), Step::failed);
    EXPECT_FALSE(ends->server().is_established());
}

}  // namespace
}  // namespace sluice::net
