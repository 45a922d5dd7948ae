// ChunkedDecoder: data ranges, the dead bytes around them, limits; and chunk headers out. Malformed
// bodies are in smuggling_test.cc.
#include "http/chunked.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/result.h"
#include "http/limits.h"
#include "support/splits.h"

namespace sluice::http {
namespace {

constexpr MessageLimits kLimits;

std::string chunk(std::string_view data, std::string_view extension = {}) {
    char header[kChunkHeaderBytesMax];
    std::string text(header, write_chunk_header(data.size(), header));
    text.insert(text.size() - 2, extension);
    return text.append(data).append("\r\n");
}

// Everything a body came to.
struct Decoded {
    std::string data;
    std::string rest;
    bool at_end = false;
    std::string error;
    uint64_t overhead_bytes = 0;

    bool operator==(const Decoded&) const = default;
};

Decoded decode(const test::Pieces& pieces, const MessageLimits& limits = kLimits) {
    ChunkedDecoder decoder(limits, ErrorSource::upstream);
    Decoded result;
    for (size_t i = 0; i < pieces.size(); ++i) {
        std::string_view input = pieces[i];
        while (!input.empty() && !decoder.at_end()) {
            const Result<ChunkedPiece> piece = decoder.next(input);
            if (!piece) {
                EXPECT_EQ(piece.error().kind, ErrorKind::malformed);
                EXPECT_EQ(piece.error().source, ErrorSource::upstream);
                result.error = piece.error().where;
                return result;
            }
            EXPECT_EQ(piece->headroom() + piece->data_length + piece->tailroom(), piece->consumed);
            EXPECT_LE(piece->consumed, input.size());
            EXPECT_LE(piece->tailroom(), 2U);
            result.data.append(input.substr(piece->data_offset, piece->data_length));
            input.remove_prefix(piece->consumed);
        }
        result.rest.append(input);
    }
    result.at_end = decoder.at_end();
    result.overhead_bytes = decoder.overhead_bytes();
    EXPECT_EQ(decoder.body_bytes(), result.data.size());
    return result;
}

Decoded decode_every_way(std::string_view bytes, const MessageLimits& limits = kLimits) {
    const Decoded expected = decode(test::whole(bytes), limits);
    test::for_each_split(bytes, [&](const test::Pieces& pieces) {
        const Decoded split = decode(pieces, limits);
        EXPECT_EQ(split.data, expected.data) << pieces.describe();
        EXPECT_EQ(split.rest, expected.rest) << pieces.describe();
        EXPECT_EQ(split.at_end, expected.at_end) << pieces.describe();
        EXPECT_EQ(split.error, expected.error) << pieces.describe();
        if (expected.error.empty()) {
            EXPECT_EQ(split.overhead_bytes, expected.overhead_bytes) << pieces.describe();
        }
    });
    return expected;
}

TEST(ChunkedDecoder, YieldsTheBody) {
    const std::string body = chunk("hello") + chunk(" ") + chunk(std::string(300, 'x')) +
                             std::string(kLastChunk) + "next request";
    const Decoded decoded = decode_every_way(body);
    EXPECT_EQ(decoded.data, "hello " + std::string(300, 'x'));
    EXPECT_EQ(decoded.rest, "next request");
    EXPECT_TRUE(decoded.at_end);
    EXPECT_EQ(decoded.overhead_bytes, 5U + 5U + 7U + 5U);
}

TEST(ChunkedDecoder, DropsExtensionsAndTrailers) {
    const Decoded decoded = decode_every_way(chunk("ab", ";x=\"\\\"y\";z") +
                                             "0;end\r\nTrailer-A: b\r\nC:\t\xFF\r\n\r\nrest");
    EXPECT_EQ(decoded.data, "ab");
    EXPECT_EQ(decoded.rest, "rest");
    EXPECT_TRUE(decoded.at_end);
}

TEST(ChunkedDecoder, TellsTheDeadBytesAroundTheData) {
    ChunkedDecoder decoder(kLimits, ErrorSource::client);
    const std::string input = "5\r\nhello\r\n3;x\r\nabc\r\n0\r\n\r\nZ";
    ChunkedPiece piece = decoder.next(input).value();
    EXPECT_EQ(piece.headroom(), 3U);
    EXPECT_EQ(input.substr(piece.data_offset, piece.data_length), "hello");
    EXPECT_EQ(piece.tailroom(), 2U);
    std::string_view rest = std::string_view(input).substr(piece.consumed);
    piece = decoder.next(rest).value();
    EXPECT_EQ(piece.headroom(), 5U);
    EXPECT_EQ(rest.substr(piece.data_offset, piece.data_length), "abc");
    EXPECT_EQ(piece.tailroom(), 2U);
    rest.remove_prefix(piece.consumed);
    piece = decoder.next(rest).value();
    EXPECT_EQ(piece.data_length, 0U);
    EXPECT_EQ(piece.consumed, kLastChunk.size());
    EXPECT_TRUE(decoder.at_end());
    EXPECT_EQ(decoder.next("more")->consumed, 0U);
}

TEST(ChunkedDecoder, TellsTheDeadBytesOfSplitFraming) {
    ChunkedDecoder decoder(kLimits, ErrorSource::client);
    ChunkedPiece piece = decoder.next("a\r\n01234").value();
    EXPECT_EQ(piece.headroom(), 3U);
    EXPECT_EQ(piece.data_length, 5U);
    EXPECT_EQ(piece.tailroom(), 0U);
    EXPECT_TRUE(decoder.in_data());
    EXPECT_EQ(decoder.chunk_rest(), 5U);
    piece = decoder.next("56789\r").value();
    EXPECT_EQ(piece.headroom(), 0U);
    EXPECT_EQ(piece.data_length, 5U);
    EXPECT_EQ(piece.tailroom(), 1U);
    EXPECT_FALSE(decoder.in_data());
    EXPECT_EQ(decoder.chunk_rest(), 0U);
    piece = decoder.next("\n2\r\nxy").value();
    EXPECT_EQ(piece.headroom(), 4U);
    EXPECT_EQ(piece.data_length, 2U);
    EXPECT_EQ(piece.tailroom(), 0U);
}

TEST(ChunkedDecoder, GivesOutDataThatCameBeforeAnError) {
    ChunkedDecoder decoder(kLimits, ErrorSource::client);
    const ChunkedPiece piece = decoder.next("5\r\nhelloX").value();
    EXPECT_EQ(piece.data_length, 5U);
    EXPECT_EQ(piece.consumed, 8U);
    EXPECT_FALSE(decoder.next("X").has_value());
}

TEST(ChunkedDecoder, LargeChunksPassInPieces) {
    constexpr uint64_t kChunkBytes = 0x123456789abcdULL;  // Far more than ever comes.
    ChunkedDecoder decoder(kLimits, ErrorSource::upstream);
    char header[kChunkHeaderBytesMax];
    const size_t length = write_chunk_header(kChunkBytes, header);
    EXPECT_EQ(decoder.next({header, length})->data_length, 0U);
    EXPECT_EQ(decoder.chunk_rest(), kChunkBytes);
    const std::string block(10000, 'x');
    EXPECT_EQ(decoder.next(block)->data_length, block.size());
    EXPECT_EQ(decoder.chunk_rest(), kChunkBytes - block.size());
}

TEST(ChunkedDecoder, ExtensionsAreLimitedInAll) {
    const MessageLimits limits{.chunk_extension_bytes_max = 20};
    const auto body = [](size_t each) {
        const std::string extension = ";" + std::string(each - 1, 'e');
        return chunk("a", extension) + chunk("b", extension) + std::string(kLastChunk);
    };
    EXPECT_EQ(decode_every_way(body(10), limits).data, "ab");
    EXPECT_EQ(decode_every_way(body(11), limits).error, "chunk extensions too long");
}

TEST(ChunkedDecoder, TrailersAreLimited) {
    const MessageLimits limits{.trailer_bytes_max = 20};
    const auto body = [](size_t value_bytes) {
        return "0\r\nAbc: " + std::string(value_bytes, 'v') + "\r\nD: e\r\n\r\n";
    };
    // "Abc: " + 5 + CRLF + "D: e" + CRLF + CRLF are 20 bytes.
    EXPECT_TRUE(decode_every_way(body(5), limits).at_end);
    EXPECT_EQ(decode_every_way(body(6), limits).error, "trailer section too long");
}

TEST(ChunkedDecoder, TheSmallestChunksAreCutOffAt100KB) {
    std::string body;
    while (body.size() < 10 * kChunkOverheadBytesMax) {
        body += "1\r\nx\r\n";  // Five bytes of framing for each of the body.
    }
    ChunkedDecoder decoder(kLimits, ErrorSource::client);
    std::string_view rest = body;
    Result<ChunkedPiece> piece = decoder.next(rest);
    while (piece && !rest.empty()) {
        rest.remove_prefix(piece->consumed);
        piece = decoder.next(rest);
    }
    ASSERT_FALSE(piece.has_value());
    EXPECT_STREQ(piece.error().where, "chunk framing outweighs the body");
    EXPECT_EQ(decoder.body_bytes(), kChunkOverheadBytesMax / 5);
}

TEST(ChunkedDecoder, EventsOfUsualSizePassForever) {
    const std::string event = chunk("data: x\n\n");
    ChunkedDecoder decoder(kLimits, ErrorSource::upstream);
    for (uint64_t i = 0; i < 10 * kChunkOverheadBytesMax / event.size(); ++i) {
        ASSERT_TRUE(decoder.next(event).has_value()) << i;
    }
    EXPECT_GT(decoder.overhead_bytes(), kChunkOverheadBytesMax);
}

// The limit falls at the same byte however the input is cut.
TEST(ChunkedDecoder, TheOverheadLimitDoesNotDependOnSplits) {
    std::string body;
    const std::string small = "000000000000001\r\nx\r\n";
    while (body.size() < kChunkOverheadBytesMax + 10000) {
        body += small;
    }
    const Decoded expected = decode(test::whole(body));
    ASSERT_FALSE(expected.error.empty());
    Prng prng(5);
    for (int i = 0; i < 20; ++i) {
        const test::Pieces pieces = test::random_pieces(body, 200, prng);
        EXPECT_EQ(decode(pieces), expected) << pieces.describe();
    }
    EXPECT_EQ(decode(test::byte_by_byte(body)), expected);
}

TEST(ChunkHeader, SizesAndLengths) {
    for (const uint64_t size :
         {uint64_t{1}, uint64_t{9}, uint64_t{10}, uint64_t{15}, uint64_t{16}, uint64_t{255},
          uint64_t{256}, uint64_t{0xffff}, uint64_t{0x10000}, ~uint64_t{0}}) {
        char text[kChunkHeaderBytesMax];
        const size_t length = write_chunk_header(size, text);
        EXPECT_LE(length, sizeof(text));
        EXPECT_EQ(chunk_header_bytes(size), length) << size;
        EXPECT_EQ(std::string(text + length - 2, 2), "\r\n");
        EXPECT_EQ(std::stoull(std::string(text, length - 2), nullptr, 16), size);
    }
    char text[kChunkHeaderBytesMax];
    EXPECT_EQ(std::string(text, write_chunk_header(0x1f, text)), "1f\r\n");
}

}  // namespace
}  // namespace sluice::http
