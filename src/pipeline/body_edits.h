// BodyEdits: changes of a request body that are decided on while its tree is looked at, and made
// all at once.
//
// Everything that is not named here stays byte for byte. Texts given to it must live until apply(),
// which voids the tree. Made on the stack of a step.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/arena.h"
#include "base/arena_list.h"
#include "json/tree.h"
#include "pipeline/request_body.h"

namespace sluice::pipeline {

class BodyEdits {
public:
    BodyEdits(RequestBody& body, Arena& arena) : body_(body), arena_(arena), edits_(arena) {}

    bool empty() const { return edits_.empty(); }

    void replace(const json::Value& value, std::string_view json) {
        put(value.raw(), value.raw().size(), json);
    }
    // `quoted_name` becomes the name of a member.
    void rename(const json::Value& member, std::string_view quoted_name);
    // Into the inside of a string, escaped already.
    void put_before_text(const json::Value& string, std::string_view raw) {
        put(string.raw().substr(1), 0, raw);
    }
    void put_after_text(const json::Value& string, std::string_view raw) {
        put(string.raw().substr(string.raw().size() - 1), 0, raw);
    }
    // As the first member (`"name":value`) or item. `is_alone`: all others are taken out.
    void insert_first(const json::Value& container, std::string_view child, bool is_alone = false);
    void insert_last(const json::Value& array, std::string_view item);

    // Takes out the members or items that `leaves` is true for, with their commas; at most once for
    // each object or array.
    template <class Leaves>
    void remove_children(const json::Value& container, const Leaves& leaves) {
        const json::Value* previous = nullptr;
        bool has_kept = false;
        for (auto at = container.begin(); at != container.end();) {
            const json::Value& child = *at;
            ++at;
            if (!leaves(child)) {
                has_kept = true;
            } else if (has_kept) {
                add(end_of(*previous), end_of(child), {});
            } else {
                const bool is_last = at == container.end();
                add(begin_of(container, child), is_last ? end_of(child) : begin_of(container, *at),
                    {});
            }
            previous = &child;
        }
    }

    void apply();

private:
    void add(size_t begin, size_t end, std::string_view text) {
        edits_.push_back({begin, end, text});
    }
    void put(std::string_view at, size_t size, std::string_view text) {
        add(body_.offset(at), body_.offset(at) + size, text);
    }
    size_t begin_of(const json::Value& container, const json::Value& child) const {
        return container.is_object() ? body_.offset(child.key().raw) - 1
                                     : body_.offset(child.raw());
    }
    size_t end_of(const json::Value& child) const {
        return body_.offset(child.raw()) + child.raw().size();
    }

    RequestBody& body_;
    Arena& arena_;
    ArenaList<BodyEdit> edits_;
};

}  // namespace sluice::pipeline
