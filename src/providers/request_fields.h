// Strict reading of a request's members: the right type, or a refusal that names the parameter.
//
// Clients are told what is wrong with their request in the words that OpenAI uses for it. Null
// counts as absent, as it does there. On the stack of a decoder.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "json/tree.h"
#include "providers/translation.h"

namespace sluice::providers {

// Where a value stands: every '#' of the format is one of the numbers. Spelled out only when
// something is wrong there.
struct Place {
    std::string_view format;
    size_t first = 0;
    size_t second = 0;
};

// "Invalid type for 'PLACE': expected WANTED."
std::unexpected<Error> wrong_type(Translation& translation,
                                  const Place& place,
                                  std::string_view wanted);
std::unexpected<Error> wrong_value(Translation& translation,
                                   const Place& place,
                                   std::string_view message);

// What must be there is asked for with `required_*`; the others leave an absent value empty.
Result<json::Text> required_text(Translation& translation,
                                 const Place& place,
                                 const json::Value& value);
Result<json::Text> optional_text(Translation& translation,
                                 const Place& place,
                                 const json::Value& value);
Result<std::optional<bool>> optional_flag(Translation& translation,
                                          const Place& place,
                                          const json::Value& value);
// The digits as written.
Result<std::string_view> optional_number(Translation& translation,
                                         const Place& place,
                                         const json::Value& value);
// The JSON of an object.
Result<std::string_view> optional_object(Translation& translation,
                                         const Place& place,
                                         const json::Value& value);

}  // namespace sluice::providers
