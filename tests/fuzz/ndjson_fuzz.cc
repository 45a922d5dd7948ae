// Lines of JSON: any bytes in any split give the same lines, which are those between the line
// ends; and Ollama's decoder takes any line without falling over.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "base/prng.h"
#include "fuzz/require.h"
#include "json/writer.h"
#include "providers/dialect.h"
#include "providers/message_framer.h"
#include "providers/transcoder.h"
#include "providers/vendor.h"
#include "support/splits.h"

namespace sluice::fuzz {
namespace {

constexpr size_t kInputBytesMax = 1 << 12;

using Lines = std::vector<std::string>;

Lines read(const test::Pieces& pieces) {
    providers::MessageFramer framer(providers::Framing::ndjson);
    Lines lines;
    providers::WireMessage message;
    for (size_t i = 0; i < pieces.size(); ++i) {
        std::string_view piece = pieces[i];
        while (framer.next(piece, message).value()) {
            lines.emplace_back(message.data);
        }
        require(piece.empty(), "all bytes are taken");
    }
    if (framer.finish(message).value()) {
        lines.emplace_back(message.data);
    }
    return lines;
}

// The plainest way to cut lines.
Lines cut(std::string_view input) {
    Lines lines;
    while (!input.empty()) {
        const size_t end = input.find('\n');
        const std::string_view line = input.substr(0, end);
        input.remove_prefix(end == input.npos ? input.size() : end + 1);
        if (line.find_first_not_of(" \t\r") != line.npos) {
            lines.emplace_back(line);
        }
    }
    return lines;
}

// What a client gets of an Ollama stream of these bytes.
std::string translate(const test::Pieces& pieces) {
    using namespace providers;
    Arena arena;
    std::string text;
    json::StringText output(text);
    const Vendor& vendor = *find_vendor("ollama");
    const Target target = {.vendor = &vendor, .model = "m", .is_stream = true};
    const ReplyContext context = {.fallback_id = "id", .requested_model = "m", .is_stream = true};
    StreamTranscoder transcoder(*client_dialect(Dialect::chat), *upstream_dialect(vendor.dialect),
                                target, context, output, arena);
    for (size_t i = 0; i < pieces.size(); ++i) {
        transcoder.feed(pieces[i]);
    }
    transcoder.end();
    require(transcoder.is_over(), "an ended reply is over");
    output.finish();
    return text;
}

void check(std::string_view input) {
    constexpr int kRandomSplits = 4;
    constexpr uint32_t kCutsMax = 8;
    const Lines expected = cut(input);
    const std::string reply = translate(test::whole(input));
    Prng prng = prng_of(input);
    for (int i = 0; i <= kRandomSplits; ++i) {
        const test::Pieces pieces =
            i == 0 ? test::byte_by_byte(input) : test::random_pieces(input, kCutsMax, prng);
        require(read(pieces) == expected, "every split has the same lines");
        require(translate(pieces) == reply, "every split has the same reply");
    }
    require(read(test::whole(input)) == expected, "the whole has the same lines");
}

}  // namespace
}  // namespace sluice::fuzz

// The name is libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size <= sluice::fuzz::kInputBytesMax) {
        sluice::fuzz::check({reinterpret_cast<const char*>(data), size});
    }
    return 0;
}
