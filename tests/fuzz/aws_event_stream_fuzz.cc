// AWS event streams: any bytes in any split give the same messages and the same failure, and a
// frame written by the rules is read again, until one of its bits is turned.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/arena.h"
#include "base/error.h"
#include "base/prng.h"
#include "base/result.h"
#include "crypto/crc32.h"
#include "fuzz/require.h"
#include "providers/aws_event_stream.h"
#include "providers/bedrock_chunk.h"
#include "support/splits.h"

namespace sluice::fuzz {
namespace {

constexpr size_t kInputBytesMax = 1 << 12;

struct Outcome {
    std::vector<std::pair<std::string, std::string>> messages;
    std::string failure;

    bool operator==(const Outcome&) const = default;
};

Outcome read(const test::Pieces& pieces) {
    providers::AwsEventStream stream;
    Outcome outcome;
    for (size_t i = 0; i < pieces.size(); ++i) {
        std::string_view piece = pieces[i];
        while (true) {
            std::string_view name;
            std::string_view data;
            const Result<bool> found = stream.next(piece, name, data);
            if (!found) {
                require(found.error().kind == ErrorKind::malformed, "a wrong frame is malformed");
                outcome.failure = found.error().where;
                return outcome;
            }
            if (!*found) {
                require(piece.empty(), "without a message all bytes are taken");
                break;
            }
            outcome.messages.emplace_back(name, data);
        }
    }
    if (const Status done = stream.finish(); !done) {
        outcome.failure = done.error().where;
    }
    return outcome;
}

void check_splits(std::string_view input) {
    constexpr int kRandomSplits = 4;
    constexpr uint32_t kCutsMax = 8;
    const Outcome expected = read(test::whole(input));
    require(read(test::byte_by_byte(input)) == expected, "byte by byte is the same");
    Prng prng = prng_of(input);
    for (int i = 0; i < kRandomSplits; ++i) {
        require(read(test::random_pieces(input, kCutsMax, prng)) == expected,
                "every split is the same");
    }
    for (const auto& [name, data] : expected.messages) {
        Arena scratch;
        // May fail, but never reads what is not there.
        [[maybe_unused]] const auto chunk = providers::read_bedrock_chunk(data, scratch);
    }
}

std::string big_endian(uint32_t value) {
    std::string bytes;
    for (int shift = 24; shift >= 0; shift -= 8) {
        bytes += static_cast<char>(value >> static_cast<unsigned>(shift) & 0xFFU);
    }
    return bytes;
}

// The right checksums around whatever stands in the input, so that what is behind them is reached:
// its first byte says how much of it are headers.
std::string frame(std::string_view input) {
    const size_t headers_bytes =
        input.empty() ? 0 : static_cast<unsigned char>(input[0]) % input.size();
    const std::string_view rest = input.substr(input.empty() ? 0 : 1);
    std::string bytes = big_endian(static_cast<uint32_t>(rest.size() + 16)) +
                        big_endian(static_cast<uint32_t>(headers_bytes));
    bytes += big_endian(crypto::crc32(bytes));
    bytes += rest;
    return bytes + big_endian(crypto::crc32(bytes));
}

void check_frame(std::string_view input) {
    const std::string bytes = frame(input);
    check_splits(bytes);
    const Outcome outcome = read(test::whole(bytes));
    require(outcome.messages.size() + (outcome.failure.empty() ? 0 : 1) == 1,
            "a frame is one message or one failure");
    std::string turned = bytes;
    Prng prng = prng_of(bytes);
    const uint32_t bit = prng.below(static_cast<uint32_t>(8 * turned.size()));
    turned[bit / 8] = static_cast<char>(turned[bit / 8] ^ (1 << bit % 8));
    require(read(test::whole(turned)).messages.empty(), "a turned bit is noticed");
}

}  // namespace
}  // namespace sluice::fuzz

// The name is libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sluice;
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    if (size <= fuzz::kInputBytesMax) {
        fuzz::check_splits(input);
        fuzz::check_frame(input);
    }
    return 0;
}
