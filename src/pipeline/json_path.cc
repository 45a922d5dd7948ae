// Reading a path, and writing one out with its numbers.
#include "pipeline/json_path.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/arena.h"
#include "base/text.h"
#include "json/tree.h"
#include "json/unescape.h"
#include "json/writer.h"

namespace sluice::pipeline {

namespace {

// Nine digits fit into 32 bits, and no request has more items.
constexpr size_t kItemDigitsMax = 9;

bool is_plain(char c) {
    return static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\' && c != ']';
}

// From the front of the text; the first complaint counts.
class PathParser {
public:
    explicit PathParser(std::string_view text) : text_(text) {}

    std::expected<std::vector<JsonPath::Segment>, std::string> parse() {
        bool is_right = member();
        while (is_right && at_ < text_.size()) {
            if (segments_.size() == JsonPath::kSegmentsMax) {
                is_right = expect("a shorter path");
            } else if (text_[at_] == '[') {
                is_right = item();
            } else {
                ++at_;  // A point: nothing else ends a name.
                is_right = member();
            }
        }
        if (!is_right) {
            return std::unexpected(std::move(problem_));
        }
        return std::move(segments_);
    }

private:
    bool expect(std::string_view what) {
        problem_ = "at column " + std::to_string(at_ + 1) + ": expected " + std::string(what);
        return false;
    }

    bool member() {
        const size_t begin = at_;
        while (at_ < text_.size() && text_[at_] != '.' && text_[at_] != '[' &&
               is_plain(text_[at_])) {
            ++at_;
        }
        if (at_ == begin) {
            return expect("the name of a member");
        }
        if (at_ < text_.size() && !is_plain(text_[at_])) {
            return expect("'.', '[' or the end");
        }
        segments_.push_back({.name = std::string(text_.substr(begin, at_ - begin))});
        return true;
    }

    bool item() {
        const size_t begin = ++at_;
        const size_t end = text_.find(']', begin);
        const std::string_view inside = text_.substr(begin, end - begin);
        const std::optional<uint64_t> number = parse_decimal(inside.substr(0, kItemDigitsMax + 1));
        const bool is_number = number && inside.size() <= kItemDigitsMax;
        if (end == std::string_view::npos || (inside != "*" && !is_number)) {
            return expect("the number of an item or '*', and ']'");
        }
        segments_.push_back(
            {.kind = is_number ? JsonPath::Segment::Kind::item : JsonPath::Segment::Kind::all_items,
             .item = static_cast<uint32_t>(number.value_or(0))});
        at_ = end + 1;
        return at_ == text_.size() || text_[at_] == '.' || text_[at_] == '[' ||
               expect("'.', '[' or the end");
    }

    std::string_view text_;
    size_t at_ = 0;
    std::vector<JsonPath::Segment> segments_;
    std::string problem_;
};

}  // namespace

bool is_named(const json::Value& member, std::string_view name, Arena& arena) {
    const std::string_view raw = member.key().raw;
    if (!raw.contains('\\')) {
        return raw == name;
    }
    const auto plain = json::unescape(raw, arena);
    return plain && *plain == name;
}

const json::Value* find_member(const json::Value& object,
                               std::string_view name,
                               Arena& arena,
                               size_t& count) {
    const json::Value* found = nullptr;
    count = 0;
    if (!object.is_object()) {
        return found;
    }
    for (const json::Value& member : object) {
        if (is_named(member, name, arena)) {
            found = found == nullptr ? &member : found;
            ++count;
        }
    }
    return found;
}

std::expected<JsonPath, std::string> JsonPath::parse(std::string_view text) {
    auto segments = PathParser(text).parse();
    if (!segments) {
        return std::unexpected(std::move(segments.error()));
    }
    JsonPath path;
    path.segments_ = *std::move(segments);
    return path;
}

std::string_view JsonPath::place(const Match& match, Arena& arena) const {
    json::ArenaText text(arena, 64);
    for (size_t i = 0; i < segments_.size(); ++i) {
        const Segment& segment = segments_[i];
        if (segment.kind == Segment::Kind::member) {
            text.append(i == 0 ? "" : ".");
            text.append(segment.name);
            continue;
        }
        text.append('[');
        if (segment.kind == Segment::Kind::all_items && i >= match.depth) {
            text.append('*');  // It did not come to any.
        } else {
            std::array<char, 20> digits;
            const uint32_t item =
                segment.kind == Segment::Kind::item ? segment.item : match.items[i];
            text.append({digits.data(), write_decimal(item, digits.data())});
        }
        text.append(']');
    }
    return text.view();
}

}  // namespace sluice::pipeline
