// One call of deflate, into a buffer that is large enough for whatever comes.
#include "trace/gzip.h"

#include <string>
#include <string_view>

#include <zlib.h>

#include "base/assert.h"

namespace sluice::trace {

namespace {

// Spans are so alike that the fastest level leaves a tenth of them; the others take thrice the time
// for little more.
constexpr int kLevel = Z_BEST_SPEED;
// Of window and form: the largest window, with gzip's head and end.
constexpr int kWindowBits = 15 + 16;
constexpr int kMemoryLevel = 8;  // zlib's default.

}  // namespace

std::string gzip(std::string_view text) {
    z_stream stream = {};
    const int begun =
        deflateInit2(&stream, kLevel, Z_DEFLATED, kWindowBits, kMemoryLevel, Z_DEFAULT_STRATEGY);
    SLUICE_ASSERT(begun == Z_OK);
    std::string out(deflateBound(&stream, text.size()), '\0');
    // zlib reads through a pointer that is not const, and writes nothing there.
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    const int done = deflate(&stream, Z_FINISH);
    SLUICE_ASSERT(done == Z_STREAM_END);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

}  // namespace sluice::trace
