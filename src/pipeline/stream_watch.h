// StreamWatch: what the relay must know of a response that it does not parse.
//
// For event streams: where events end, how many there were, and whether the stream ended as its
// protocol demands (OpenAI: "[DONE]"; Responses: a terminal event) or reported an error itself.
// For any JSON: the usage object, found by its key, read once at the end. Looks at each byte
// twice, copies the beginning of an event only when it arrives in pieces, allocates nothing. One
// per exchange.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/arena.h"
#include "http/sse_framer.h"
#include "json/member_finder.h"
#include "providers/canonical.h"

namespace sluice::pipeline {

// How an event stream says that it is complete.
enum class Terminator : uint8_t {
    none,       // Not an event stream, or one whose end we do not know: its framing decides.
    done,       // data: [DONE]
    responses,  // event: response.completed, .failed, .incomplete, or error
    messages,   // Anthropic's: event: message_stop, or error
};

// Of the answers to a request for this path.
Terminator terminator_of(std::string_view path);

struct Usage {
    uint64_t prompt_tokens = 0;
    uint64_t completion_tokens = 0;
    uint64_t cached_tokens = 0;
    uint64_t cache_write_tokens = 0;
    uint64_t cache_write_1h_tokens = 0;  // Of those: kept for an hour.
    uint64_t reasoning_tokens = 0;
    int64_t reported_cost_pico = -1;  // 10^-12 dollars, where the upstream names what it cost.
    providers::ServiceTier tier = providers::ServiceTier::standard;
    bool is_known = false;
    bool is_estimated = false;  // The stream did not come to the point of telling it.
};

class StreamWatch {
public:
    StreamWatch(bool is_event_stream, Terminator terminator, Arena& arena);

    // The request asks for a tier of service, so what the reply says of it counts: a second search.
    void watch_tier(Arena& arena);

    // Looks at the next body bytes. Returns how many of them belong to complete events; the rest
    // begins or continues an event. Everything counts as complete outside of event streams.
    uint32_t see(std::string_view bytes);

    // The body is over; an event that only lacks its empty line counts, and a bare "data: [DONE]".
    void end();

    bool is_event_stream() const { return is_event_stream_; }
    // Comments alone are none: they say that somebody is there, and no more.
    uint64_t events() const { return events_; }
    bool at_boundary() const { return framer_.at_boundary(); }
    // The stream may end here without anything missing.
    bool has_ended_properly() const {
        return terminator_ == Terminator::none || saw_terminator_ || saw_error_;
    }
    // The stream itself has said that nothing follows.
    bool has_announced_its_end() const { return saw_terminator_ || saw_error_; }
    // The upstream itself reported a failure inside the stream.
    bool saw_error() const { return saw_error_; }
    // The last usage object that passed by, as it was written; empty when there was none.
    std::string_view usage_object() const { return usage_finder_.value(); }
    // How many passed by.
    uint32_t usage_objects() const { return usage_finder_.count(); }
    // What the reply says it has cost.
    Usage usage() const;

private:
    // As much of an event as has to be seen to know what it is: its name and the beginning of its
    // data.
    static constexpr size_t kEventHeadBytes = 128;

    // Their types say what they are, in the data where there is no event line.
    bool has_named_events() const {
        return terminator_ == Terminator::responses || terminator_ == Terminator::messages;
    }
    void look_for_usage(std::string_view bytes);
    void keep_head(std::string_view bytes);
    // Whether it has data.
    bool judge_kept_event();
    bool judge_event(std::string_view event);
    void judge_data(std::string_view data);
    void judge_name(std::string_view name);

    http::SseFramer framer_;
    json::MemberFinder usage_finder_;
    json::MemberFinder* tier_finder_ = nullptr;  // In the arena; null where nobody asked for one.
    Usage merged_usage_;
    uint64_t events_ = 0;
    uint8_t head_bytes_ = 0;
    Terminator terminator_;
    bool is_event_stream_;
    bool saw_terminator_ = false;
    bool saw_error_ = false;
    bool last_line_is_cut_ = false;           // Of the whole stream.
    bool is_at_start_ = true;                 // No byte of the current event was seen.
    bool is_in_other_line_ = false;           // One that says nothing: a comment, an id.
    std::array<char, kEventHeadBytes> head_;  // Of an event whose end has not arrived.
};

// Reads a usage object of either OpenAI form (prompt_tokens or input_tokens).
Usage read_usage(std::string_view object);

}  // namespace sluice::pipeline
