// Measuring, then filling up with blanks.
#include "server/text_table.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "json/tree.h"
#include "json/unescape.h"

namespace sluice::server {

namespace {

constexpr std::string_view kGap = "  ";

}  // namespace

size_t width(std::string_view text) {
    return static_cast<size_t>(std::ranges::count_if(
        text, [](char c) { return (static_cast<uint8_t>(c) & 0xC0U) != 0x80U; }));
}

std::string table_of(std::span<const Row> rows) {
    std::vector<size_t> widths;
    for (const Row& row : rows) {
        widths.resize(std::max(widths.size(), row.size()));
        for (size_t i = 0; i < row.size(); ++i) {
            widths[i] = std::max(widths[i], width(row[i]));
        }
    }
    std::string text;
    for (const Row& row : rows) {
        std::string line;
        for (size_t i = 0; i < row.size(); ++i) {
            line += row[i];
            line += std::string(widths[i] - width(row[i]), ' ');
            line += kGap;
        }
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + '\n';
    }
    return text;
}

std::string shown_text(const json::Value& value, Arena& arena) {
    std::string text(json::unescape(value.text().raw, arena).value_or(value.text().raw));
    std::ranges::replace_if(
        text, [](char c) { return static_cast<uint8_t>(c) < 0x20 || c == 0x7f; }, '?');
    return text;
}

}  // namespace sluice::server
