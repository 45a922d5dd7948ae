// Large images go by as views: only what is written unusually is copied.
#include "providers/data_url.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/arena.h"
#include "base/text.h"
#include "json/tree.h"
#include "json/unescape.h"

namespace sluice::providers {

using json::Text;

namespace {

constexpr std::string_view kScheme = "data:";
constexpr std::string_view kBase64 = "base64";

// Enough for the longest of the signatures.
constexpr size_t kSniffedBytes = 12;

bool starts_ignoring_case(std::string_view text, std::string_view prefix) {
    return text.size() >= prefix.size() &&
           equals_ignoring_case(text.substr(0, prefix.size()), prefix);
}

uint32_t sextet(char c) {
    if (c >= 'A' && c <= 'Z') {
        return static_cast<uint32_t>(c - 'A');
    }
    if (c >= 'a' && c <= 'z') {
        return static_cast<uint32_t>(c - 'a') + 26;
    }
    if (c >= '0' && c <= '9') {
        return static_cast<uint32_t>(c - '0') + 52;
    }
    return c == '+' ? 62 : 63;
}

// Letters, digits and the few marks that types are made of; nothing that JSON would escape.
bool is_media_type(std::string_view type) {
    return std::ranges::all_of(type, [](char c) {
        const char low = ascii_lower(c);
        return (low >= 'a' && low <= 'z') || (c >= '0' && c <= '9') ||
               std::string_view("/.+-").find(c) != std::string_view::npos;
    });
}

bool is_base64_mark(char c) {
    const char low = ascii_lower(c);
    return (low >= 'a' && low <= 'z') || (c >= '0' && c <= '9') ||
           std::string_view("+/-_=").find(c) != std::string_view::npos;
}

// What was written with escapes: broken lines are joined, and nothing may be left that would have
// to be escaped again. Empty when something is.
std::string_view join_lines(std::string_view data, Arena& arena) {
    auto* const begin = static_cast<char*>(arena.allocate(data.size(), 1));
    char* const end = std::ranges::copy_if(data, begin, [](char c) {
                          return c != '\r' && c != '\n' && c != ' ';
                      }).out;
    const bool is_clean = std::all_of(begin, end, is_base64_mark);
    return is_clean ? std::string_view(begin, end) : std::string_view();
}

}  // namespace

bool is_data_url(Text url) {
    return starts_ignoring_case(url.raw, kScheme);
}

std::string_view sniff_media_type(Text base64) {
    std::array<char, kSniffedBytes> bytes = {};
    const size_t quads = std::min(kSniffedBytes / 3, base64.raw.size() / 4);
    for (size_t i = 0; i < quads; ++i) {
        const char* const from = base64.raw.data() + 4 * i;
        const uint32_t group = sextet(from[0]) << 18U | sextet(from[1]) << 12U |
                               sextet(from[2]) << 6U | sextet(from[3]);
        bytes[3 * i] = static_cast<char>(group >> 16U);
        bytes[3 * i + 1] = static_cast<char>(group >> 8U);
        bytes[3 * i + 2] = static_cast<char>(group);
    }
    const std::string_view head(bytes.data(), bytes.size());
    if (head.starts_with("\x89PNG")) {
        return "image/png";
    }
    if (head.starts_with("\xFF\xD8\xFF")) {
        return "image/jpeg";
    }
    if (head.starts_with("GIF8")) {
        return "image/gif";
    }
    if (head.starts_with("RIFF") && head.substr(8) == "WEBP") {
        return "image/webp";
    }
    return head.starts_with("%PDF") ? "application/pdf" : "";
}

Text standard_base64(Text data, Arena& arena) {
    constexpr size_t kQuad = 4;
    const size_t padding = (kQuad - data.raw.size() % kQuad) % kQuad;
    const bool is_for_urls =
        data.raw.find('-') != data.raw.npos || data.raw.find('_') != data.raw.npos;
    if (padding == 0 && !is_for_urls) {
        return data;
    }
    const size_t size = data.raw.size() + padding;
    auto* const copy = static_cast<char*>(arena.allocate(size, 1));
    char* const end = std::ranges::transform(data.raw, copy, [](char c) {
                          return c == '-' ? '+' : c == '_' ? '/' : c;
                      }).out;
    std::fill(end, copy + size, '=');
    return {{copy, size}};
}

bool parse_data_url(Text url, Arena& arena, DataUrl& parts) {
    if (!is_data_url(url)) {
        return false;
    }
    const auto plain = json::unescape(url.raw, arena);
    const size_t comma = plain ? plain->find(',') : std::string_view::npos;
    if (comma == std::string_view::npos) {
        return false;
    }
    std::string_view head = plain->substr(kScheme.size(), comma - kScheme.size());
    const size_t last = head.rfind(';');
    if (last == head.npos || !equals_ignoring_case(trim_ows(head.substr(last + 1)), kBase64)) {
        return false;
    }
    head = trim_ows(head.substr(0, head.find(';')));
    std::string_view data = plain->substr(comma + 1);
    if (plain->data() != url.raw.data()) {
        data = join_lines(data, arena);
    }
    parts.data = standard_base64({data}, arena);
    if (parts.data.empty() || !is_media_type(head)) {
        return false;
    }
    if (head.empty()) {
        head = sniff_media_type(parts.data);
    }
    parts.media_type = {equals_ignoring_case(head, "image/jpg") ? "image/jpeg" : head};
    return true;
}

}  // namespace sluice::providers
