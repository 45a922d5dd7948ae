// One function for each kind of edit; each walks the path and notes what is to be changed.
#include "pipeline/processors/transform.h"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/arena.h"
#include "base/arena_list.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/text.h"
#include "json/tree.h"
#include "json/writer.h"
#include "pipeline/body_edits.h"
#include "pipeline/json_path.h"
#include "pipeline/processor.h"

namespace sluice::pipeline {

namespace {

using Edit = Transform::Plan::Edit;
using Segment = JsonPath::Segment;
using Match = JsonPath::Match;

std::string quoted_name(std::string_view name) {
    return "\"" + std::string(name) + "\"";  // A path takes no name that needs an escape.
}

std::optional<double> number_in(std::string_view text) {
    Arena arena;
    const auto value = json::Value::parse(text, arena, ErrorSource::gateway);
    return value ? (*value)->number() : std::nullopt;
}

void remove(const Edit& edit, const json::Value& top, Arena& arena, BodyEdits& edits) {
    const Segment& last = edit.path.last();
    ArenaList<const json::Value*> containers(arena);
    const json::Value* previous = nullptr;
    edit.path.walk(top, arena, [&](const Match& match) {
        // Children of one container come one after the other.
        if (match.kind == Match::Kind::found && match.parent != previous) {
            previous = match.parent;
            containers.push_back(match.parent);
        }
    });
    for (const json::Value* container : containers.view()) {
        uint32_t item = 0;
        edits.remove_children(*container, [&](const json::Value& child) {
            return last.kind == Segment::Kind::member
                       ? is_named(child, last.name, arena)
                       : last.kind == Segment::Kind::all_items || item++ == last.item;
        });
    }
}

// Where the new name is there already, it wins, and the old one is left out.
void rename(const Edit& edit, const json::Value& top, Arena& arena, BodyEdits& edits) {
    const std::string_view name = std::string_view(edit.value).substr(1, edit.value.size() - 2);
    const json::Value* previous = nullptr;
    edit.path.walk(top, arena, [&](const Match& match) {
        if (match.kind != Match::Kind::found || match.parent == previous) {
            return;
        }
        previous = match.parent;
        size_t count = 0;
        const bool is_taken = find_member(*match.parent, name, arena, count) != nullptr;
        if (!is_taken) {
            edits.rename(*match.value, edit.value);
        }
        edits.remove_children(*match.parent, [&](const json::Value& child) {
            return (is_taken || &child != match.value) &&
                   is_named(child, edit.path.last().name, arena);
        });
    });
}

// `"a":{"b":value}` for the segments of the path that are missing; empty when an item is.
std::string_view missing_member(const Edit& edit, size_t from, Arena& arena) {
    const std::vector<Segment>& segments = edit.path.segments();
    json::ArenaText text(arena);
    for (size_t i = from; i < segments.size(); ++i) {
        if (segments[i].kind != Segment::Kind::member) {
            return {};
        }
        text.append(i == from ? "\"" : "{\"");
        text.append(segments[i].name);
        text.append("\":");
    }
    text.append(edit.value);
    for (size_t i = from + 1; i < segments.size(); ++i) {
        text.append('}');
    }
    return text.view();
}

void set(const Edit& edit, const json::Value& top, Arena& arena, BodyEdits& edits) {
    const bool is_default = edit.kind == Edit::Kind::default_value;
    edit.path.walk(top, arena, [&](const Match& match) {
        if (match.kind == Match::Kind::found) {
            if (!is_default && match.value->raw() != edit.value) {
                edits.replace(*match.value, edit.value);
            }
            return;
        }
        const std::string_view member = missing_member(edit, match.depth, arena);
        if (member.empty()) {
            return;
        }
        if (match.kind == Match::Kind::missing) {
            edits.insert_first(*match.parent, member);
        } else if (match.value->is_nothing()) {
            edits.replace(*match.value, arena.join({"{", member, "}"}));
        }
    });
}

void clamp(const Edit& edit, const json::Value& top, Arena& arena, BodyEdits& edits) {
    edit.path.walk(top, arena, [&](const Match& match) {
        if (match.kind != Match::Kind::found || !match.value->is_number()) {
            return;
        }
        const std::optional<double> number = match.value->number();
        const NumberRange& range = edit.range;
        if (!range.low.empty() && number && *number < range.low_value) {
            edits.replace(*match.value, range.low);
        } else if (!range.high.empty() && (!number || *number > range.high_value)) {
            edits.replace(*match.value, range.high);  // Also for what no double can hold.
        }
    });
}

void note(const Edit& edit, const json::Value& top, Arena& arena, BodyEdits& edits) {
    switch (edit.kind) {
        case Edit::Kind::remove:
            remove(edit, top, arena, edits);
            break;
        case Edit::Kind::rename:
            rename(edit, top, arena, edits);
            break;
        case Edit::Kind::default_value:
        case Edit::Kind::set:
            set(edit, top, arena, edits);
            break;
        case Edit::Kind::clamp:
            clamp(edit, top, arena, edits);
            break;
    }
}

}  // namespace

std::expected<NumberRange, std::string> NumberRange::parse(std::string_view text) {
    constexpr std::string_view kExpected =
        "expected two numbers such as \"0..1\", or one of them: \"0..\", \"..1\"";
    const size_t dots = text.find("..");
    if (dots == std::string_view::npos) {
        return std::unexpected(std::string(kExpected));
    }
    NumberRange range = {.low = std::string(trim_ows(text.substr(0, dots))),
                         .high = std::string(trim_ows(text.substr(dots + 2)))};
    const std::optional<double> low = range.low.empty() ? 0 : number_in(range.low);
    const std::optional<double> high = range.high.empty() ? 0 : number_in(range.high);
    if (!low || !high || (range.low.empty() && range.high.empty())) {
        return std::unexpected(std::string(kExpected));
    }
    range.low_value = *low;
    range.high_value = *high;
    if (!range.low.empty() && !range.high.empty() && *low > *high) {
        return std::unexpected("expected the lower number first");
    }
    return range;
}

Transform::Plan::Plan(const TransformOptions& options) {
    const auto add = [this](Edit::Kind kind, const std::string& path, std::string value) {
        auto parsed = JsonPath::parse(path);
        SLUICE_ASSERT(parsed.has_value());
        edits.push_back({kind, *std::move(parsed), std::move(value)});
    };
    for (const std::string& path : options.remove) {
        add(Edit::Kind::remove, path, {});
    }
    for (const TransformEdit& edit : options.rename) {
        add(Edit::Kind::rename, edit.path, quoted_name(edit.value));
    }
    for (const TransformEdit& edit : options.defaults) {
        add(Edit::Kind::default_value, edit.path, edit.value);
    }
    for (const TransformEdit& edit : options.set) {
        add(Edit::Kind::set, edit.path, edit.value);
    }
    for (const TransformEdit& edit : options.clamp) {
        add(Edit::Kind::clamp, edit.path, {});
        auto range = NumberRange::parse(edit.value);
        SLUICE_ASSERT(range.has_value());
        edits.back().range = *std::move(range);
    }
}

Verdict Transform::on_request(ProcessorContext& context) {
    if (context.body.empty()) {
        return Verdict::proceed();
    }
    for (const Edit& edit : plan_.edits) {
        const auto tree = context.body.tree();
        if (!tree) {
            return Verdict::failed(tree.error());
        }
        BodyEdits edits(context.body, context.arena);
        note(edit, **tree, context.arena, edits);
        edits.apply();
    }
    return Verdict::proceed();
}

}  // namespace sluice::pipeline
