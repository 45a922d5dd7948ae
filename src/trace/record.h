// Record: one exchange as a trace, a value without a pointer to anything that ends.
//
// Filled in its slot of a shard's lane when an exchange ends, read by the exporter. Times are
// nanoseconds since 1970, zero for what did not happen. Texts marked static live for ever; all
// others lie in the record's own area, cut where they are too long.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "trace/content.h"
#include "trace/context.h"
#include "trace/notes.h"
#include "trace/sampling.h"

namespace sluice::trace {

class TextArea {
public:
    struct Place {
        uint16_t at = 0;
        uint16_t size = 0;
    };

    TextArea() = default;
    void clear() { used_ = 0; }

    // Cut after `bytes_max`, and where the area ends; not within a character of UTF-8.
    Place add(std::string_view text, size_t bytes_max = kTextBytesMax) {
        size_t size = std::min({text.size(), bytes_max, bytes_.size() - used_});
        while (size > 0 && size < text.size() &&
               (static_cast<uint8_t>(text[size]) & 0xC0) == 0x80) {
            --size;
        }
        text.copy(bytes_.data() + used_, size);
        const Place place = {.at = used_, .size = static_cast<uint16_t>(size)};
        used_ = static_cast<uint16_t>(used_ + size);
        return place;
    }
    std::string_view view(Place place) const { return {bytes_.data() + place.at, place.size}; }

private:
    static constexpr size_t kBytes = 1536;
    static constexpr size_t kTextBytesMax = 128;

    uint16_t used_ = 0;
    std::array<char, kBytes> bytes_;  // Behind `used_` they have no value.
};

using Text = TextArea::Place;

struct AttemptRecord {
    SpanId span = 0;
    std::string_view vendor;        // Static.
    std::string_view retry_reason;  // Static.
    std::string_view error;         // Static; empty when it went well.
    Text upstream;
    Text model;
    Text host;
    uint16_t port = 0;
    uint16_t ordinal = 0;
    uint16_t status = 0;
    bool is_stream = false;
    bool is_reused = false;
    bool is_failed = false;
    int64_t began = 0;
    int64_t leased = 0;
    int64_t sent = 0;
    int64_t first_byte = 0;
    int64_t first_event = 0;
    int64_t ended = 0;
};

struct StepRecord {
    std::string_view phase;    // Static.
    std::string_view verdict;  // Static.
    Text name;
    Text type;
    int64_t began = 0;
    int64_t ended = 0;
};

// What was used, of the last attempt.
struct UsageFacts {
    uint64_t input_tokens = 0;
    uint64_t cached_tokens = 0;
    uint64_t cache_write_tokens = 0;
    uint64_t output_tokens = 0;
    bool is_known = false;
    bool is_estimated = false;
};

struct ExchangeFacts {
    Context own;
    SpanId parent = 0;
    Keep keep = Keep::head;
    std::string_view method;     // Static.
    std::string_view scheme;     // Static.
    std::string_view operation;  // Static; empty where it is none that we know.
    std::string_view error;      // Static; empty when it went well.
    std::string_view error_source;
    std::string_view cache;  // Static; empty for none.
    std::string_view phase;  // Static: in which it ended.
    Text request_id;
    Text path;
    Text route;  // Empty for none.
    Text client;
    Text model;  // As the client wrote it.
    Text pool;
    Text key;
    Text tenant;
    Text reply_model;
    std::array<Text, kFinishReasonsMax> finish_reasons = {};
    uint8_t finish_count = 0;
    uint16_t status = 0;  // As sent to the client; 0 when nothing was.
    uint16_t attempts = 0;
    bool is_failed = false;  // By its own or an upstream's fault.
    bool is_stream = false;
    bool is_priced = false;
    int64_t cost_pico_usd = 0;
    UsageFacts usage;
    int64_t began = 0;
    int64_t ended = 0;
};

struct Record {
    ExchangeFacts exchange;
    uint8_t attempt_count = 0;
    uint8_t step_count = 0;
    std::array<AttemptRecord, kAttemptsMax> attempts;
    std::array<StepRecord, kStepsMax> steps;
    TextArea texts;
    // Where content goes into traces; let go of as soon as the record was read.
    ContentPtr content;

    void clear() {
        exchange = {};
        attempt_count = 0;
        step_count = 0;
        content.reset();
        texts.clear();
    }
    std::string_view text(Text place) const { return texts.view(place); }
};

// Which parts of an attempt have a span of their own.
struct Phases {
    bool connect = false;
    bool wait = false;   // For the first token, or the first byte.
    bool reply = false;  // The answer itself.

    size_t count() const { return size_t{connect} + size_t{wait} + size_t{reply}; }
};

// Of a note or a record of an attempt.
template <class Attempt>
Phases phases_of(const Attempt& attempt) {
    const auto never = decltype(attempt.began)();
    return {.connect = !attempt.is_reused || attempt.leased != attempt.began,
            .wait = attempt.sent != never,
            .reply = attempt.first_event != never ||
                     (attempt.first_byte != never && !attempt.is_stream)};
}

// Of all of it, the exchange's own span included.
size_t span_count(const Record& record);
size_t span_count(const Notes& notes);

}  // namespace sluice::trace
