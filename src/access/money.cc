// Twelve decimals, the trailing zeros of which are not written.
#include "access/money.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "access/options.h"
#include "base/text.h"

namespace sluice::access {

namespace {

constexpr size_t kDecimals = 12;

}  // namespace

std::optional<int64_t> parse_dollars(std::string_view text) {
    const size_t point = text.find('.');
    const std::optional<uint64_t> whole = parse_decimal(text.substr(0, point));
    if (!whole || *whole > static_cast<uint64_t>(kDollarsMax)) {
        return std::nullopt;
    }
    int64_t sum = static_cast<int64_t>(*whole) * kPicodollarsPerDollar;
    if (point != std::string_view::npos) {
        std::string decimals(text.substr(point + 1));
        if (decimals.empty() || decimals.size() > kDecimals) {
            return std::nullopt;
        }
        decimals.resize(kDecimals, '0');
        const std::optional<uint64_t> part = parse_decimal(decimals);
        if (!part) {
            return std::nullopt;
        }
        sum += static_cast<int64_t>(*part);
    }
    return sum <= kPicodollarsMax ? std::optional(sum) : std::nullopt;
}

std::string format_dollars(int64_t picodollars) {
    const bool is_negative = picodollars < 0;
    const int64_t sum = is_negative ? -picodollars : picodollars;
    std::string text = fmt::format("{}{}.{:012}", is_negative ? "-" : "",
                                   sum / kPicodollarsPerDollar, sum % kPicodollarsPerDollar);
    text.resize(text.find_last_not_of('0') + 1);
    if (text.back() == '.') {
        text.pop_back();
    }
    return text;
}

}  // namespace sluice::access
