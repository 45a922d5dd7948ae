// HeaderEdits: what processors change of the fields that go to one side.
//
// A handful at most, so a list that is walked for each field. Lies in the exchange's arena; names
// and values live as long as it.
#pragma once

#include <algorithm>
#include <string_view>

#include "base/arena.h"
#include "base/arena_list.h"
#include "base/text.h"
#include "http/h1_writer.h"

namespace sluice::pipeline {

class HeaderEdits {
public:
    explicit HeaderEdits(Arena& arena) : edits_(arena) {}

    bool empty() const { return edits_.empty(); }
    // Another field of that name beside those that are there.
    void add(std::string_view name, std::string_view value) {
        edits_.push_back({name, value, Kind::add});
    }
    // The only field of that name.
    void set(std::string_view name, std::string_view value) {
        remove(name);
        add(name, value);
    }
    void remove(std::string_view name) {
        for (Edit& edit : edits_.view()) {
            if (equals_ignoring_case(edit.name, name)) {
                edit.kind = Kind::remove;
            }
        }
        edits_.push_back({name, {}, Kind::remove});
    }

    // A field of the message itself does not go on.
    bool removes(std::string_view name) const {
        return std::ranges::any_of(edits_.view(), [&](const Edit& edit) {
            return edit.kind == Kind::remove && equals_ignoring_case(edit.name, name);
        });
    }
    void write(http::HeadWriter& writer) const {
        for (const Edit& edit : edits_.view()) {
            if (edit.kind == Kind::add) {
                writer.field(edit.name, edit.value);
            }
        }
    }

private:
    enum class Kind : uint8_t { add, remove };
    struct Edit {
        std::string_view name;
        std::string_view value;
        Kind kind;
    };

    ArenaList<Edit> edits_;
};

}  // namespace sluice::pipeline
