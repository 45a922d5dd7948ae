// Lines of JSON and server-sent events against their vectors, in every split; and the framer's own
// limits.
#include "providers/message_framer.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/result.h"
#include "http/sse_framer.h"
#include "json/tree.h"
#include "providers/dialect.h"
#include "support/splits.h"
#include "unit/providers/vector_case.h"

namespace sluice::providers {
namespace {

using json::Value;
using test::VectorCase;

std::vector<std::string> read_lines(const sluice::test::Pieces& pieces) {
    MessageFramer framer(Framing::ndjson);
    std::vector<std::string> lines;
    WireMessage message;
    for (size_t i = 0; i < pieces.size(); ++i) {
        std::string_view piece = pieces[i];
        while (framer.next(piece, message).value()) {
            EXPECT_TRUE(message.name.empty());
            lines.emplace_back(message.data);
        }
        EXPECT_TRUE(piece.empty());
    }
    if (framer.finish(message).value()) {
        lines.emplace_back(message.data);
    }
    EXPECT_FALSE(framer.finish(message).value()) << "the last line comes once";
    return lines;
}

TEST(MessageFramer, CutsLinesAsTheVectorsSay) {
    const VectorCase vectors("ndjson/parser.json");
    EXPECT_GT(vectors["cases"].size(), 0U);
    for (const Value& test : vectors["cases"]) {
        SCOPED_TRACE(test["name"].text().raw);
        const std::string bytes = test::from_hex(test["bytes_hex"].text().raw);
        const std::vector<std::string> lines = read_lines(sluice::test::whole(bytes));
        ASSERT_EQ(lines.size(), test["objects"].size());
        size_t index = 0;
        for (const Value& object : test["objects"]) {
            EXPECT_EQ(test::difference(object, lines[index++], test::Extras::refused), "");
        }
        sluice::test::for_each_split(bytes, [&](const sluice::test::Pieces& pieces) {
            EXPECT_EQ(read_lines(pieces), lines) << pieces.describe();
        });
    }
}

TEST(MessageFramer, RefusesALineWithoutEnd) {
    MessageFramer framer(Framing::ndjson);
    const std::string megabyte(size_t{1024} * 1024, 'x');
    WireMessage message;
    for (uint32_t i = 0; i < MessageFramer::kMessageBytesMax / megabyte.size(); ++i) {
        std::string_view piece = megabyte;
        EXPECT_FALSE(framer.next(piece, message).value());
    }
    std::string_view piece = "x";
    const Result<bool> found = framer.next(piece, message);
    ASSERT_FALSE(found.has_value());
    EXPECT_EQ(found.error().kind, ErrorKind::body_too_large);
}

struct Event {
    std::string name;
    std::string data;

    bool operator==(const Event&) const = default;
};

// As the standard has it: an event whose empty line is missing is dropped.
std::vector<Event> read_events(const sluice::test::Pieces& pieces) {
    http::SseParser parser;
    std::vector<Event> events;
    for (size_t i = 0; i < pieces.size(); ++i) {
        std::string_view piece = pieces[i];
        while (!piece.empty()) {
            http::SseEvent event;
            const http::SseParser::Step step = parser.feed(piece, event).value();
            piece.remove_prefix(step.consumed);
            if (step.has_event) {
                events.push_back({std::string(event.name), std::string(event.data)});
            }
        }
    }
    return events;
}

TEST(SseParser, ReadsEventsAsTheVectorsSay) {
    const VectorCase vectors("sse/parser.json");
    EXPECT_GT(vectors["cases"].size(), 0U);
    for (const Value& test : vectors["cases"]) {
        SCOPED_TRACE(test["name"].text().raw);
        std::vector<Event> expected;
        for (const Value& event : test["events"]) {
            expected.push_back({vectors.text(event["event"]), vectors.text(event["data"])});
        }
        const std::string bytes = test::from_hex(test["bytes_hex"].text().raw);
        sluice::test::for_each_split(bytes, [&](const sluice::test::Pieces& pieces) {
            EXPECT_EQ(read_events(pieces), expected) << pieces.describe();
        });
    }
}

TEST(MessageFramer, KeepsALastEventThatLacksItsEmptyLine) {
    MessageFramer framer(Framing::sse);
    std::string_view piece = "data: [DONE]\n";
    WireMessage message;
    EXPECT_FALSE(framer.next(piece, message).value());
    ASSERT_TRUE(framer.finish(message).value());
    EXPECT_EQ(message.data, "[DONE]");
}

TEST(MessageFramer, ReadsFrames) {
    const VectorCase vectors("eventstream/frames.json");
    MessageFramer framer(Framing::aws_event_stream);
    const std::string bytes =
        test::from_hex(vectors["concatenated"]["bytes_hex"].text().raw) + '\0';
    std::string_view piece = bytes;
    WireMessage message;
    size_t count = 0;
    while (framer.next(piece, message).value()) {
        ++count;
    }
    EXPECT_EQ(count, vectors["positive"].size());
    EXPECT_FALSE(framer.finish(message).has_value()) << "the first byte of another frame";
}

}  // namespace
}  // namespace sluice::providers
