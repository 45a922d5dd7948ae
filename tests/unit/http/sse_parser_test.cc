// SseParser: names, data, ids; the shared vectors of the standard's rules; limits; and SSE out.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/result.h"
#include "http/sse_framer.h"
#include "http/sse_writer.h"
#include "support/splits.h"

namespace sluice::http {
namespace {

using namespace std::string_view_literals;

struct Event {
    std::string name;
    std::string data;
    std::string id;
    std::optional<uint64_t> retry_ms;

    bool operator==(const Event&) const = default;
};

Event copy_of(const SseEvent& event) {
    return {std::string(event.name), std::string(event.data), std::string(event.id),
            event.retry_ms};
}

std::vector<Event> parse(const test::Pieces& pieces, bool finish = false) {
    SseParser parser;
    SseEvent event;
    std::vector<Event> events;
    for (size_t i = 0; i < pieces.size(); ++i) {
        std::string_view piece = pieces[i];
        while (!piece.empty()) {
            const Result<SseParser::Step> step = parser.feed(piece, event);
            EXPECT_TRUE(step.has_value());
            EXPECT_TRUE(step->has_event || step->consumed == piece.size());
            piece.remove_prefix(step->consumed);
            if (step->has_event) {
                events.push_back(copy_of(event));
            }
        }
    }
    if (finish && parser.finish(event)) {
        events.push_back(copy_of(event));
        EXPECT_FALSE(parser.finish(event));
    }
    return events;
}

std::vector<Event> parse_every_way(std::string_view input, bool finish = false) {
    const std::vector<Event> expected = parse(test::whole(input), finish);
    test::for_each_split(input, [&](const test::Pieces& pieces) {
        EXPECT_EQ(parse(pieces, finish), expected)
            << testing::PrintToString(input) << " " << pieces.describe();
    });
    return expected;
}

TEST(SseParser, Fields) {
    const std::vector<Event> events = parse_every_way(
        "data: one\n\n"
        "event: named\nid: 7\nretry: 1500\ndata:two\ndata:  three\ndata\n\n"
        "id\nretry: 1x\nretry:\nevent:\ndata: four\n\n"
        "event: a\nevent: b\nid: x\ndata: five\n\n"
        "id: not\0this\ndata: six\n\n"sv);
    const std::vector<Event> expected = {
        {"message", "one", "", {}},  {"named", "two\n three\n", "7", 1500},
        {"message", "four", "", {}}, {"b", "five", "x", {}},
        {"message", "six", "x", {}},
    };
    EXPECT_EQ(events, expected);
}

TEST(SseParser, WhatIsNoEvent) {
    EXPECT_TRUE(parse_every_way(": comment\n\n:\n\nevent: x\n\nid: 5\n\nretry: 3\n\n\n").empty());
    EXPECT_TRUE(parse_every_way(" data: x\n\nDATA: x\n\ndata : x\n\ndatax: y\n\ndat\n\n").empty());
    EXPECT_TRUE(parse_every_way("data: unfinished\n").empty());
    // The id of a block without data still counts for the next event.
    EXPECT_EQ(parse_every_way("id: 5\n\ndata: x\n\n").at(0).id, "5");
    // Its name does not.
    EXPECT_EQ(parse_every_way("event: y\n\ndata: x\n\n").at(0).name, "message");
}

TEST(SseParser, ByteOrderMark) {
    EXPECT_EQ(parse_every_way("\xEF\xBB\xBF"
                              "data: x\n\n")
                  .size(),
              1U);
    EXPECT_EQ(parse_every_way("\xEF\xBB\xBF\n\n"
                              "data: x\n\n")
                  .size(),
              1U);
    EXPECT_EQ(parse_every_way("\xEF\xBB\xBF\xEF\xBB\xBF"
                              "data: x\n\n")
                  .size(),
              0U);
    EXPECT_EQ(parse_every_way("\n\xEF\xBB\xBF"
                              "data: x\n\n")
                  .size(),
              0U);
    EXPECT_EQ(parse_every_way("data: y\n\n\xEF\xBB\xBF"
                              "data: x\n\n")
                  .size(),
              1U);
}

TEST(SseParser, ManyLinesOfData) {
    std::string input;
    std::string data;
    for (int i = 0; i < 100; ++i) {
        const std::string line = std::to_string(i);
        input.append("data: ").append(line).append(i % 2 == 0 ? "\r\n" : "\n");
        data.append(i == 0 ? "" : "\n").append(line);
    }
    const std::vector<Event> events = parse_every_way(input + "\n" + "data: next\n\n");
    ASSERT_EQ(events.size(), 2U);
    EXPECT_EQ(events[0].data, data);
    EXPECT_EQ(events[1].data, "next");
}

TEST(SseParser, AnEventInOnePieceIsNotCopied) {
    const std::string piece = "data: a\n\ndata: b\n\n";
    SseParser parser;
    SseEvent event;
    EXPECT_EQ(parser.feed(piece, event)->consumed, 9U);
    EXPECT_EQ(event.data.data(), piece.data() + 6);
}

TEST(SseParser, TheLastEventAtACleanEnd) {
    EXPECT_EQ(parse_every_way("data: [DONE]\n", true).size(), 1U);
    EXPECT_EQ(parse_every_way("data: [DONE]", true).size(), 1U);
    EXPECT_EQ(parse_every_way("data: x\n\ndata: [DONE]\r", true).size(), 2U);
    EXPECT_EQ(parse_every_way("data: x\n\n", true).size(), 1U);
    EXPECT_EQ(parse_every_way("data: x\n\n: ping\n", true).size(), 1U);
    EXPECT_EQ(parse_every_way("", true).size(), 0U);
    EXPECT_EQ(parse_every_way("dat", true).size(), 0U);
}

TEST(SseParser, LargeEventsAreRefused) {
    constexpr uint32_t kEventBytesMax = 50;
    const auto feed = [](const test::Pieces& pieces) {
        SseParser parser(kEventBytesMax);
        SseEvent event;
        for (size_t i = 0; i < pieces.size(); ++i) {
            std::string_view piece = pieces[i];
            while (!piece.empty()) {
                const Result<SseParser::Step> step = parser.feed(piece, event);
                if (!step) {
                    EXPECT_EQ(step.error().source, ErrorSource::upstream);
                    return step.error().kind;
                }
                piece.remove_prefix(step->consumed);
            }
        }
        return ErrorKind::none;
    };
    const std::string fits = "data: " + std::string(kEventBytesMax - 8, 'x') + "\n\n";
    const std::string not_quite = "data: " + std::string(kEventBytesMax - 7, 'x') + "\n\n";
    const std::string blank(500, '\n');
    test::for_each_split(fits + blank + fits, [&](const test::Pieces& pieces) {
        EXPECT_EQ(feed(pieces), ErrorKind::none) << pieces.describe();
    });
    test::for_each_split(fits + not_quite, [&](const test::Pieces& pieces) {
        EXPECT_EQ(feed(pieces), ErrorKind::body_too_large) << pieces.describe();
    });
    EXPECT_EQ(feed(test::whole(std::string(kEventBytesMax + 1, 'x'))), ErrorKind::body_too_large);
}

// The strings of the vector file: enough of JSON for it, and for nothing else.
class VectorText {
public:
    explicit VectorText(std::string text) : text_(std::move(text)) {}

    // Moves behind the next `"key":` before `end`; false if there is none.
    bool seek(std::string_view key, size_t end) {
        const size_t found = text_.find("\"" + std::string(key) + "\":", at_);
        if (found == std::string::npos || found >= end) {
            return false;
        }
        at_ = found + key.size() + 3;
        return true;
    }
    size_t find(std::string_view what) const { return text_.find(what, at_); }
    size_t size() const { return text_.size(); }

    // The string value that comes next; only the escapes that the file uses.
    std::string string() {
        std::string value;
        at_ = text_.find('"', at_) + 1;
        for (; text_.at(at_) != '"'; ++at_) {
            if (text_[at_] != '\\') {
                value += text_[at_];
                continue;
            }
            ++at_;
            switch (text_.at(at_)) {
                case 'n':
                    value += '\n';
                    break;
                case 'u':
                    append_utf8(value);
                    break;
                default:
                    value += text_[at_];
            }
        }
        ++at_;
        return value;
    }

private:
    uint32_t hex_unit() {
        const auto unit = static_cast<uint32_t>(std::stoul(text_.substr(at_ + 1, 4), nullptr, 16));
        at_ += 4;
        return unit;
    }
    void append_utf8(std::string& to) {
        uint32_t point = hex_unit();
        if (point >= 0xD800 && point < 0xDC00) {
            at_ += 2;
            point = 0x10000 + ((point - 0xD800) << 10U) + (hex_unit() - 0xDC00);
        }
        const auto put = [&](uint32_t byte) { to += static_cast<char>(byte); };
        if (point < 0x80) {
            put(point);
        } else if (point < 0x800) {
            put(0xC0 | point >> 6U);
            put(0x80 | (point & 0x3FU));
        } else if (point < 0x10000) {
            put(0xE0 | point >> 12U);
            put(0x80 | (point >> 6U & 0x3FU));
            put(0x80 | (point & 0x3FU));
        } else {
            put(0xF0 | point >> 18U);
            put(0x80 | (point >> 12U & 0x3FU));
            put(0x80 | (point >> 6U & 0x3FU));
            put(0x80 | (point & 0x3FU));
        }
    }

    std::string text_;
    size_t at_ = 0;
};

std::string from_hex(const std::string& hex) {
    std::string bytes;
    for (size_t i = 0; i + 1 < hex.size(); i += 2) {
        bytes += static_cast<char>(std::stoul(hex.substr(i, 2), nullptr, 16));
    }
    return bytes;
}

// In the tree, found from this file's own place.
std::filesystem::path vector_file() {
    const std::filesystem::path here = std::filesystem::absolute(__FILE__);
    const std::filesystem::path root = here.parent_path().parent_path().parent_path().parent_path();
    return root / "tests" / "data" / "vectors" / "sse" / "parser.json";
}

TEST(SseParser, SharedVectors) {
    std::ifstream in(vector_file());
    ASSERT_TRUE(in) << vector_file();
    VectorText file({std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()});
    size_t cases = 0;
    while (file.seek("name", file.size())) {
        const std::string name = file.string();
        ASSERT_TRUE(file.seek("bytes_hex", file.size()));
        const std::string bytes = from_hex(file.string());
        ASSERT_TRUE(file.seek("events", file.size()));
        const size_t end = file.find("]");
        std::vector<std::pair<std::string, std::string>> expected;
        while (file.seek("event", end)) {
            const std::string event_name = file.string();
            ASSERT_TRUE(file.seek("data", file.size()));
            expected.emplace_back(event_name, file.string());
        }
        std::vector<std::pair<std::string, std::string>> found;
        for (const Event& event : parse_every_way(bytes)) {
            found.emplace_back(event.name, event.data);
        }
        EXPECT_EQ(found, expected) << name;
        ++cases;
    }
    EXPECT_GE(cases, 15U);
}

TEST(SseWriter, WhatIsWrittenParsesBack) {
    for (const std::string_view data : {"", "a", "a\nb", "a\n", "\n", "\n\n", "a\r\nb", "a\rb",
                                        " a", "data: b", ": c", "{\"x\": 1}"}) {
        std::string text;
        append_sse_event(text, "name", data);
        append_sse_comment(text, "ping");
        append_sse_data(text, data);
        text += kSseDone;
        std::string normal;  // A reader joins lines with LF whatever ended them.
        for (size_t i = 0; i < data.size(); ++i) {
            if (data[i] != '\r') {
                normal += data[i];
            } else if (i + 1 == data.size() || data[i + 1] != '\n') {
                normal += '\n';
            }
        }
        const std::vector<Event> expected = {
            {"name", normal, "", {}}, {"message", normal, "", {}}, {"message", "[DONE]", "", {}}};
        EXPECT_EQ(parse_every_way(text), expected) << testing::PrintToString(text);
    }
}

}  // namespace
}  // namespace sluice::http
