// Times and lists of groups.
#include "server/usage_words.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "config/checks.h"
#include "json/rfc3339.h"
#include "ledger/report.h"

namespace sluice::server {

namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;
// Years that fit a count of nanoseconds.
constexpr int64_t kSecondsMax = INT64_MAX / kNsPerSecond;
constexpr size_t kDateBytes = std::string_view("2026-11-28").size();

}  // namespace

std::optional<int64_t> parse_time_ns(std::string_view text) {
    std::string whole(text);
    whole += text.size() == kDateBytes ? "T00:00:00Z" : "";
    const std::optional<int64_t> seconds = json::parse_rfc3339(whole);
    if (!seconds || *seconds < -kSecondsMax || *seconds > kSecondsMax) {
        return std::nullopt;
    }
    return *seconds * kNsPerSecond;
}

std::expected<std::vector<ledger::GroupBy>, std::string> parse_groups(std::string_view text) {
    std::vector<ledger::GroupBy> groups;
    if (text == "none") {
        return groups;
    }
    while (true) {
        const size_t end = std::min(text.find(','), text.size());
        const std::string_view word = text.substr(0, end);
        const std::optional<ledger::GroupBy> group = ledger::find_group(word);
        if (!group) {
            return std::unexpected(fmt::format("{} is no group; expected {}, or none",
                                               config::in_quotes(word),
                                               fmt::join(ledger::group_names(), ", ")));
        }
        if (std::ranges::find(groups, *group) != groups.end()) {
            return std::unexpected(fmt::format("{} is named twice", config::in_quotes(word)));
        }
        groups.push_back(*group);
        if (end == text.size()) {
            return groups;
        }
        text.remove_prefix(end + 1);
    }
}

}  // namespace sluice::server
