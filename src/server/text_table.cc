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

// How many bytes the control character at the front has; 0 for anything else. Terminals obey those
// of C1 in UTF-8 as well, and the marks that turn the direction of writing make a name look like
// another one.
size_t control_bytes(std::string_view text) {
    const auto byte = [text](size_t at) {
        return at < text.size() ? static_cast<uint8_t>(text[at]) : uint8_t{0};
    };
    if (byte(0) < 0x20 || byte(0) == 0x7f) {
        return 1;
    }
    if (byte(0) == 0xC2 && byte(1) >= 0x80 && byte(1) < 0xA0) {
        return 2;
    }
    const bool is_embedding = byte(1) == 0x80 && byte(2) >= 0xAA && byte(2) <= 0xAE;
    const bool is_isolate = byte(1) == 0x81 && byte(2) >= 0xA6 && byte(2) <= 0xA9;
    return byte(0) == 0xE2 && (is_embedding || is_isolate) ? 3 : 0;
}

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
    std::string shown;
    for (size_t at = 0; at < text.size();) {
        const size_t length = control_bytes(std::string_view(text).substr(at));
        shown += length == 0 ? text[at] : '?';
        at += std::max<size_t>(length, 1);
    }
    return shown;
}

}  // namespace sluice::server
