// Stricter than a number of JSON: no sign, no exponent, no digit that would be lost.
#include "access/money.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "access/options.h"
#include "base/decimal.h"

namespace sluice::access {

static_assert(kPicodollarsPerDollar == kPicoPerDollar);

std::optional<int64_t> parse_dollars(std::string_view text) {
    const size_t point = std::min(text.find('.'), text.size());
    const bool is_plain = text.find_first_not_of("0123456789.") == std::string_view::npos;
    if (!is_plain || text.size() - point > size_t{kPicoPlaces} + 1) {
        return std::nullopt;
    }
    const std::optional<int64_t> sum = parse_scaled(text, kPicoPlaces);
    return sum && *sum <= kPicodollarsMax ? sum : std::nullopt;
}

std::string format_dollars(int64_t picodollars) {
    std::string text;
    append_scaled(text, picodollars, kPicoPlaces, 0);
    return text;
}

}  // namespace sluice::access
