// Chunked bodies: any bytes in any split give the same data and the same end, the dead bytes add
// up, and data that was decoded survives being framed by us and decoded again.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/prng.h"
#include "base/result.h"
#include "fuzz/require.h"
#include "http/chunked.h"
#include "http/limits.h"
#include "support/splits.h"

namespace sluice::fuzz {
namespace {

constexpr size_t kInputBytesMax = 1 << 12;

struct Decoded {
    std::string data;
    std::string rest;
    std::string ours;  // The data framed again, piece by piece.
    std::string error;
    bool at_end = false;
};

void append_chunk(std::string& to, std::string_view data) {
    char header[http::kChunkHeaderBytesMax];
    to.append(header, http::write_chunk_header(data.size(), header)).append(data).append("\r\n");
}

Decoded decode(const test::Pieces& pieces, const http::MessageLimits& limits) {
    http::ChunkedDecoder decoder(limits, ErrorSource::upstream);
    Decoded result;
    for (size_t i = 0; i < pieces.size() && result.error.empty(); ++i) {
        std::string_view input = pieces[i];
        while (!input.empty() && !decoder.at_end()) {
            const Result<http::ChunkedPiece> piece = decoder.next(input);
            if (!piece) {
                result.error = piece.error().where;
                break;
            }
            require(piece->consumed > 0 && piece->consumed <= input.size(), "there is progress");
            require(piece->headroom() + piece->data_length + piece->tailroom() == piece->consumed,
                    "dead bytes and data are all that was consumed");
            const std::string_view data = input.substr(piece->data_offset, piece->data_length);
            result.data.append(data);
            if (!data.empty()) {
                append_chunk(result.ours, data);
            }
            input.remove_prefix(piece->consumed);
        }
        result.rest.append(result.error.empty() ? input : "");
    }
    result.at_end = decoder.at_end();
    require(decoder.body_bytes() == result.data.size(), "body bytes are counted");
    return result;
}

void check(std::string_view input, const http::MessageLimits& limits) {
    constexpr int kRandomSplits = 4;
    constexpr uint32_t kCutsMax = 8;
    const Decoded whole = decode(test::whole(input), limits);
    Prng prng = prng_of(input);
    for (int i = 0; i <= kRandomSplits; ++i) {
        const Decoded split =
            decode(i == 0 ? test::byte_by_byte(input) : test::random_pieces(input, kCutsMax, prng),
                   limits);
        require(split.data == whole.data, "every split gives the same data");
        require(split.error == whole.error, "every split gives the same error");
        require(split.at_end == whole.at_end, "every split ends alike");
        require(split.rest == whole.rest, "every split leaves the same rest");
        const Decoded again = decode(test::whole(split.ours + std::string(http::kLastChunk)), {});
        require(again.data == whole.data && again.at_end, "our framing carries the data");
    }
}

}  // namespace
}  // namespace sluice::fuzz

// The name is libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sluice;
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    if (size <= fuzz::kInputBytesMax) {
        fuzz::check(input, {});
        fuzz::check(input, {.trailer_bytes_max = 16, .chunk_extension_bytes_max = 8});
    }
    return 0;
}
