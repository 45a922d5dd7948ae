// Reading small documents: any bytes, any path. A value can be read as its type and as no other,
// and what is accepted our own validator accepts too; what the writer makes of a string is read
// again as it was.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/arena.h"
#include "fuzz/require.h"
#include "json/document.h"
#include "json/unescape.h"
#include "json/validator.h"

namespace sluice::fuzz {
namespace {

constexpr size_t kInputBytesMax = 1 << 13;

bool is_valid(std::string_view text) {
    json::Validator validator;
    return validator.feed(text) && validator.finish();
}

void check_path(const json::Document& document, const char* path) {
    const json::ValueType type = document.type(path);
    const bool is_boolean =
        type == json::ValueType::boolean_true || type == json::ValueType::boolean_false;
    const bool is_container = type == json::ValueType::object || type == json::ValueType::array;
    require(document.has(path) == (type != json::ValueType::absent), "what has a type is there");
    require(document.string(path).has_value() == (type == json::ValueType::string),
            "strings are strings");
    require(document.number(path).has_value() == (type == json::ValueType::number),
            "numbers are numbers");
    require(document.boolean(path).has_value() == is_boolean, "booleans are booleans");
    require(document.size(path).has_value() == is_container, "containers have a size");
    require(!document.integer(path) || type == json::ValueType::number, "integers are numbers");
}

void check(std::string_view input) {
    static json::Document document;
    const bool is_read = document.parse(input).has_value();
    if (is_read) {
        json::Validator validator;
        require((validator.feed(input) && validator.finish()) ||
                    std::string_view(validator.error_text()) == "nested too deeply",
                "what is read is valid");
    }
    require(document.has("") == is_read, "there is a value or none");
    for (const char* path : {"", "/", "/usage", "/usage/total_tokens", "/error/message", "/0",
                             "/choices/0/delta/content", "/a~1b", "/~", "/-", "x"}) {
        check_path(document, path);
    }
    Arena arena;
    const std::string_view quoted = json::quote(input, arena);
    require(is_valid(quoted), "a quoted text is JSON");
    require(document.parse(quoted).has_value(), "a quoted text is read");
    const std::string_view inside = quoted.substr(1, quoted.size() - 2);
    require(document.string("").value_or("?") == json::unescape(inside, arena).value_or("!"),
            "two readers of a string agree");
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
