// Reads "gemini-MAJOR[.MINOR]-KIND".
#include "providers/gemini_model.h"

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/text.h"

namespace sluice::providers {

namespace {

constexpr uint64_t kNewest = 1000;

bool holds(std::string_view text, std::string_view word) {
    return text.find(word) != text.npos;
}

// The number at the front of `text`, which is advanced.
std::optional<uint64_t> take_number(std::string_view& text) {
    const size_t end = text.find_first_not_of("0123456789");
    const std::optional<uint64_t> number = parse_decimal(text.substr(0, end));
    text.remove_prefix(end == text.npos ? text.size() : end);
    return number;
}

// Ten times the version: 25 of gemini-2.5-flash; 0 of what is no Gemini.
uint64_t version_of(std::string_view name) {
    constexpr std::string_view kFamily = "gemini-";
    const size_t at = name.rfind(kFamily);
    if (at == name.npos) {
        return 0;
    }
    std::string_view rest = name.substr(at + kFamily.size());
    const std::optional<uint64_t> major = take_number(rest);
    if (!major) {
        return kNewest;
    }
    uint64_t minor = 0;
    if (rest.starts_with('.')) {
        rest.remove_prefix(1);
        minor = take_number(rest).value_or(0);
    }
    return 10 * *major + minor;
}

}  // namespace

GeminiModel gemini_model(std::string_view name) {
    constexpr uint64_t kFirstWithBudgets = 25;
    constexpr uint64_t kFirstWithLevels = 30;
    const uint64_t version = version_of(name);
    GeminiModel model = {.is_pro = holds(name, "-pro")};
    if (version >= kFirstWithLevels) {
        model.thinking = GeminiThinking::levels;
        model.has_minimal_level = !model.is_pro && !holds(name, "3.7-flash");
    } else if (version >= kFirstWithBudgets) {
        model.thinking = GeminiThinking::budgets;
    }
    return model;
}

bool embeds_by_predict(std::string_view name) {
    return !gemini_base_name(name).starts_with("gemini-embedding-2");
}

std::string_view gemini_base_name(std::string_view name) {
    for (const std::string_view prefix : {"publishers/google/", "models/", "google/"}) {
        if (name.starts_with(prefix)) {
            name.remove_prefix(prefix.size());
        }
    }
    return name;
}

}  // namespace sluice::providers
