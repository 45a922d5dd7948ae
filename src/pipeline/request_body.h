// RequestBody: a whole request body, for processors that look into it or change it.
//
// One text, a tree of it on demand, and edits that replace ranges and leave every other byte as the
// client wrote it. The text is that of the received slice where it came in one piece. Values of the
// tree point into the text and hold until the next edit; one exchange.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "base/result.h"
#include "base/slice.h"
#include "base/slice_queue.h"
#include "json/tree.h"
#include "pipeline/client_call.h"

namespace sluice::pipeline {

// Bytes [begin, end) of the text give way to `text`.
struct BodyEdit {
    size_t begin;
    size_t end;
    std::string_view text;
};

class RequestBody {
public:
    explicit RequestBody(Arena& arena) : arena_(&arena) {}

    // Takes a received body; `held` keeps it.
    void take(const SliceQueue& held);
    // For a body that was not received.
    void take_text(std::string_view text);

    bool empty() const { return text_.empty(); }
    std::string_view text() const { return text_.view(); }
    bool has_changed() const { return has_changed_; }
    // Another one for every text; 0 before the first. An edited text may lie where an older one
    // did.
    uint32_t version() const { return version_; }
    // The text for whoever sends it.
    Slice share() const { return text_.share(); }

    // The parsed text. Fails with invalid_json, which a validated body does not.
    Result<const json::Value*> tree();

    // Edits must be in order and not overlap. Every value taken from the tree is void afterwards.
    void apply(std::span<const BodyEdit> edits);
    void replace(std::string_view value, std::string_view with);
    // `member` is `"key":value`; it becomes the first one of an object.
    void insert_member(const json::Value& object, std::string_view member);
    // Takes out a member with its comma.
    void remove_member(const json::Value& object, const json::Value& member);

    // Where a value stands in the text.
    size_t offset(std::string_view raw) const {
        return static_cast<size_t>(raw.data() - text_.data());
    }

private:
    Arena* arena_;
    Slice text_;
    const json::Value* tree_ = nullptr;
    uint32_t version_ = 0;
    bool has_changed_ = false;
};

}  // namespace sluice::pipeline
