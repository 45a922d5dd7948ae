// SseFramer: where events end, with every kind of line end and in every split.
#include "http/sse_framer.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "support/splits.h"

namespace sluice::http {
namespace {

struct Framed {
    std::vector<size_t> ends;  // Offsets in the whole input.
    bool at_boundary = false;
};

Framed frame(const test::Pieces& pieces) {
    SseFramer framer;
    Framed result;
    size_t offset = 0;
    for (size_t i = 0; i < pieces.size(); ++i) {
        std::string_view piece = pieces[i];
        while (!piece.empty()) {
            const SseFramer::Step step = framer.feed(piece);
            EXPECT_GT(step.consumed, 0U);
            EXPECT_TRUE(step.event_end || step.consumed == piece.size());
            EXPECT_TRUE(!step.event_end || framer.at_boundary());
            offset += step.consumed;
            piece.remove_prefix(step.consumed);
            if (step.event_end) {
                result.ends.push_back(offset);
            }
        }
    }
    result.at_boundary = framer.at_boundary();
    return result;
}

// An end may lie before the LF of a CRLF where a split parts them, as the header says.
bool same_ends(const std::string& input, const Framed& split, const Framed& whole) {
    return std::ranges::equal(split.ends, whole.ends, [&](size_t a, size_t b) {
        return a == b || (a + 1 == b && input.compare(a - 1, 2, "\r\n") == 0);
    });
}

Framed frame_every_way(const std::string& input) {
    const Framed expected = frame(test::whole(input));
    test::for_each_split(input, [&](const test::Pieces& pieces) {
        const Framed split = frame(pieces);
        EXPECT_TRUE(same_ends(input, split, expected))
            << testing::PrintToString(input) << " " << pieces.describe() << " "
            << testing::PrintToString(split.ends) << " for "
            << testing::PrintToString(expected.ends);
        EXPECT_EQ(split.at_boundary, expected.at_boundary)
            << testing::PrintToString(input) << " " << pieces.describe();
    });
    return expected;
}

struct Case {
    const char* name;
    std::string_view input;
    std::vector<size_t> ends;
    bool at_boundary;
};

TEST(SseFramer, Boundaries) {
    const Case cases[] = {
        {"nothing", "", {}, true},
        {"one event", "data: a\n\n", {9}, true},
        {"two events", "data: a\n\ndata: b\n\n", {9, 18}, true},
        {"no end yet", "data: a\n", {}, false},
        {"in a line", "data: a\n\nd", {9}, false},
        {"CRLF", "data: a\r\n\r\ndata: b\r\n\r\n", {11, 22}, true},
        {"CR", "data: a\r\rdata: b\r\r", {9, 18}, true},
        {"CR LF LF", "a\r\n\n", {4}, true},
        {"LF CR LF", "a\n\r\n", {4}, true},
        {"LF CR", "a\n\r", {3}, true},
        {"CR CR LF", "a\r\r\n", {4}, true},
        {"LF CR CR", "a\n\r\r", {3}, true},
        {"CRLF CR", "a\r\n\r", {4}, true},
        {"CRLF alone is one end", "a\r\nb\r\n", {}, false},
        {"empty lines close nothing", "\n\n\r\n\r", {}, true},
        {"empty lines before", "\n\r\ndata: a\n\n", {12}, true},
        {"empty lines after", "data: a\n\n\n\n\n", {9}, true},
        {"comment", ": ping\n\n", {8}, true},
        {"comment without end", ": ping\n", {}, false},
        {"several lines", "event: x\ndata: a\ndata: b\n\n", {26}, true},
        {"line of a blank is not empty", "data: a\n \n\n", {11}, true},
        {"byte order mark",
         "\xEF\xBB\xBF"
         "data: a\n\n",
         {12},
         true},
        {"byte order mark alone", "\xEF\xBB\xBF", {}, true},
        {"byte order mark and empty lines", "\xEF\xBB\xBF\n\n\n", {}, true},
        {"byte order mark begun", "\xEF\xBB", {}, false},
        {"byte order mark broken off", "\xEF\xBB\n\n", {4}, true},
        {"byte order mark of one byte", "\xEF\n\n", {3}, true},
        {"second byte order mark is text", "\xEF\xBB\xBF\xEF\xBB\xBF\n\n", {8}, true},
        {"later byte order mark is text", "a\n\n\xEF\xBB\xBF\n\n", {3, 8}, true},
        {"NUL is text", std::string_view("\0\n\n", 3), {3}, true},
    };
    for (const Case& test : cases) {
        const Framed framed = frame_every_way(std::string(test.input));
        EXPECT_EQ(framed.ends, test.ends) << test.name;
        EXPECT_EQ(framed.at_boundary, test.at_boundary) << test.name;
    }
}

TEST(SseFramer, LongEvents) {
    for (const size_t length : {15U, 16U, 17U, 31U, 32U, 33U, 127U, 128U, 129U, 200U, 300U}) {
        std::string input;
        std::vector<size_t> ends;
        for (const char* line_end : {"\n", "\r\n", "\r"}) {
            input.append("data: ").append(length, 'x').append(line_end).append(line_end);
            ends.push_back(input.size());
        }
        EXPECT_EQ(frame_every_way(input).ends, ends) << length;
    }
}

TEST(SseFramer, WholePieceAtOnce) {
    SseFramer framer;
    SseFramer::Summary summary = framer.feed_all("data: a\n\n: x\n\ndata: b");
    EXPECT_EQ(summary.events, 2U);
    EXPECT_EQ(summary.last_event_end, 14U);
    EXPECT_FALSE(framer.at_boundary());
    summary = framer.feed_all("c");
    EXPECT_EQ(summary.events, 0U);
    EXPECT_EQ(summary.last_event_end, 0U);
    summary = framer.feed_all("\n\n");
    EXPECT_EQ(summary.events, 1U);
    EXPECT_EQ(summary.last_event_end, 2U);
    EXPECT_TRUE(framer.at_boundary());
    EXPECT_EQ(framer.feed_all("").events, 0U);
}

// A CR at the very end is an end of line now; nobody waits for what may follow.
TEST(SseFramer, ACarriageReturnEndsTheEventAtOnce) {
    SseFramer framer;
    EXPECT_TRUE(framer.feed("data: a\r\n\r").event_end);
    EXPECT_TRUE(framer.at_boundary());
    EXPECT_FALSE(framer.feed("\n").event_end);
    EXPECT_TRUE(framer.at_boundary());
    EXPECT_FALSE(framer.feed("\n").event_end);
}

}  // namespace
}  // namespace sluice::http
