// Each level of text scanning against a plain definition of its contract, at every alignment and
// distance from the end, and over every two- and three-byte sequence.
#include "json/text_scan.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/prng.h"
#include "base/text.h"

namespace sluice::json {
namespace {

std::vector<const TextScan*> levels() {
    std::vector<const TextScan*> found;
    for (const ScanLevel level : {ScanLevel::plain, ScanLevel::sse2, ScanLevel::avx2}) {
        if (const TextScan* scan = text_scan(level); scan != nullptr) {
            found.push_back(scan);
        }
    }
    return found;
}

bool is_hex(char c) {
    return parse_hex(std::string_view(&c, 1)).has_value();
}

// The places where a scan may stop: each is the end of a whole character or escape, up to the first
// byte that nobody may skip.
std::vector<size_t> stops_allowed(std::string_view text) {
    std::vector<size_t> allowed = {0};
    size_t at = 0;
    while (at < text.size()) {
        const char c = text[at];
        const std::string_view rest = text.substr(at);
        size_t length = 0;
        if (c == '\\' && rest.size() >= 2 && std::string_view("\"\\/bfnrt").contains(rest[1])) {
            length = 2;
        } else if (c == '\\' && rest.size() >= 6 && rest[1] == 'u' &&
                   std::ranges::all_of(rest.substr(2, 4), is_hex)) {
            length = 6;
        } else if (c != '\\' && c != '"' && (c >= 0x20 || c < 0)) {
            length = utf8_length(rest);
        }
        if (length == 0) {
            break;
        }
        at += length;
        allowed.push_back(at);
    }
    return allowed;
}

void expect_right_stop(std::string_view text) {
    const std::vector<char> exact(text.begin(), text.end());  // For the address sanitizer.
    const std::vector<size_t> allowed = stops_allowed(text);
    for (const TextScan* scan : levels()) {
        const char* const stop = scan->skip_text(exact.data(), exact.data() + exact.size());
        const auto offset = static_cast<size_t>(stop - exact.data());
        EXPECT_TRUE(std::binary_search(allowed.begin(), allowed.end(), offset))
            << "level " << static_cast<int>(scan->level) << " stops at " << offset << " of "
            << text;
    }
}

TEST(TextScan, BestLevelIsOneOfThem) {
    EXPECT_NE(text_scan(text_scan().level), nullptr);
    EXPECT_EQ(text_scan(ScanLevel::plain)->level, ScanLevel::plain);
}

TEST(TextScan, StopsAtEveryKindOfByteInEveryPlace) {
    const std::string_view things[] = {"\"",
                                       "\\",
                                       "\n",
                                       "\x1f",
                                       "\\n",
                                       "\\\"",
                                       "\\\\",
                                       "\\u00e9",
                                       "\\u00g9",
                                       "\\q",
                                       "\xC3\xA9",
                                       "\xE6\x95\x8F",
                                       "\xF0\x9F\xA6\x8A",
                                       "\x80",
                                       "\xED\xA0\x80",
                                       "\xC3",
                                       "\xE6\x95",
                                       "\xF0\x9F\xA6",
                                       "\x7f"};
    for (const std::string_view thing : things) {
        for (size_t before = 0; before < 140; ++before) {
            for (const size_t after : {0U, 1U, 2U, 3U, 30U, 70U, 130U}) {
                expect_right_stop(std::string(before, 'x') + std::string(thing) +
                                  std::string(after, 'y'));
            }
        }
    }
}

// What matters for speed and cannot be seen from outside: long plain text is really skipped.
TEST(TextScan, GoesFar) {
    for (const std::string_view unit : {"plain text ", "\\n\\\"", "\\u4f60", "\xE4\xBD\xA0"}) {
        std::string text;
        while (text.size() < 1000) {
            text += unit;
        }
        const TextScan& best = text_scan();
        const char* const stop = best.skip_text(text.data(), text.data() + text.size());
        if (best.level == ScanLevel::avx2 || unit.front() >= 0) {
            EXPECT_GE(stop - text.data(), 900) << unit;
        }
    }
}

// All sequences of two bytes and, with a lead before them, of three, in the middle of a block and
// across the border of two.
TEST(TextScan, KnowsEveryUtf8Sequence) {
    for (const size_t before : {40U, 62U, 63U, 94U, 95U}) {
        std::string text(160, 'x');
        text.replace(0, 3, "\xE6\x95\x8F");
        for (unsigned first = 0x80; first < 0x100; ++first) {
            for (unsigned second = 0x20; second < 0x100; ++second) {
                text[before] = static_cast<char>(first);
                text[before + 1] = static_cast<char>(second);
                const std::vector<size_t> allowed = stops_allowed(text);
                for (const TextScan* scan : levels()) {
                    const auto stop = static_cast<size_t>(
                        scan->skip_text(text.data(), text.data() + text.size()) - text.data());
                    ASSERT_TRUE(std::binary_search(allowed.begin(), allowed.end(), stop))
                        << first << ' ' << second << " at " << before;
                }
            }
        }
    }
}

TEST(TextScan, KnowsLongUtf8SequencesAtTheirBorders) {
    constexpr unsigned kBytes[] = {0x20, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0,
                                   0xBF, 0xC2, 0xE0, 0xED, 0xF0, 0xF4};
    for (const unsigned lead : {0xE0U, 0xE1U, 0xEDU, 0xEFU, 0xF0U, 0xF1U, 0xF4U, 0xF5U, 0xF8U}) {
        for (const unsigned a : kBytes) {
            for (const unsigned b : kBytes) {
                for (const unsigned c : kBytes) {
                    std::string text(61, 'x');
                    text += "\xC3\xA9";
                    text += {static_cast<char>(lead), static_cast<char>(a), static_cast<char>(b),
                             static_cast<char>(c)};
                    text += std::string(40, 'y');
                    expect_right_stop(text);
                }
            }
        }
    }
}

TEST(TextScan, RandomText) {
    const std::string_view words[] = {"\"",   "\\",       "\\u",          "00",
                                      "\n",   "\xC3\xA9", "\xE6\x95\x8F", "\xF0\x9F\xA6\x8A",
                                      "\x80", "plain",    "\\\\\\\\"};
    Prng prng(20250101);
    for (int round = 0; round < 3000; ++round) {
        std::string text;
        for (uint32_t i = prng.below(60); i > 0; --i) {
            if (prng.chance(0.7)) {
                text.append(prng.below(40), prng.chance(0.5) ? 'a' : '\\');
            } else {
                text += words[prng.below(std::size(words))];
            }
        }
        expect_right_stop(text);
    }
}

TEST(TextScan, MarksStopsInABlock) {
    for (unsigned byte = 0; byte < 256; ++byte) {
        std::string block(kTextBlockBytes, 'x');
        const size_t place = byte % kTextBlockBytes;
        block[place] = static_cast<char>(byte);
        const bool is_stop = byte < 0x20 || byte >= 0x80 || byte == '"' || byte == '\\';
        for (const TextScan* scan : levels()) {
            EXPECT_EQ(scan->text_stops(block.data()), is_stop ? uint64_t{1} << place : 0U) << byte;
        }
    }
}

TEST(TextScan, FindsTheFirstPair) {
    for (size_t size = 0; size < 150; ++size) {
        for (size_t place = 0; place <= size; ++place) {
            std::vector<char> text(size, '"');  // Half of the pair everywhere.
            if (place + 1 < size) {
                text[place + 1] = 'u';
            }
            const char* const end = text.data() + size;
            for (const TextScan* scan : levels()) {
                const char* const found = scan->find_pair(text.data(), end, '"', 'u');
                if (place + 1 < size) {
                    EXPECT_EQ(found - text.data(), static_cast<ptrdiff_t>(place)) << size;
                } else {
                    EXPECT_EQ(found, size == 0 ? end : end - 1) << size;
                }
            }
        }
    }
}

}  // namespace
}  // namespace sluice::json
