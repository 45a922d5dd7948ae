// Where texts go between brackets and commas, and the order of edits.
#include "pipeline/body_edits.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "json/tree.h"
#include "pipeline/request_body.h"

namespace sluice::pipeline {

void BodyEdits::rename(const json::Value& member, std::string_view quoted_name) {
    const std::string_view name = member.key().raw;
    const size_t begin = body_.offset(name) - 1;
    add(begin, begin + name.size() + 2, quoted_name);
}

void BodyEdits::insert_first(const json::Value& container, std::string_view child, bool is_alone) {
    const bool has_others = container.size() > 0 && !is_alone;
    put(container.raw().substr(1), 0, has_others ? arena_.join({child, ","}) : child);
}

void BodyEdits::insert_last(const json::Value& array, std::string_view item) {
    if (array.size() == 0) {
        insert_first(array, item);
        return;
    }
    const json::Value* last = nullptr;
    for (const json::Value& child : array) {
        last = &child;
    }
    add(end_of(*last), end_of(*last), arena_.join({",", item}));
}

void BodyEdits::apply() {
    if (!edits_.empty()) {
        // A walk notes them nearly in order, so that each moves over few others.
        const std::span<BodyEdit> all = edits_.view();
        for (auto at = all.begin(); at != all.end(); ++at) {
            const auto place = std::upper_bound(
                all.begin(), at, at->begin,
                [](size_t begin, const BodyEdit& edit) { return begin < edit.begin; });
            std::rotate(place, at, at + 1);
        }
        body_.apply(all);
    }
}

}  // namespace sluice::pipeline
