// The JSON tree: it accepts what the Validator accepts and nothing else; every value's bytes are a
// JSON text of their own; and what is compacted or escaped means the same as before.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "base/error.h"
#include "base/result.h"
#include "fuzz/require.h"
#include "json/compact.h"
#include "json/tree.h"
#include "json/unescape.h"
#include "json/validator.h"

namespace sluice::fuzz {
namespace {

constexpr size_t kInputBytesMax = 1 << 13;

bool validates(std::string_view text) {
    json::Validator validator;
    return validator.feed(text) && validator.finish();
}

// Visits children only, so that its own depth is that of the text, which is limited.
void check_value(const json::Value& value, std::string_view input) {
    require(value.raw().data() >= input.data() &&
                value.raw().data() + value.raw().size() <= input.data() + input.size(),
            "a value lies in its text");
    uint32_t count = 0;
    for (const json::Value& child : value) {
        require(
            child.raw().data() > value.raw().data() &&
                child.raw().data() + child.raw().size() < value.raw().data() + value.raw().size(),
            "a child lies in its parent");
        check_value(child, input);
        ++count;
    }
    require(count == value.size(), "children are counted");
    if (value.is_object()) {
        for (const json::Value& member : value) {
            require(value[member.key().raw].key().raw == member.key().raw,
                    "a member is found by its name");
        }
    }
}

void check_compact(std::string_view input) {
    Arena arena;
    const std::string_view compact = json::compact(input, arena);
    require(validates(compact), "a compact text is still JSON");
    require(json::compact(compact, arena) == compact, "compacting twice changes nothing");
    const Result<std::string_view> again =
        json::unescape(json::compact_text(input, arena).raw, arena);
    require(again && *again == compact, "the inside of a string means the compact text");
}

void check(std::string_view input) {
    Arena arena;
    const Result<const json::Value*> tree = json::Value::parse(input, arena, ErrorSource::client);
    require(tree.has_value() == validates(input), "the Validator agrees");
    if (!tree) {
        require(tree.error().kind == ErrorKind::invalid_json, "a wrong text is invalid JSON");
        return;
    }
    require(validates((**tree).raw()), "the top value is the text without its blanks");
    check_value(**tree, input);
    check_compact((**tree).raw());
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
