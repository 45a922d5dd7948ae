// Random edits of a JSON body, and what they must come to: used by the unit test of json/splice.h
// with random documents and by its fuzz target with any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <simdjson.h>

#include "base/prng.h"
#include "base/slice.h"
#include "base/slice_queue.h"
#include "json/field_watch.h"
#include "json/splice.h"
#include "json/validator.h"
#include "support/splits.h"

namespace sluice::json::test {

enum Name : uint8_t { model, stream, options, include_usage, max_tokens, n };
inline constexpr uint8_t kNames = n + 1;
inline constexpr WatchList kEditable = {{"model"},          {"stream"},
                                        {"stream_options"}, {"stream_options/include_usage"},
                                        {"max_tokens"},     {"n"}};

// One body in slices, and what the Validator found in it.
class Body {
public:
    explicit Body(const sluice::test::Pieces& pieces) : validator_({.watch = &watch_}) {
        for (size_t i = 0; i < pieces.size(); ++i) {
            is_valid_ = is_valid_ && validator_.feed(pieces[i]).has_value();
            queue_.push_back(Slice::copy_of(pieces[i]));
        }
        is_valid_ = is_valid_ && validator_.finish().has_value();
    }

    bool is_valid() const { return is_valid_; }
    Field field(Name name) const { return watch_.field(name); }
    size_t object_begin() const { return validator_.object_begin(); }
    SliceQueue& queue() { return queue_; }

private:
    FieldWatch watch_{kEditable};
    Validator validator_;
    SliceQueue queue_;
    bool is_valid_ = true;
};

// What a random edit list asks for, member by member.
enum class Change : uint8_t { keep, replace, remove, rename };

struct Plan {
    Change changes[kNames] = {};
    uint32_t insertions = 0;
};

inline constexpr std::string_view kInserted[] = {R"("new0":[0])", R"("new1":"}")"};

inline Plan make_plan(const Body& body, Prng& prng) {
    Plan plan;
    for (uint8_t i = 0; i < kNames; ++i) {
        const Name name{i};
        const bool parent_goes = name == include_usage && plan.changes[options] != Change::keep &&
                                 plan.changes[options] != Change::rename;
        if (body.field(name).is_present() && !parent_goes) {
            plan.changes[i] = Change{static_cast<uint8_t>(prng.below(4))};
        }
    }
    plan.insertions = prng.below(3);
    return plan;
}

inline void apply_plan(Splice& splice, const Body& body, const Plan& plan) {
    for (uint8_t i = kNames; i > 0; --i) {
        const Field field = body.field(Name{static_cast<uint8_t>(i - 1)});
        switch (plan.changes[i - 1]) {
            case Change::keep:
                break;
            case Change::replace:
                splice.replace(field, R"({"replaced":true})");
                break;
            case Change::remove:
                splice.remove(field);
                break;
            case Change::rename:
                splice.rename(field, R"("renamed")");
                break;
        }
    }
    for (uint32_t i = 0; i < plan.insertions; ++i) {
        splice.insert_first(body.object_begin(), kInserted[i]);
    }
}

// A document as text without white space, with the planned changes made. Escapes are resolved, so
// that it serves for comparison only.
inline std::string flat(simdjson::dom::element element, const Plan* plan, uint8_t parent) {
    simdjson::dom::object object;
    if (element.get(object) != simdjson::SUCCESS) {
        return simdjson::minify(element);
    }
    std::string text;
    const auto add = [&text](std::string_view key, std::string_view value) {
        text += text.empty() ? "" : ",";
        text += std::string(key) + ":" + std::string(value);
    };
    if (plan != nullptr && parent == WatchList::kNone) {
        for (uint32_t i = 0; i < plan->insertions; ++i) {
            add(i == 0 ? "new0" : "new1", i == 0 ? "[0]" : "\"}\"");
        }
    }
    for (const auto& [key, value] : object) {
        const uint8_t index = plan == nullptr ? WatchList::kNone : kEditable.find(key, parent);
        if (index == WatchList::kNone) {
            add(key, flat(value, nullptr, index));
            continue;
        }
        const Change change = plan->changes[index];
        if (change != Change::remove) {
            const Plan* const inner = kEditable.is_parent(index) ? plan : nullptr;
            add(change == Change::rename ? "renamed" : key,
                change == Change::replace ? "{replaced:true}" : flat(value, inner, index));
        }
    }
    return "{" + text + "}";
}

}  // namespace sluice::json::test
