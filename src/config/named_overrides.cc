// The table, and what a size means.
#include "config/named_overrides.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "base/text.h"
#include "config/pool_checks.h"
#include "config/schema.h"
#include "config/setting.h"

namespace sluice::config {

namespace {

constexpr auto kNamedOverrides = std::to_array<NamedOverride>({
    {Section::cache, "--cache-size", "LLM_PROXY_CACHE_SIZE", "SIZE",
     "a number of entries, or of bytes with a unit such as 256MB",
     "How much the response cache holds: a plain number is of entries, one with a unit (KB, MB, "
     "GB, KiB, MiB, GiB) is of bytes. Turns the cache on; 0 turns it off."},
    {Section::cache, "--cache-ttl", "LLM_PROXY_CACHE_TTL", "N", "a number of seconds",
     "Seconds for which an answer may be given again."},
    {Section::llm, "--max-retries", "LLM_PROXY_MAX_RETRIES", "N", "a number of retries",
     "max_retries of every [llm.NAME], whatever the file says of it."},
    {Section::pool, "--load-balance", "LLM_PROXY_LOAD_BALANCE", "NAME", "a strategy",
     "strategy of every [pool.NAME], whatever the file says of it."},
});

struct Unit {
    std::string_view name;
    uint64_t bytes;
};
constexpr uint64_t kKilo = 1000;
constexpr uint64_t kKibi = 1024;
constexpr Unit kUnits[] = {
    {"kb", kKilo},  {"mb", kKilo* kKilo},  {"gb", kKilo* kKilo* kKilo},
    {"kib", kKibi}, {"mib", kKibi* kKibi}, {"gib", kKibi* kKibi* kKibi},
    {"b", 1},
};

Override override_of(Section section,
                     std::string_view key,
                     std::string text,
                     const std::string& origin) {
    const Setting* const setting = find_setting(section, key);
    SLUICE_ASSERT(setting != nullptr);
    return {.section = section, .setting = setting, .text = std::move(text), .origin = origin};
}

// Of the overrides that stand for one setting.
std::string_view key_of(Section section) {
    switch (section) {
        case Section::cache:
            return "ttl_s";
        case Section::pool:
            return "strategy";
        default:
            return "max_retries";
    }
}

// Nothing when `text` is not a number with one of the units.
std::optional<uint64_t> bytes_of(std::string_view text) {
    const size_t digits = text.find_first_not_of("0123456789");
    if (digits == std::string_view::npos) {
        return std::nullopt;
    }
    const auto number = parse_decimal(text.substr(0, digits));
    std::string_view unit = text.substr(digits);
    unit.remove_prefix(std::min(unit.find_first_not_of(' '), unit.size()));
    const auto* const found = std::ranges::find_if(
        kUnits, [&](const Unit& each) { return equals_ignoring_case(each.name, unit); });
    if (!number || found == std::end(kUnits) || *number > UINT64_MAX / found->bytes) {
        return std::nullopt;
    }
    return *number * found->bytes;
}

void add_size(std::string_view text, const std::string& origin, std::vector<Override>& to) {
    const std::optional<uint64_t> bytes = bytes_of(text);
    const bool is_off = text == "0" || bytes == 0;
    to.push_back(override_of(Section::cache, "enabled", is_off ? "false" : "true", origin));
    if (is_off) {
        return;
    }
    if (bytes) {
        to.push_back(override_of(Section::cache, "bytes_max", std::to_string(*bytes), origin));
    } else {
        to.push_back(override_of(Section::cache, "entries_max", std::string(text), origin));
    }
}

}  // namespace

std::span<const NamedOverride> named_overrides() {
    return kNamedOverrides;
}

const NamedOverride* find_named_override(std::string_view flag) {
    const auto* const found = std::ranges::find(kNamedOverrides, flag, &NamedOverride::flag);
    return found == kNamedOverrides.end() ? nullptr : found;
}

void add_overrides(const NamedOverride& named,
                   std::string_view text,
                   const std::string& origin,
                   std::vector<Override>& to) {
    if (&named == kNamedOverrides.data()) {
        add_size(text, origin, to);
    } else {
        to.push_back(override_of(named.section, key_of(named.section),
                                 std::string(canonical_strategy(text)), origin));
    }
}

}  // namespace sluice::config
