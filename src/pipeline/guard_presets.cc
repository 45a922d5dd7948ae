// One line for each rule, in the order of the presets' names.
#include "pipeline/guard_presets.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <arpa/inet.h>

#include "pipeline/text_rules.h"

namespace sluice::pipeline {

namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

// ISO/IEC 7812: 13 to 19 digits, the last of which is Luhn's. A number is often followed by others,
// so the longest beginning that is one counts.
bool accepts_card(std::string_view text, size_t begin, size_t& end) {
    constexpr int64_t kDigitsMin = 13;
    constexpr int64_t kDigitsMax = 19;
    for (size_t to = end; to > begin; --to) {
        const bool ends_number =
            is_digit(text[to - 1]) && (to == text.size() || !is_digit(text[to]));
        const std::string_view part = text.substr(begin, to - begin);
        const int64_t digits = std::ranges::count_if(part, is_digit);
        if (digits < kDigitsMin) {
            return false;
        }
        if (ends_number && digits <= kDigitsMax && passes_luhn(part)) {
            end = to;
            return true;
        }
    }
    return false;
}

// What the Social Security Administration has never given out.
bool accepts_ssn(std::string_view text, size_t begin, size_t& end) {
    const std::string_view number = text.substr(begin, end - begin);
    const std::string_view area = number.substr(0, 3);
    return area != "000" && area != "666" && area.front() != '9' && number.substr(4, 2) != "00" &&
           number.substr(7) != "0000";
}

// The pattern takes more than addresses: times, names in C++, the colon after an address.
bool accepts_ipv6(std::string_view text, size_t begin, size_t& end) {
    if (text[end - 1] == ':' && text[end - 2] != ':') {
        --end;
    }
    const std::string address(text.substr(begin, end - begin));
    in6_addr parsed = {};
    return std::ranges::any_of(address, is_digit) &&
           inet_pton(AF_INET6, address.c_str(), &parsed) == 1;
}

struct Preset {
    std::string_view name;
    std::string_view pattern;
    bool (*accepts)(std::string_view text, size_t begin, size_t& end) = nullptr;
};

constexpr std::string_view kOctet = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";

constexpr auto kPresets = std::to_array<Preset>({
    {"api_key", R"(\bsk-(?:[A-Za-z0-9]+-)*[A-Za-z0-9_]{16,}\b)"},
    {"api_key", R"(\b(?:AKIA|ASIA)[0-9A-Z]{16}\b)"},
    {"api_key", R"(\bAIza[0-9A-Za-z_\-]{35}\b)"},
    {"api_key", R"(\bgh[opsur]_[A-Za-z0-9]{36,}\b)"},
    {"api_key", R"(\bgithub_pat_[A-Za-z0-9_]{22,}\b)"},
    {"api_key", R"(\bxox[abeoprs]-[A-Za-z0-9\-]{10,}\b)"},
    {"api_key", R"(\b(?:gsk|hf|glpat|r8|pplx|xai|csk)[_\-][A-Za-z0-9_\-]{20,}\b)"},
    {"credit_card", R"(\b(?:[0-9][ \-]?){12,24}[0-9]\b)", accepts_card},
    {"email", R"([A-Za-z0-9._%+\-]+@(?:[A-Za-z0-9\-]+\.)+[A-Za-z]{2,})"},
    {"ip_address", R"(\b(?:OCTET\.){3}OCTET\b)"},
    {"ip_address", R"((?:[0-9A-Fa-f]{1,4}|:):(?:[0-9A-Fa-f]{0,4}:){0,6}[0-9A-Fa-f]{0,4})",
     accepts_ipv6},
    {"ssn", R"(\b[0-9]{3}-[0-9]{2}-[0-9]{4}\b)", accepts_ssn},
});

constexpr std::string_view kNames[] = {"api_key", "credit_card", "email", "ip_address", "ssn"};

std::string pattern_of(const Preset& preset) {
    constexpr std::string_view kWord = "OCTET";
    std::string pattern(preset.pattern);
    for (size_t at = pattern.find(kWord); at != pattern.npos; at = pattern.find(kWord, at)) {
        pattern.replace(at, kWord.size(), kOctet);
    }
    return pattern;
}

}  // namespace

std::span<const std::string_view> guard_preset_names() {
    return kNames;
}

void add_guard_preset(std::string_view name, std::vector<TextRule>& to) {
    for (const Preset& preset : kPresets) {
        if (preset.name == name) {
            to.push_back({std::string(name), pattern_of(preset), preset.accepts});
        }
    }
}

bool passes_luhn(std::string_view text) {
    constexpr uint32_t kBase = 10;
    uint32_t sum = 0;
    bool is_doubled = false;
    for (size_t at = text.size(); at > 0; --at) {
        if (!is_digit(text[at - 1])) {
            continue;
        }
        const auto digit = static_cast<uint32_t>(text[at - 1] - '0');
        const uint32_t value = is_doubled ? 2 * digit : digit;
        sum += value >= kBase ? value - kBase + 1 : value;
        is_doubled = !is_doubled;
    }
    return sum % kBase == 0;
}

}  // namespace sluice::pipeline
