// Splice: changes a few members of a JSON body that stays where it was received.
//
// Slices are cut at the offsets that the Validator reported and new text is put between them; all
// other bytes are passed on untouched, unread and uncopied. The body is validated already, and
// edits are our own decisions, so a wrong edit is a bug and asserts. Made and used on the stack.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/slice_queue.h"
#include "json/field_watch.h"

namespace sluice::json {

class Splice {
public:
    static constexpr size_t kEditsMax = 16;

    // `body` starts at the document's first byte and must hold every edited member, and the first
    // byte after it (for insert_first: after the opening brace) that is not white space. What
    // follows may still be on its way. Texts given to a Splice must live as long as the queue that
    // apply() fills (static, or in the exchange's arena).
    explicit Splice(SliceQueue& body) : body_(&body) {}

    // Puts `json` in the place of the value.
    void replace(const Field& field, std::string_view json);
    // Puts `quoted_key` in the place of the member's key.
    void rename(const Field& field, std::string_view quoted_key);
    // Takes the member out, with the comma that is no longer needed.
    void remove(const Field& field);
    // Puts `member` (`"key":value`, no comma) first into the top object; `object_begin` is the
    // Validator's. Several are put in the order of the calls.
    void insert_first(size_t object_begin, std::string_view member);

    // How many bytes the body grows by; negative when it shrinks. No edits after that.
    int64_t growth_bytes();

    // Moves the body to the end of `to`, with the edits made, and leaves it empty.
    void apply(SliceQueue& to);

private:
    enum class Kind : uint8_t { replacement, insertion, removal };
    // [begin, end) of the body gives way to `text` and, if wanted, a comma.
    struct Edit {
        uint32_t begin;
        uint32_t end;
        Kind kind;
        bool has_comma;
        std::string_view text;
    };

    void add(const Edit& edit);
    void settle();
    void settle_removal(size_t index);
    void settle_insertions();
    bool is_empty_after(size_t object_begin) const;

    SliceQueue* body_;
    std::array<Edit, kEditsMax> edits_;
    size_t count_ = 0;
    bool is_settled_ = false;
};

}  // namespace sluice::json
