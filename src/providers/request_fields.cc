// The checks, one for each type of JSON.
#include "providers/request_fields.h"

#include <optional>
#include <string_view>

#include "base/arena.h"
#include "base/error.h"
#include "base/result.h"
#include "json/tree.h"
#include "providers/translation.h"

namespace sluice::providers {

using json::Text;
using json::Value;

std::unexpected<Error> wrong_value(Translation& translation,
                                   const Place& place,
                                   std::string_view message) {
    return translation.invalid(translation.path(place.format, place.first, place.second), message);
}

std::unexpected<Error> wrong_type(Translation& translation,
                                  const Place& place,
                                  std::string_view wanted) {
    const std::string_view path = translation.path(place.format, place.first, place.second);
    return translation.invalid(
        path, translation.arena().join({"Invalid type for '", path, "': expected ", wanted, "."}));
}

Result<Text> required_text(Translation& translation, const Place& place, const Value& value) {
    if (!value.is_string()) {
        return wrong_type(translation, place, "a string");
    }
    return value.text();
}

Result<Text> optional_text(Translation& translation, const Place& place, const Value& value) {
    if (!value.is_nothing() && !value.is_string()) {
        return wrong_type(translation, place, "a string");
    }
    return value.text();
}

Result<std::optional<bool>> optional_flag(Translation& translation,
                                          const Place& place,
                                          const Value& value) {
    if (value.is_nothing()) {
        return std::optional<bool>();
    }
    if (!value.is_boolean()) {
        return wrong_type(translation, place, "a boolean");
    }
    return std::optional<bool>(value.is_true());
}

Result<std::string_view> optional_number(Translation& translation,
                                         const Place& place,
                                         const Value& value) {
    if (!value.is_nothing() && !value.is_number()) {
        return wrong_type(translation, place, "a number");
    }
    return value.is_number() ? value.raw() : std::string_view();
}

Result<std::string_view> optional_object(Translation& translation,
                                         const Place& place,
                                         const Value& value) {
    if (!value.is_nothing() && !value.is_object()) {
        return wrong_type(translation, place, "an object");
    }
    return value.is_object() ? value.raw() : std::string_view();
}

}  // namespace sluice::providers
