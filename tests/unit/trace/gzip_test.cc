// What was compressed comes back, whatever it was.
#include "trace/gzip.h"

#include <cstddef>
#include <cstdint>
#include <string>

#include <gtest/gtest.h>
#include <zlib.h>

#include "base/prng.h"

namespace sluice::trace {
namespace {

std::string gunzip(std::string text) {
    z_stream stream = {};
    EXPECT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
    std::string out;
    std::string piece(4096, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(text.data());
    stream.avail_in = static_cast<uInt>(text.size());
    int done = Z_OK;
    while (done == Z_OK) {
        stream.next_out = reinterpret_cast<Bytef*>(piece.data());
        stream.avail_out = static_cast<uInt>(piece.size());
        done = inflate(&stream, Z_NO_FLUSH);
        out.append(piece, 0, piece.size() - stream.avail_out);
    }
    EXPECT_EQ(done, Z_STREAM_END);
    EXPECT_EQ(stream.avail_in, 0U);
    inflateEnd(&stream);
    return out;
}

TEST(Gzip, ComesBack) {
    Prng prng(3);
    for (const size_t size : {0U, 1U, 100U, 70'000U}) {
        std::string noise(size, '\0');
        for (char& c : noise) {
            c = static_cast<char>(prng.next());
        }
        EXPECT_EQ(gunzip(gzip(noise)), noise) << size;
    }
}

TEST(Gzip, ShrinksWhatIsAlike) {
    std::string spans;
    for (int i = 0; i < 1'000; ++i) {
        spans += R"({"name":"connect","kind":1,"traceId":")" + std::to_string(i) + "\"},";
    }
    const std::string small = gzip(spans);
    EXPECT_LT(small.size(), spans.size() / 5);
    EXPECT_EQ(small.substr(0, 2), "\x1f\x8b");
    EXPECT_EQ(gunzip(small), spans);
}

}  // namespace
}  // namespace sluice::trace
