// The JSON validator: the same verdict, error and findings for every split and every level of text
// scanning; agreement with simdjson's DOM parser where both have the same policy; and a watched
// value is the one that simdjson reads.
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "base/prng.h"
#include "fuzz/require.h"
#include "json/field_watch.h"
#include "json/text_scan.h"
#include "json/unescape.h"
#include "json/validator.h"
#include "support/json_oracle.h"
#include "support/splits.h"

namespace sluice::fuzz {
namespace {

constexpr size_t kInputBytesMax = 1 << 14;
constexpr size_t kBytesOneByOneMax = 256;  // Longer ones would slow the search down.

enum Name : uint8_t { model, stream, options, include_usage, max_tokens, n };
constexpr uint8_t kNames = n + 1;
constexpr json::WatchList kList = {{"model", 128},     {"stream"},
                                   {"stream_options"}, {"stream_options/include_usage"},
                                   {"max_tokens", 24}, {"n", 2}};

struct FieldSeen {
    json::ValueType type = json::ValueType::absent;
    bool has_text = false;
    uint32_t key_begin = 0;
    uint32_t begin = 0;
    uint32_t end = 0;
    std::string text;

    bool operator==(const FieldSeen&) const = default;
};

struct Outcome {
    bool is_accepted = false;
    ErrorKind kind = ErrorKind::none;
    const char* where = "";  // Static texts: the same one is the same pointer.
    const char* says = "";
    size_t error_offset = 0;
    size_t object_begin = 0;
    bool is_empty_object = false;
    std::array<FieldSeen, kNames> fields;

    bool operator==(const Outcome&) const = default;
};

// `Pieces` is anything with a size and pieces in order.
template <class Pieces>
Outcome run(const Pieces& pieces, const json::TextScan* scan) {
    json::FieldWatch watch(kList);
    json::Validator validator({.watch = &watch, .scan = scan});
    Status status;
    for (size_t i = 0; i < pieces.size() && status; ++i) {
        status = validator.feed(pieces[i]);
    }
    if (status) {
        status = validator.finish();
    }
    Outcome outcome;
    outcome.is_accepted = status.has_value();
    outcome.object_begin = validator.object_begin();
    outcome.is_empty_object = validator.is_empty_object();
    if (!status) {
        outcome.kind = status.error().kind;
        outcome.where = status.error().where;
        outcome.says = validator.error_text();
        outcome.error_offset = validator.error_offset();
        require(outcome.error_offset <= validator.size_bytes(), "errors are inside the text");
        return outcome;
    }
    for (uint8_t i = 0; i < kNames; ++i) {
        const json::Field field = watch.field(i);
        require(!field.is_present() || field.is_complete(), "all values are complete");
        outcome.fields[i] = {field.type,  field.has_text, field.key_begin,
                             field.begin, field.end,      std::string(field.text)};
    }
    return outcome;
}

void check_findings(std::string_view input, const Outcome& outcome) {
    static simdjson::dom::parser parser;
    simdjson::dom::object object;
    if (parser.parse(input.data(), input.size()).get(object) != simdjson::SUCCESS) {
        return;
    }
    simdjson::dom::element value;
    const FieldSeen& found = outcome.fields[model];
    const bool is_there = object.at_key("model").get(value) == simdjson::SUCCESS;
    require(is_there == (found.type != json::ValueType::absent), "a member is there or not");
    std::string_view theirs;
    if (found.has_text && value.get(theirs) == simdjson::SUCCESS) {
        Arena arena;
        const Result<std::string_view> ours = json::unescape(found.text, arena);
        require(ours.has_value() && *ours == theirs, "a watched string is the one that is read");
    }
    if (is_there) {
        static simdjson::dom::parser again;
        simdjson::dom::element raw;
        const std::string text(input.substr(found.begin, found.end - found.begin));
        require(again.parse(text).get(raw) == simdjson::SUCCESS, "a range is a whole value");
        require(simdjson::minify(raw) == simdjson::minify(value), "a range is the right value");
    }
}

// One byte at a time, without a heap block for each.
struct Bytes {
    std::string_view input;

    size_t size() const { return input.size(); }
    std::string_view operator[](size_t i) const { return input.substr(i, 1); }
};

void check(std::string_view input) {
    constexpr uint32_t kCutsMax = 6;
    static test::JsonOracle oracle;
    const Outcome expected = run(test::whole(input), json::text_scan(json::ScanLevel::plain));
    // A repeated key is our reason alone.
    const bool is_ours_alone = expected.kind == ErrorKind::invalid_field ||
                               std::string_view(expected.says) == "nested too deeply";
    const std::optional<bool> opinion = oracle.verdict(input);
    require(!opinion || is_ours_alone || *opinion == expected.is_accepted, "simdjson agrees");
    if (input.size() <= kBytesOneByOneMax) {
        require(run(Bytes{input}, nullptr) == expected, "byte by byte is the same");
    }
    Prng prng = prng_of(input);
    for (const auto level :
         {json::ScanLevel::plain, json::ScanLevel::sse2, json::ScanLevel::avx2}) {
        const json::TextScan* const scan = json::text_scan(level);
        if (scan != nullptr) {
            require(run(test::whole(input), scan) == expected, "every level says the same");
            require(run(test::random_pieces(input, kCutsMax, prng), scan) == expected,
                    "every split says the same");
        }
    }
    if (expected.is_accepted) {
        check_findings(input, expected);
    }
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
