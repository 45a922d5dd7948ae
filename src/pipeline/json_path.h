// JsonPath: which values of a request a setting means.
//
//     metadata.team    messages[0].content    messages[*].name    tools[*].function.strict
//
// Members by their names, items of an array by their number, all of them by '*'. Read once, when
// the configuration is; walking it over a body allocates nothing. A member that a client wrote
// twice, or with escapes in its name, is found as often as it stands there.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "json/tree.h"

namespace sluice::pipeline {

// Whether this is the member `name` of its object, however that is spelled.
bool is_named(const json::Value& member, std::string_view name, Arena& arena);
// The first member of that name, or null; `count` says how many there are.
const json::Value* find_member(const json::Value& object,
                               std::string_view name,
                               Arena& arena,
                               size_t& count);

class JsonPath {
public:
    static constexpr size_t kSegmentsMax = 16;

    struct Segment {
        enum class Kind : uint8_t { member, item, all_items };
        Kind kind = Kind::member;
        std::string name = {};  // Of a member.
        uint32_t item = 0;
    };

    // What was found where the path leads to.
    struct Match {
        enum class Kind : uint8_t {
            found,
            missing,  // The object `parent` lacks the member of segment `depth`.
            blocked,  // `value` has neither members nor items for segment `depth`.
        };
        Kind kind;
        const json::Value* parent;  // Null for the top.
        const json::Value* value;   // Null when missing.
        size_t depth;               // How many segments lead to it.
        const uint32_t* items;      // The item that each of them took.
    };

    // The error says at which column what was expected.
    static std::expected<JsonPath, std::string> parse(std::string_view text);

    const std::vector<Segment>& segments() const { return segments_; }
    const Segment& last() const { return segments_.back(); }

    // Calls visit(match) for all of them, in the order of the text.
    template <class Visit>
    void walk(const json::Value& top, Arena& arena, const Visit& visit) const {
        std::array<uint32_t, kSegmentsMax> items{};
        const Match at = {Match::Kind::found, nullptr, &top, 0, items.data()};
        step(at, items, arena, visit);
    }

    // The path with the numbers of its items, as errors name it: "messages[3].role".
    std::string_view place(const Match& match, Arena& arena) const;

private:
    using Items = std::array<uint32_t, kSegmentsMax>;

    template <class Visit>
    void step(const Match& at, Items& items, Arena& arena, const Visit& visit) const;
    template <class Visit>
    void step_members(const Match& at, Items& items, Arena& arena, const Visit& visit) const;

    std::vector<Segment> segments_;
};

template <class Visit>
void JsonPath::step(const Match& at, Items& items, Arena& arena, const Visit& visit) const {
    if (at.depth == segments_.size()) {
        visit(at);
        return;
    }
    const Segment& segment = segments_[at.depth];
    const json::Value& value = *at.value;
    if (segment.kind == Segment::Kind::member) {
        step_members(at, items, arena, visit);
        return;
    }
    const bool is_all = segment.kind == Segment::Kind::all_items;
    if (!value.is_array() || (!is_all && segment.item >= value.size())) {
        visit(Match{Match::Kind::blocked, at.parent, &value, at.depth, items.data()});
        return;
    }
    uint32_t item = 0;
    for (const json::Value& child : value) {
        if (is_all || item == segment.item) {
            items[at.depth] = item;
            step(Match{Match::Kind::found, &value, &child, at.depth + 1, items.data()}, items,
                 arena, visit);
        }
        ++item;
    }
}

template <class Visit>
void JsonPath::step_members(const Match& at, Items& items, Arena& arena, const Visit& visit) const {
    const json::Value& value = *at.value;
    if (!value.is_object()) {
        visit(Match{Match::Kind::blocked, at.parent, &value, at.depth, items.data()});
        return;
    }
    bool is_there = false;
    for (const json::Value& child : value) {
        if (is_named(child, segments_[at.depth].name, arena)) {
            is_there = true;
            step(Match{Match::Kind::found, &value, &child, at.depth + 1, items.data()}, items,
                 arena, visit);
        }
    }
    if (!is_there) {
        visit(Match{Match::Kind::missing, &value, nullptr, at.depth, items.data()});
    }
}

}  // namespace sluice::pipeline
