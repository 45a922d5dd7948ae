// Digits are gathered into 128 bits; those that do not fit are far below the last place.
#include "base/decimal.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice {

namespace {

constexpr int kDigitsMax = 30;  // Of 128 bits, with room to multiply by ten.
constexpr int kExponentMax = 1'000;

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

// What was read: digits * 10^exponent.
struct Decimal {
    WideInteger digits = 0;
    int exponent = 0;
};

class Reader {
public:
    explicit Reader(std::string_view text) : rest_(text) {}

    bool read(Decimal& to) {
        if (!read_digits(to, false)) {
            return false;
        }
        if (take('.') && !read_digits(to, true)) {
            return false;
        }
        if ((take('e') || take('E')) && !read_exponent(to)) {
            return false;
        }
        return rest_.empty();
    }

private:
    bool take(char c) {
        const bool is_there = !rest_.empty() && rest_.front() == c;
        rest_.remove_prefix(is_there ? 1 : 0);
        return is_there;
    }

    bool read_digits(Decimal& to, bool is_fraction) {
        bool any = false;
        for (; !rest_.empty() && is_digit(rest_.front()); rest_.remove_prefix(1), any = true) {
            if (kept_ < kDigitsMax) {
                to.digits = to.digits * 10 + (rest_.front() - '0');
                kept_ += to.digits != 0 ? 1 : 0;
                to.exponent -= is_fraction ? 1 : 0;
            } else {
                to.exponent += is_fraction ? 0 : 1;
            }
        }
        return any;
    }

    bool read_exponent(Decimal& to) {
        const bool is_negative = take('-');
        if (!is_negative) {
            take('+');
        }
        int exponent = 0;
        bool any = false;
        for (; !rest_.empty() && is_digit(rest_.front()); rest_.remove_prefix(1), any = true) {
            exponent = std::min(exponent * 10 + (rest_.front() - '0'), kExponentMax);
        }
        to.exponent += is_negative ? -exponent : exponent;
        return any;
    }

    std::string_view rest_;
    int kept_ = 0;
};

}  // namespace

std::optional<int64_t> parse_scaled(std::string_view number, int places) {
    Decimal decimal;
    if (!Reader(number).read(decimal)) {
        return std::nullopt;
    }
    int shift = decimal.exponent + places;
    for (; shift > 0 && decimal.digits != 0; --shift) {
        if (decimal.digits > INT64_MAX) {
            return std::nullopt;
        }
        decimal.digits *= 10;
    }
    bool rounds_up = false;
    for (; shift < 0 && decimal.digits != 0; ++shift) {
        rounds_up = decimal.digits % 10 >= 5;
        decimal.digits /= 10;
    }
    decimal.digits += shift == 0 && rounds_up ? 1 : 0;
    if (decimal.digits > INT64_MAX) {
        return std::nullopt;
    }
    return static_cast<int64_t>(decimal.digits);
}

void append_scaled(std::string& to, WideInteger value, int places, int places_min) {
    if (value < 0) {
        to += '-';
        value = -value;
    }
    std::string digits;  // The last one first.
    for (; value != 0; value /= 10) {
        digits += static_cast<char>('0' + static_cast<int>(value % 10));
    }
    const auto fraction = static_cast<size_t>(places);
    digits.append(std::max(digits.size(), fraction + 1) - digits.size(), '0');
    size_t last = 0;
    while (last + static_cast<size_t>(places_min) < fraction && digits[last] == '0') {
        ++last;
    }
    to.append(digits.rbegin(), digits.rend() - static_cast<std::ptrdiff_t>(fraction));
    if (last < fraction) {
        to += '.';
        to.append(digits.rend() - static_cast<std::ptrdiff_t>(fraction),
                  digits.rend() - static_cast<std::ptrdiff_t>(last));
    }
}

}  // namespace sluice
