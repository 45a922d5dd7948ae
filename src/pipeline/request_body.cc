// Taking, parsing and editing a whole body.
#include "pipeline/request_body.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/assert.h"
#include "base/error.h"
#include "base/result.h"
#include "base/slice.h"
#include "base/slice_queue.h"
#include "json/tree.h"

namespace sluice::pipeline {

namespace {

bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

}  // namespace

void RequestBody::take(const SliceQueue& held) {
    tree_ = nullptr;
    ++version_;
    if (held.slice_count() == 1) {
        text_ = held.front().share();
        return;
    }
    const auto size = static_cast<uint32_t>(held.size_bytes());
    text_ = Slice::allocate(size);
    held.copy_out(0, size, text_.block()->data);
}

void RequestBody::take_text(std::string_view text) {
    tree_ = nullptr;
    ++version_;
    text_ = Slice::copy_of(text);
}

Result<const json::Value*> RequestBody::tree() {
    if (tree_ == nullptr) {
        TRY(tree_, json::Value::parse(text(), *arena_, ErrorSource::client));
    }
    return tree_;
}

void RequestBody::apply(std::span<const BodyEdit> edits) {
    size_t size = text_.size();
    size_t last = 0;
    for (const BodyEdit& edit : edits) {
        SLUICE_ASSERT(last <= edit.begin && edit.begin <= edit.end && edit.end <= text_.size());
        size += edit.text.size();
        size -= edit.end - edit.begin;
        last = edit.end;
    }
    Slice edited = Slice::allocate(static_cast<uint32_t>(size));
    char* to = edited.block()->data;
    const std::string_view from = text();
    size_t next = 0;
    for (const BodyEdit& edit : edits) {
        to = std::ranges::copy(from.substr(next, edit.begin - next), to).out;
        to = std::ranges::copy(edit.text, to).out;
        next = edit.end;
    }
    std::ranges::copy(from.substr(next), to);
    text_ = std::move(edited);
    tree_ = nullptr;
    ++version_;
    has_changed_ = true;
}

void RequestBody::replace(std::string_view value, std::string_view with) {
    const size_t begin = offset(value);
    const BodyEdit edit = {begin, begin + value.size(), with};
    apply({&edit, 1});
}

void RequestBody::insert_member(const json::Value& object, std::string_view member) {
    const size_t begin = offset(object.raw()) + 1;
    const std::string_view text = object.size() == 0 ? member : arena_->join({member, ","});
    const BodyEdit edit = {begin, begin, text};
    apply({&edit, 1});
}

void RequestBody::remove_member(const json::Value& object, const json::Value& member) {
    const std::string_view all = text();
    size_t begin = offset(member.key().raw) - 1;  // The quote before the key.
    size_t end = offset(member.raw()) + member.raw().size();
    size_t after = end;
    while (is_space(all[after])) {
        ++after;
    }
    if (all[after] == ',') {
        end = after + 1;
    } else if (object.size() > 1) {
        while (all[begin - 1] != ',') {
            --begin;
        }
        --begin;
    }
    const BodyEdit edit = {begin, end, {}};
    apply({&edit, 1});
}

}  // namespace sluice::pipeline
