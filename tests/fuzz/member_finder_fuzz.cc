// The member finder: any bytes in any split at any level find the same; in valid JSON it finds what
// a parser finds.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <simdjson.h>

#include "base/arena.h"
#include "base/prng.h"
#include "fuzz/require.h"
#include "json/member_finder.h"
#include "json/text_scan.h"
#include "support/splits.h"

namespace sluice::fuzz {
namespace {

constexpr size_t kInputBytesMax = 1 << 13;
constexpr size_t kValueBytesMax = 600;  // Small enough to be passed.

struct Found {
    std::string value;
    uint32_t count = 0;

    bool operator==(const Found&) const = default;
};

Found run(const test::Pieces& pieces, const json::TextScan* scan, size_t value_bytes_max) {
    Arena arena;
    json::MemberFinder finder("\"usage\"", arena,
                              {.value_bytes_max = value_bytes_max, .scan = scan});
    for (size_t i = 0; i < pieces.size(); ++i) {
        finder.feed(pieces[i]);
    }
    require(finder.value().size() <= value_bytes_max, "no value is over the limit");
    require(finder.has_value() == (finder.count() > 0), "what was counted is there");
    return {std::string(finder.value()), finder.count()};
}

void check_splits(std::string_view input) {
    constexpr uint32_t kCutsMax = 6;
    const Found expected =
        run(test::whole(input), json::text_scan(json::ScanLevel::plain), kValueBytesMax);
    Prng prng = prng_of(input);
    for (const auto level :
         {json::ScanLevel::plain, json::ScanLevel::sse2, json::ScanLevel::avx2}) {
        const json::TextScan* const scan = json::text_scan(level);
        if (scan != nullptr) {
            const test::Pieces pieces = test::random_pieces(input, kCutsMax, prng);
            require(run(test::whole(input), scan, kValueBytesMax) == expected, "levels agree");
            require(run(pieces, scan, kValueBytesMax) == expected, "splits agree");
        }
    }
}

// `key` as it is written without escapes is what can be found; simdjson does not tell how a key was
// written, so texts with a backslash are left out.
void find_by_parsing(simdjson::dom::element element, Found& found) {
    simdjson::dom::object object;
    simdjson::dom::array array;
    if (element.get(object) == simdjson::SUCCESS) {
        for (const auto& [key, value] : object) {
            if (key == "usage" && value.is<simdjson::dom::object>()) {
                found.value = simdjson::minify(value);
                ++found.count;
            } else {
                find_by_parsing(value, found);
            }
        }
    } else if (element.get(array) == simdjson::SUCCESS) {
        for (const simdjson::dom::element item : array) {
            find_by_parsing(item, found);
        }
    }
}

void check_with_parser(std::string_view input) {
    static simdjson::dom::parser parser;
    static simdjson::dom::parser value_parser;
    simdjson::dom::element element;
    if (input.find("\\u") != input.npos ||
        parser.parse(input.data(), input.size()).get(element) != simdjson::SUCCESS) {
        return;
    }
    Found expected;
    find_by_parsing(element, expected);
    const Found found = run(test::whole(input), &json::text_scan(), input.size());
    require(found.count == expected.count, "a parser finds as many");
    if (found.count > 0) {
        simdjson::dom::element value;
        require(value_parser.parse(found.value).get(value) == simdjson::SUCCESS, "it is a value");
        require(simdjson::minify(value) == expected.value, "it is the value that a parser finds");
    }
}

}  // namespace
}  // namespace sluice::fuzz

// The name is libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    if (size <= sluice::fuzz::kInputBytesMax) {
        sluice::fuzz::check_splits(input);
        sluice::fuzz::check_with_parser(input);
    }
    return 0;
}
