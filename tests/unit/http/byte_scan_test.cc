// The searches over many bytes at a time against the plain one, which is the definition: every
// byte value at every place of every length around the group sizes, at every alignment.
#include "http/byte_scan.h"

#include <cstddef>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/prng.h"

namespace sluice::http {
namespace {

using Search = const char* (*)(const char*, const char*);

struct Form {
    const char* name;
    ScanStop stop;
    Search search;
};

constexpr Form kForms[] = {
    {"line end", ScanStop::line, find_line_end},
    {"line end, 16 bytes", ScanStop::line, byte_scan::find_line_end_narrow},
    {"head stop", ScanStop::head, find_head_stop},
    {"value end", ScanStop::value, find_value_end},
    {"token end", ScanStop::token, find_token_end},
    {"target end", ScanStop::target, find_target_end},
};

std::vector<Form> forms() {
    std::vector<Form> all(std::begin(kForms), std::end(kForms));
    if (byte_scan::has_avx2()) {
        all.push_back({"line end, 32 bytes", ScanStop::line, byte_scan::find_line_end_wide});
    }
    return all;
}

void compare(const Form& form, const char* begin, const char* end) {
    const char* const expected = byte_scan::find_plain(form.stop, begin, end);
    EXPECT_EQ(form.search(begin, end) - begin, expected - begin)
        << form.name << " in '" << std::string(begin, end) << "'";
}

TEST(ByteScan, EveryByteValueAtEveryPlace) {
    constexpr size_t kLengthMax = 70;  // More than two groups of 32.
    for (const Form& form : forms()) {
        for (size_t length = 0; length <= kLengthMax; ++length) {
            std::vector<char> exact(length, 'a');
            compare(form, exact.data(), exact.data() + length);
            for (size_t at = 0; at < length; at += length > 20 ? 5 : 1) {
                for (int byte = 0; byte < 256; ++byte) {
                    exact[at] = static_cast<char>(byte);
                    compare(form, exact.data(), exact.data() + length);
                }
                exact[at] = 'a';
            }
        }
    }
}

TEST(ByteScan, LongRunsAtEveryAlignment) {
    constexpr size_t kLength = 400;
    for (const Form& form : forms()) {
        for (size_t offset = 0; offset < 40; ++offset) {
            std::vector<char> exact(kLength + offset, 'x');
            for (size_t at = offset; at < exact.size(); at += 7) {
                exact[at] = '\r';
                compare(form, exact.data() + offset, exact.data() + exact.size());
                exact[at] = 'x';
            }
            compare(form, exact.data() + offset, exact.data() + exact.size());
        }
    }
}

TEST(ByteScan, RandomBytes) {
    Prng prng(7);
    for (const Form& form : forms()) {
        for (int round = 0; round < 2000; ++round) {
            std::vector<char> exact(prng.below(200));
            const bool is_mostly_text = prng.chance(0.7);
            for (char& c : exact) {
                const bool is_text = is_mostly_text && !prng.chance(0.02);
                c = static_cast<char>(is_text ? 'a' + prng.below(26) : prng.below(256));
            }
            compare(form, exact.data(), exact.data() + exact.size());
        }
    }
}

TEST(ByteScan, HeadBitsMarkEachByte) {
    constexpr size_t kBytes = byte_scan::kHeadBitsBytes;
    for (size_t at = 0; at < kBytes; ++at) {
        for (int byte = 0; byte < 256; ++byte) {
            std::vector<char> exact(kBytes, 'a');
            exact[at] = static_cast<char>(byte);
            const byte_scan::HeadBits found = byte_scan::head_bits(exact.data());
            const uint64_t bit = uint64_t{1} << at;
            EXPECT_EQ(found.carriage_returns, byte == '\r' ? bit : 0U) << byte;
            EXPECT_EQ(found.line_feeds, byte == '\n' ? bit : 0U) << byte;
            EXPECT_EQ(found.nuls, byte == '\0' ? bit : 0U) << byte;
        }
    }
}

// The table against the text of the rules.
TEST(ByteScan, Classes) {
    const std::string marks = "!#$%&'*+-.^_`|~";
    for (int byte = 0; byte < 256; ++byte) {
        const auto c = static_cast<char>(byte);
        const bool is_alphanumeric = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
                                     (byte >= 'a' && byte <= 'z');
        const bool is_mark = byte != 0 && marks.find(c) != std::string::npos;
        EXPECT_EQ(is_token_char(c), is_alphanumeric || is_mark) << byte;
        EXPECT_EQ(byte_scan::stops(ScanStop::line, c), byte == 10 || byte == 13) << byte;
        EXPECT_EQ(byte_scan::stops(ScanStop::head, c), byte == 0 || byte == 10 || byte == 13);
        EXPECT_EQ(byte_scan::stops(ScanStop::value, c), (byte < 32 && byte != 9) || byte == 127);
        EXPECT_EQ(byte_scan::stops(ScanStop::target, c), byte < 33 || byte > 126 || byte == '#');
    }
}

}  // namespace
}  // namespace sluice::http
