// AWS event streams: the frames of the public tests, right and wrong, whole recorded streams, and
// limits; all in every split.
#include "providers/aws_event_stream.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/result.h"
#include "crypto/crc32.h"
#include "json/tree.h"
#include "providers/bedrock_chunk.h"
#include "support/splits.h"
#include "unit/providers/vector_case.h"

namespace sluice::providers {
namespace {

using json::Value;
using test::VectorCase;

struct Seen {
    std::vector<std::pair<std::string, std::string>> messages;
    std::string failure;
    ErrorKind kind = ErrorKind::none;

    bool operator==(const Seen&) const = default;
};

Seen read(const sluice::test::Pieces& pieces) {
    AwsEventStream stream;
    Seen seen;
    const auto fail = [&seen](const Error& error) {
        seen.failure = error.where;
        seen.kind = error.kind;
        return seen;
    };
    for (size_t i = 0; i < pieces.size(); ++i) {
        std::string_view piece = pieces[i];
        while (true) {
            std::string_view name;
            std::string_view data;
            const Result<bool> found = stream.next(piece, name, data);
            if (!found) {
                return fail(found.error());
            }
            if (!*found) {
                EXPECT_TRUE(piece.empty());
                break;
            }
            seen.messages.emplace_back(name, data);
        }
    }
    if (const Status done = stream.finish(); !done) {
        return fail(done.error());
    }
    return seen;
}

Seen read_every_way(std::string_view bytes) {
    Seen expected = read(sluice::test::whole(bytes));
    sluice::test::for_each_split(bytes, [&](const sluice::test::Pieces& pieces) {
        EXPECT_EQ(read(pieces), expected) << pieces.describe();
    });
    return expected;
}

std::string big_endian(uint32_t value) {
    std::string bytes;
    for (int shift = 24; shift >= 0; shift -= 8) {
        bytes += static_cast<char>(value >> static_cast<unsigned>(shift) & 0xFFU);
    }
    return bytes;
}

std::string frame(const std::string& headers, const std::string& payload) {
    std::string bytes = big_endian(static_cast<uint32_t>(headers.size() + payload.size() + 16)) +
                        big_endian(static_cast<uint32_t>(headers.size()));
    bytes += big_endian(crypto::crc32(bytes)) + headers + payload;
    return bytes + big_endian(crypto::crc32(bytes));
}

std::string text_header(const std::string& name, const std::string& value) {
    return static_cast<char>(name.size()) + name + '\x07' +
           static_cast<char>(value.size() >> 8U & 0xFFU) + static_cast<char>(value.size() & 0xFFU) +
           value;
}

TEST(AwsEventStream, ReadsThePublicFrames) {
    const VectorCase vectors("eventstream/frames.json");
    for (const Value& test : vectors["positive"]) {
        SCOPED_TRACE(test["name"].text().raw);
        const Seen seen = read_every_way(test::from_hex(test["bytes_hex"].text().raw));
        EXPECT_EQ(seen.failure, "");
        ASSERT_EQ(seen.messages.size(), 1U);
        if (test["name"].text() == "error_event_message") {
            EXPECT_EQ(seen.messages[0].first, "error:code");
            EXPECT_EQ(seen.messages[0].second, "message");
        } else {
            EXPECT_EQ(seen.messages[0].first, "");
            EXPECT_EQ(seen.messages[0].second, vectors.text(test["payload_utf8"]));
        }
    }
}

TEST(AwsEventStream, RefusesThePublicWrongFrames) {
    const VectorCase vectors("eventstream/frames.json");
    for (const Value& test : vectors["negative"]) {
        SCOPED_TRACE(test["name"].text().raw);
        const Value& hex = test["bytes_hex"].is_present() ? test["bytes_hex"]  //
                                                          : test["bytes_prefix_hex"];
        const Seen seen = read_every_way(test::from_hex(hex.text().raw));
        EXPECT_EQ(seen.kind, ErrorKind::malformed);
        EXPECT_TRUE(seen.messages.empty());
    }
}

TEST(AwsEventStream, ReadsOneFrameAfterTheOther) {
    const VectorCase vectors("eventstream/frames.json");
    const Seen seen =
        read_every_way(test::from_hex(vectors["concatenated"]["bytes_hex"].text().raw));
    EXPECT_EQ(seen.failure, "");
    EXPECT_EQ(seen.messages.size(), vectors["positive"].size());
}

void check_recorded_frame(const Value& expected, const std::string& name, const std::string& data) {
    EXPECT_EQ(name, expected["headers"][":event-type"].text().raw);
    EXPECT_EQ(test::difference(expected["payload"], data, test::Extras::refused), "");
    if (expected["decoded"].is_present()) {
        Arena scratch;
        const Result<std::string_view> event = read_bedrock_chunk(data, scratch);
        ASSERT_TRUE(event.has_value());
        EXPECT_EQ(test::difference(expected["decoded"], *event, test::Extras::refused), "");
    }
}

TEST(AwsEventStream, ReadsRecordedStreams) {
    const VectorCase vectors("eventstream/recorded.json");
    EXPECT_GT(vectors["streams"].size(), 0U);
    for (const Value& stream : vectors["streams"]) {
        const Seen seen = read_every_way(test::from_hex(stream["bytes_hex"].text().raw));
        EXPECT_EQ(seen.failure, "");
        ASSERT_EQ(seen.messages.size(), stream["frames"].size());
        auto frame = stream["frames"].begin();
        for (const auto& [name, data] : seen.messages) {
            check_recorded_frame(*frame, name, data);
            ++frame;
        }
    }
}

TEST(AwsEventStream, NamesExceptionsAndErrors) {
    const std::string exception = frame(text_header(":exception-type", "throttlingException") +
                                            text_header(":message-type", "exception"),
                                        R"({"message":"slow down"})");
    const std::string error =
        frame(text_header(":message-type", "error") + text_header(":error-code", "Failure") +
                  text_header(":error-message", "broken"),
              "not looked at");
    const Seen seen = read_every_way(exception + error);
    Seen expected;
    expected.messages = {{"exception:throttlingException", R"({"message":"slow down"})"},
                         {"error:Failure", "broken"}};
    EXPECT_EQ(seen, expected);
}

TEST(AwsEventStream, AnEndInsideAFrameIsAFailure) {
    const std::string bytes = frame(text_header(":event-type", "x"), "{}");
    for (size_t size = 1; size < bytes.size(); ++size) {
        const Seen seen = read(sluice::test::whole(std::string_view(bytes).substr(0, size)));
        EXPECT_EQ(seen.kind, ErrorKind::closed_early) << size;
    }
    EXPECT_EQ(read(sluice::test::whole("")).kind, ErrorKind::none);
}

TEST(AwsEventStream, RefusesBrokenHeaders) {
    // NOLINTBEGIN(bugprone-suspicious-missing-comma): two parts end the escape.
    const std::string cases[] = {
        std::string("\0\x07\0\0", 4),  // A name of no letters.
        "\x05"
        "abc",  // Less than the name says.
        "\x01"
        "a",  // No type.
        "\x01"
        "a\x0a",  // No such type.
        std::string("\x01"
                    "a\x07\x00",
                    4),  // Half a length.
        std::string("\x01"
                    "a\x07\x00\x02x",
                    6),  // Less than the value says.
        "\x01"
        "a\x04"
        "abc",  // Less than the type has.
        std::string("\x01"
                    "a\x09") +
            "fifteen bytes..",  // Likewise.
    };
    // NOLINTEND(bugprone-suspicious-missing-comma)
    for (const std::string& headers : cases) {
        EXPECT_EQ(read_every_way(frame(headers, "{}")).failure, "a frame with a broken header")
            << testing::PrintToString(headers);
    }
}

TEST(AwsEventStream, HasLimits) {
    std::string headers;
    for (uint32_t i = 0; i < AwsEventStream::kHeadersMax; ++i) {
        headers += text_header("name-" + std::to_string(i), "");
    }
    EXPECT_EQ(read(sluice::test::whole(frame(headers, ""))).failure, "");
    headers += text_header("one-more", "");
    EXPECT_EQ(read(sluice::test::whole(frame(headers, ""))).failure,
              "a frame with too many headers");

    // The prelude alone decides; nothing of the payload need have come.
    std::string prelude = big_endian(AwsEventStream::kPayloadBytesMax + 16) + big_endian(0);
    prelude += big_endian(crypto::crc32(prelude));
    EXPECT_EQ(read(sluice::test::whole(prelude)).kind, ErrorKind::closed_early);
    prelude = big_endian(AwsEventStream::kPayloadBytesMax + 17) + big_endian(0);
    prelude += big_endian(crypto::crc32(prelude));
    EXPECT_EQ(read_every_way(prelude).failure, "a frame with too long a payload");
    prelude = big_endian(20) + big_endian(5);
    prelude += big_endian(crypto::crc32(prelude));
    EXPECT_EQ(read_every_way(prelude).failure, "a frame that is shorter than its parts");
}

TEST(AwsEventStream, LeavesAWholeFrameWhereItIs) {
    const std::string bytes = frame(text_header(":event-type", "x"), R"({"a":1})");
    AwsEventStream stream;
    std::string_view piece = bytes;
    std::string_view name;
    std::string_view data;
    ASSERT_TRUE(stream.next(piece, name, data).value());
    EXPECT_GE(data.data(), bytes.data());
    EXPECT_LT(data.data(), bytes.data() + bytes.size());
}

TEST(BedrockChunk, RefusesWhatHoldsNoEvent) {
    Arena scratch;
    for (const char* payload :
         {"", "{}", R"({"bytes":""})", R"({"bytes":"?"})", R"({"bytes":1})"}) {
        EXPECT_FALSE(read_bedrock_chunk(payload, scratch).has_value()) << payload;
    }
    EXPECT_EQ(read_bedrock_chunk(R"({"p":"ab","bytes":"e30="})", scratch).value(), "{}");
}

}  // namespace
}  // namespace sluice::providers
