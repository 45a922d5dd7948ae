// Edit distance with three rows, and the choice of the nearest name.
#include "config/nearest.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace sluice::config {

namespace {

constexpr size_t kLengthMax = 64;  // Longer than any key or flag of ours.

}  // namespace

size_t edit_distance(std::string_view a, std::string_view b) {
    if (a.size() > kLengthMax || b.size() > kLengthMax) {
        return SIZE_MAX;
    }
    std::array<std::array<size_t, kLengthMax + 1>, 3> rows = {};
    for (size_t j = 0; j <= b.size(); ++j) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= a.size(); ++i) {
        auto& row = rows[i % 3];
        const auto& above = rows[(i - 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b.size(); ++j) {
            const size_t replaced = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = std::min({above[j] + 1, row[j - 1] + 1, replaced});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = std::min(row[j], rows[(i - 2) % 3][j - 2] + 1);
            }
        }
    }
    return rows[a.size() % 3][b.size()];
}

std::string_view nearest(std::string_view written, std::span<const std::string_view> candidates) {
    size_t best = std::max<size_t>(1, written.size() / 3);
    std::string_view found;
    for (const std::string_view candidate : candidates) {
        const size_t distance = edit_distance(written, candidate);
        if (distance < best || (distance == best && found.empty())) {
            best = distance;
            found = candidate;
        }
    }
    return found;
}

std::string did_you_mean(std::string_view written, std::span<const std::string_view> candidates) {
    const std::string_view found = nearest(written, candidates);
    return found.empty() ? std::string() : fmt::format("; did you mean \"{}\"?", found);
}

}  // namespace sluice::config
