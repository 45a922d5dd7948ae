// Answer: the body of one response as bytes, the same on both ends of the wire.
//
// The mock plays it, the load generator compares with it. Made by pure functions of the request
// (llm-kit/make_answer.h), immutable afterwards, and shared by every request that asks the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "llm-kit/model_call.h"
#include "providers/simulated_llm.h"

namespace sluice::llm_kit {

// Bytes whose contents are not known beforehand, for example a time.
struct Blank {
    uint32_t begin = 0;
    uint32_t end = 0;
};

struct AnswerEvent {
    uint32_t end = 0;    // Offset right after its end, which is a blank line mostly.
    uint32_t stamp = 0;  // Offset of its stamp, which is a blank too; 0 where it has none.
    // What the model does before it.
    providers::SimulatedPace pace = providers::SimulatedPace::at_once;
};

struct Answer {
    Wire wire = Wire::openai;
    std::string bytes;
    std::vector<AnswerEvent> events;  // Empty unless it is a stream.
    std::vector<Blank> blanks;        // In order, without overlap.
    uint32_t tokens = 0;              // That the model makes for it.

    bool is_stream() const { return !events.empty(); }
    uint32_t event_begin(size_t index) const { return index == 0 ? 0 : events[index - 1].end; }
    std::string_view event(size_t index) const {
        const uint32_t begin = event_begin(index);
        return std::string_view(bytes).substr(begin, events[index].end - begin);
    }
};

}  // namespace sluice::llm_kit
