// From the inside of a JSON string, as written, to the text that it means (RFC 8259 section 7).
#pragma once

#include <string_view>

#include "base/arena.h"
#include "base/result.h"

namespace sluice::json {

// `raw` is what stands between the quotes of a string that a Validator has accepted. Without an
// escape it is returned as it is; otherwise the text is put into `arena`. Fails with invalid_json
// on an unpaired surrogate, which no UTF-8 text can express, and on anything that is not an escape.
Result<std::string_view> unescape(std::string_view raw, Arena& arena);

// The inverse: `text` as a JSON string with its quotes, in `arena`. Invalid UTF-8 becomes U+FFFD.
std::string_view quote(std::string_view text, Arena& arena);

}  // namespace sluice::json
