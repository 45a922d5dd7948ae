// Four states, one byte of memory about what came before, and a jump to the next candidate.
#include "json/member_finder.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/assert.h"
#include "json/characters.h"

namespace sluice::json {

namespace {

constexpr uint32_t kFirstCapacityBytes = 512;  // A usage object has 150 to 500 bytes.

// What an object's end can depend on: quotes and backslashes, and braces outside of strings.
constexpr std::array<bool, 256> make_marks() {
    std::array<bool, 256> marks = {};
    marks['"'] = marks['\\'] = marks['{'] = marks['}'] = true;
    return marks;
}

constexpr std::array<bool, 256> kMarks = make_marks();

const char* skip_plain(const char* at, const char* end) {
    while (at != end && !kMarks[static_cast<unsigned char>(*at)]) {
        ++at;
    }
    return at;
}

}  // namespace

MemberFinder::MemberFinder(std::string_view quoted_key, Arena& arena, const Options& options)
    : quoted_key_(quoted_key),
      arena_(&arena),
      find_pair_((options.scan != nullptr ? *options.scan : text_scan()).find_pair),
      value_bytes_max_(static_cast<uint32_t>(options.value_bytes_max)),
      finds_texts_(options.finds_texts) {
    SLUICE_ASSERT(quoted_key.size() > 2 && quoted_key.size() <= kKeyBytesMax + 2);
    SLUICE_ASSERT(quoted_key.front() == '"' && quoted_key.find('"', 1) == quoted_key.size() - 1);
    SLUICE_ASSERT(quoted_key.find('\\') == quoted_key.npos);
}

void MemberFinder::feed(std::string_view piece) {
    while (!piece.empty()) {
        piece = feed_to_find(piece);
    }
}

std::string_view MemberFinder::feed_to_find(std::string_view piece) {
    const char* at = piece.data();
    const char* const end = at + piece.size();
    const uint32_t count_before = count_;
    while (at != end && count_ == count_before) {
        switch (state_) {
            case State::search:
                at = search(at, end, piece.data());
                break;
            case State::inside:
                at = inside(at, end);
                break;
            case State::text:
                at = text(at, end);
                break;
            case State::colon:
            case State::value:
                if (is_space(*at)) {
                    ++at;
                } else if (state_ == State::colon && *at == ':') {
                    state_ = State::value;
                    ++at;
                } else if (state_ == State::value && *at == '{' && !finds_texts_) {
                    state_ = State::inside;
                } else if (state_ == State::value && *at == '"' && finds_texts_) {
                    state_ = State::text;
                    ++at;
                } else {
                    state_ = State::search;
                }
                break;
        }
    }
    if (at != piece.data()) {
        last_ = at[-1];
    }
    return {at, end};
}

// Goes to the byte after the quoted key, or to the end. `begin` is the first byte of the piece.
const char* MemberFinder::search(const char* at, const char* end, const char* begin) {
    while (matched_ > 0) {  // The piece before ended inside a match.
        if (at == end) {
            return at;
        }
        if (*at != quoted_key_[matched_]) {
            matched_ = 0;
            break;
        }
        ++at;
        if (++matched_ == quoted_key_.size()) {
            matched_ = 0;
            state_ = State::colon;
            return at;
        }
    }
    while (true) {
        at = find_pair_(at, end, quoted_key_[0], quoted_key_[1]);
        if (at == end) {
            return at;
        }
        const char before = at == begin ? last_ : at[-1];
        const size_t count = std::min(quoted_key_.size(), static_cast<size_t>(end - at));
        if (before != '\\' && std::memcmp(at, quoted_key_.data(), count) == 0) {
            if (count == quoted_key_.size()) {
                state_ = State::colon;
            } else {
                matched_ = static_cast<uint8_t>(count);
            }
            return at + count;
        }
        ++at;
    }
}

// From the opening brace to the byte after the closing one, or to the end.
const char* MemberFinder::inside(const char* at, const char* end) {
    const char* const from = at;
    // In registers while the loop runs.
    bool in_string = in_string_;
    bool after_backslash = after_backslash_;
    while (true) {
        if (!after_backslash) {
            at = skip_plain(at, end);
        }
        if (at == end) {
            break;
        }
        if (in_string) {
            in_string = after_backslash || *at != '"';
            after_backslash = !after_backslash && *at == '\\';
        } else if (*at == '"') {
            in_string = true;
        } else if (*at == '{') {
            ++depth_;
        } else if (*at == '}' && --depth_ == 0) {
            ++at;
            in_string_ = after_backslash_ = false;
            keep(std::string_view(from, at));
            end_value();
            return at;
        }
        ++at;
    }
    in_string_ = in_string;
    after_backslash_ = after_backslash;
    keep(std::string_view(from, at));
    return at;
}

// From the byte after the opening quote to the one after the closing quote, or to the end.
const char* MemberFinder::text(const char* at, const char* end) {
    const char* const from = at;
    while (at != end && (after_backslash_ || *at != '"')) {
        after_backslash_ = !after_backslash_ && *at == '\\';
        ++at;
    }
    keep(std::string_view(from, at));
    if (at == end) {
        return at;
    }
    if (pending_.size == 0 && !is_too_long_) {
        state_ = State::search;
    } else {
        end_value();
    }
    return at + 1;
}

void MemberFinder::keep(std::string_view part) {
    if (part.empty()) {
        return;
    }
    if (is_too_long_ || part.size() > value_bytes_max_ - pending_.size) {
        is_too_long_ = true;
        return;
    }
    const auto needed = static_cast<uint32_t>(pending_.size + part.size());
    if (needed > pending_.capacity) {
        uint32_t capacity = std::max(kFirstCapacityBytes, pending_.capacity);
        while (capacity < needed) {
            capacity *= 2;
        }
        auto* const wider = static_cast<char*>(arena_->allocate(capacity, 1));
        if (pending_.size > 0) {
            std::memcpy(wider, pending_.data, pending_.size);
        }
        pending_.data = wider;
        pending_.capacity = capacity;
    }
    std::memcpy(pending_.data + pending_.size, part.data(), part.size());
    pending_.size = needed;
}

void MemberFinder::end_value() {
    if (!is_too_long_) {
        std::swap(found_, pending_);
        ++count_;
    }
    pending_.size = 0;
    is_too_long_ = false;
    state_ = State::search;
}

}  // namespace sluice::json
