// Notes: what an exchange remembers for its trace while it runs: who it is, what was attempted,
// which processors ran.
//
// In the exchange's arena, and only where traces are on. Texts belong to the exchange or its
// snapshot; those called static live for ever. Bounded: beyond, the last attempt replaces the one
// before it, and processors are left out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "base/arena_list.h"
#include "base/error.h"
#include "base/time.h"
#include "trace/context.h"

namespace sluice::trace {

inline constexpr size_t kAttemptsMax = 8;
inline constexpr size_t kStepsMax = 12;
inline constexpr size_t kFinishReasonsMax = 4;

// One request to an upstream. Instants are zero for what did not happen.
struct AttemptNote {
    SpanId span = 0;
    std::string_view upstream;
    std::string_view vendor;  // Static.
    std::string_view model;   // The upstream's name.
    std::string_view host;
    std::string_view retry_reason;  // Static; empty for the first one.
    uint16_t port = 0;
    uint16_t ordinal = 0;  // How many came before it.
    uint16_t status = 0;
    bool is_stream = false;
    bool is_reused = false;  // It went over a connection that had been used before.
    bool is_failed = false;
    Error error{.kind = ErrorKind::none};
    Instant began;
    Instant leased;
    Instant sent;
    Instant first_byte;
    Instant first_event;
    Instant ended;  // Not set while it goes on.
};

// A part of a processor's work.
struct StepNote {
    std::string_view name;
    std::string_view type;
    std::string_view phase;    // Static: "head", "request", "reply".
    std::string_view verdict;  // Static: "proceed", "refuse", "answer", "failed".
    Instant began;
    Instant ended;
};

class Notes {
public:
    // `own` is the exchange's span; `parent` its parent's, or 0.
    Notes(Arena& arena, const Context& own, SpanId parent, bool keeps_tracestate)
        : own_(own),
          parent_(parent),
          keeps_tracestate_(keeps_tracestate),
          attempts_(arena),
          steps_(arena) {}

    const Context& own() const { return own_; }
    SpanId parent() const { return parent_; }
    // False where the client's traceparent was not valid: its tracestate is not either.
    bool keeps_tracestate() const { return keeps_tracestate_; }

    AttemptNote& begin_attempt() {
        if (attempts_.size() == kAttemptsMax) {
            attempts_.remove_last();
        }
        AttemptNote& attempt = attempts_.push_back({});
        attempt.ordinal = made_attempts_++;
        return attempt;
    }
    // One that ran beside the last one, and is over; the last one stays that.
    void add_beside(AttemptNote note) {
        note.ordinal = made_attempts_++;
        if (attempts_.empty() || attempts_.size() == kAttemptsMax) {
            return;
        }
        const AttemptNote last = attempts_.back();
        attempts_.back() = note;
        attempts_.push_back(last);
    }
    // One that ran beside those that are over, and goes on in their place.
    void go_on_with(const AttemptNote& note) {
        AttemptNote& attempt = begin_attempt();
        const uint16_t ordinal = attempt.ordinal;
        attempt = note;
        attempt.ordinal = ordinal;
    }
    // Null when none goes on.
    AttemptNote* open_attempt() {
        const bool is_open = !attempts_.empty() && !attempts_.back().ended.is_set();
        return is_open ? &attempts_.back() : nullptr;
    }
    void add_step(const StepNote& step) {
        if (steps_.size() < kStepsMax) {
            steps_.push_back(step);
        }
    }

    // Of the reply that the client got.
    void tell_reply(std::string_view model, std::span<const std::string_view> finish_reasons) {
        reply_model_ = model;
        finish_reasons_ = finish_reasons;
    }
    std::string_view reply_model() const { return reply_model_; }
    std::span<const std::string_view> finish_reasons() const { return finish_reasons_; }

    std::span<const AttemptNote> attempts() const { return attempts_.view(); }
    std::span<const StepNote> steps() const { return steps_.view(); }

private:
    const Context own_;
    const SpanId parent_;
    const bool keeps_tracestate_;
    std::string_view reply_model_;
    std::span<const std::string_view> finish_reasons_;
    uint16_t made_attempts_ = 0;
    ArenaList<AttemptNote> attempts_;
    ArenaList<StepNote> steps_;
};

}  // namespace sluice::trace
