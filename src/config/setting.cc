// What every setting can do by itself: check a value, read one from a text and write one as TOML.
#include "config/setting.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <optional>
#include <system_error>
#include <variant>

#include <fmt/format.h>

#include "base/text.h"
#include "config/checks.h"
#include "config/nearest.h"

namespace sluice::config {

namespace {

// The texts that a setting is restricted to; empty when it is not.
std::span<const std::string_view> allowed_texts(const Setting& setting) {
    return setting.access.type == ValueType::choice ? setting.access.choices : setting.known;
}

std::optional<int64_t> parse_integer(std::string_view text) {
    const bool is_negative = text.starts_with('-');
    const auto magnitude = parse_decimal(text.substr(is_negative ? 1 : 0));
    if (!magnitude) {
        return std::nullopt;
    }
    const auto value = static_cast<int64_t>(*magnitude);  // At most 15 digits.
    return is_negative ? -value : value;
}

std::optional<double> parse_fraction(std::string_view text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool is_whole = error == std::errc() && end == text.data() + text.size();
    return is_whole ? std::optional(value) : std::nullopt;
}

std::string join(std::span<const std::string> texts) {
    std::string all;
    for (const std::string& text : texts) {
        all += all.empty() ? "" : ", ";
        all += toml_text(text);
    }
    return all;
}

}  // namespace

std::string_view group_of(std::string_view key) {
    const size_t dot = key.find('.');
    return dot == std::string_view::npos ? std::string_view() : key.substr(0, dot);
}

std::string_view name_in_group(std::string_view key) {
    const size_t dot = key.find('.');
    return dot == std::string_view::npos ? key : key.substr(dot + 1);
}

std::string expected_value(const Setting& setting) {
    const std::span<const std::string_view> allowed = allowed_texts(setting);
    if (!allowed.empty()) {
        std::string all = allowed.size() == 1 ? "" : "one of ";
        for (const std::string_view text : allowed) {
            all += fmt::format("{}\"{}\"", all.ends_with('"') ? ", " : "", text);
        }
        return all;
    }
    switch (setting.access.type) {
        case ValueType::boolean:
            return "true or false";
        case ValueType::integer:
            return fmt::format("{} from {} to {}",
                               setting.is_power_of_two ? "a power of two" : "an integer",
                               setting.min, setting.max);
        case ValueType::fraction:
            return fmt::format("a number from {} to {}", setting.min, setting.max);
        case ValueType::text_list:
            return "a list of strings";
        case ValueType::pairs:
            return "a table of strings such as { \"name\" = \"value\" }";
        case ValueType::text:
        case ValueType::choice:
            break;
    }
    return "a string";
}

std::string integer_problem(const Setting& setting, int64_t value) {
    if (value < setting.min || value > setting.max) {
        return fmt::format("{} is out of range; expected {}", value, expected_value(setting));
    }
    if (setting.is_power_of_two && !std::has_single_bit(static_cast<uint64_t>(value))) {
        return fmt::format("{} is not a power of two; expected {}", value, expected_value(setting));
    }
    return "";
}

std::string fraction_problem(const Setting& setting, double value) {
    // Written so that a value which is no number at all is out of range, too.
    const bool is_inside =
        value >= static_cast<double>(setting.min) && value <= static_cast<double>(setting.max);
    return is_inside
               ? ""
               : fmt::format("{} is out of range; expected {}", value, expected_value(setting));
}

std::string text_problem(const Setting& setting, std::string_view text) {
    const std::span<const std::string_view> allowed = allowed_texts(setting);
    if (!allowed.empty() && std::ranges::find(allowed, text) == allowed.end()) {
        return fmt::format("{} is not known; expected {}{}", in_quotes(text),
                           expected_value(setting), did_you_mean(text, allowed));
    }
    if (setting.is_required && text.empty()) {
        return fmt::format("is empty; expected {}", expected_value(setting));
    }
    return setting.check_text != nullptr ? setting.check_text(text) : "";
}

std::string value_problem(const Setting& setting, const Value& value) {
    if (const auto* integer = std::get_if<int64_t>(&value)) {
        return integer_problem(setting, *integer);
    }
    if (const auto* fraction = std::get_if<double>(&value)) {
        return fraction_problem(setting, *fraction);
    }
    if (const auto* text = std::get_if<std::string>(&value)) {
        return text_problem(setting, *text);
    }
    if (const auto* list = std::get_if<TextList>(&value)) {
        for (const std::string& text : *list) {
            if (std::string problem = text_problem(setting, text); !problem.empty()) {
                return problem;
            }
        }
    }
    if (const auto* pairs = std::get_if<TextPairs>(&value); pairs && setting.check_pair) {
        for (const auto& [name, text] : *pairs) {
            if (std::string problem = setting.check_pair(name, text); !problem.empty()) {
                return problem;
            }
        }
    }
    return "";
}

namespace {

// "name=value", with commas between several. What is wrong is not repeated: it may be a secret.
std::expected<TextPairs, std::string> parse_pairs(std::string_view text) {
    TextPairs pairs;
    while (const auto element = next_list_element(text)) {
        const size_t end = element->find('=');
        if (end == std::string_view::npos) {
            return std::unexpected("is wrong; expected name=value, with commas between several");
        }
        pairs.emplace_back(element->substr(0, end), element->substr(end + 1));
    }
    return pairs;
}

}  // namespace

std::expected<Value, std::string> parse_value(const Setting& setting, std::string_view text) {
    Value value;
    const auto wrong = [&] {
        return std::unexpected(
            fmt::format("{} is wrong; expected {}", in_quotes(text), expected_value(setting)));
    };
    switch (setting.access.type) {
        case ValueType::boolean:
            if (text != "true" && text != "false") {
                return wrong();
            }
            value = text == "true";
            break;
        case ValueType::integer: {
            const auto integer = parse_integer(text);
            if (!integer) {
                return wrong();
            }
            value = *integer;
            break;
        }
        case ValueType::fraction: {
            const auto fraction = parse_fraction(text);
            if (!fraction) {
                return wrong();
            }
            value = *fraction;
            break;
        }
        case ValueType::text:
        case ValueType::choice:
            value = std::string(text);
            break;
        case ValueType::text_list: {
            TextList list;
            while (const auto element = next_list_element(text)) {
                list.emplace_back(*element);
            }
            value = std::move(list);
            break;
        }
        case ValueType::pairs: {
            auto pairs = parse_pairs(text);
            if (!pairs) {
                return std::unexpected(std::move(pairs.error()));
            }
            value = std::move(*pairs);
            break;
        }
    }
    std::string problem = value_problem(setting, value);
    if (!problem.empty()) {
        return std::unexpected(std::move(problem));
    }
    return value;
}

std::string toml_text(std::string_view text) {
    std::string result = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            result.push_back('\\');
            result.push_back(c);
        } else if (byte < 0x20 || byte == 0x7F) {
            result += fmt::format("\\u{:04X}", byte);
        } else {
            result.push_back(c);
        }
    }
    return result + '"';
}

std::string toml_key(std::string_view key) {
    const bool is_bare = !key.empty() && std::ranges::all_of(key, [](char c) {
        return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') ||
               c == '_' || c == '-';
    });
    return is_bare ? std::string(key) : toml_text(key);
}

std::string to_toml(const Value& value) {
    if (const auto* boolean = std::get_if<bool>(&value)) {
        return *boolean ? "true" : "false";
    }
    if (const auto* integer = std::get_if<int64_t>(&value)) {
        return fmt::format("{}", *integer);
    }
    if (const auto* fraction = std::get_if<double>(&value)) {
        return fmt::format("{}", *fraction);
    }
    if (const auto* text = std::get_if<std::string>(&value)) {
        return toml_text(*text);
    }
    if (const auto* list = std::get_if<TextList>(&value)) {
        return fmt::format("[{}]", join(*list));
    }
    std::string all;
    for (const auto& [name, text] : *std::get_if<TextPairs>(&value)) {
        all += fmt::format("{}{} = {}", all.empty() ? "" : ", ", toml_key(name), toml_text(text));
    }
    return all.empty() ? "{}" : fmt::format("{{ {} }}", all);
}

}  // namespace sluice::config
