// Splicing: edits drawn from the input give a body that is valid JSON, has the size that was
// promised, and means what a plain edit of the parsed document would mean.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/prng.h"
#include "base/slice_queue.h"
#include "fuzz/require.h"
#include "json/splice.h"
#include "support/json_edits.h"
#include "support/splits.h"

namespace sluice::fuzz {
namespace {

constexpr size_t kInputBytesMax = 1 << 13;

void check(std::string_view input) {
    constexpr uint32_t kCutsMax = 6;
    static simdjson::dom::parser before_parser;
    static simdjson::dom::parser after_parser;
    simdjson::dom::element before;
    if (before_parser.parse(input.data(), input.size()).get(before) != simdjson::SUCCESS) {
        return;
    }
    Prng prng = prng_of(input);
    json::test::Body body(test::random_pieces(input, kCutsMax, prng));
    if (!body.is_valid() || body.object_begin() == 0) {
        return;
    }
    const json::test::Plan plan = json::test::make_plan(body, prng);
    json::Splice splice(body.queue());
    json::test::apply_plan(splice, body, plan);
    const int64_t growth = splice.growth_bytes();
    SliceQueue edited;
    splice.apply(edited);
    const std::string result = edited.to_string();
    require(static_cast<int64_t>(result.size()) == static_cast<int64_t>(input.size()) + growth,
            "the size is the promised one");
    simdjson::dom::element after;
    require(after_parser.parse(result).get(after) == simdjson::SUCCESS, "the result is JSON");
    require(json::test::flat(after, nullptr, json::WatchList::kNone) ==
                json::test::flat(before, &plan, json::WatchList::kNone),
            "the result is what was asked for");
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
