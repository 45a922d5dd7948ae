// AnswerCache: answers that were asked for before, ready to be sent.
//
// A stream lies in one block with its chunk framing around every event, so an event leaves as a
// view of that block: no building, no copying and no allocation while it is played. One per shard,
// as the counts of the block's views are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "base/slice.h"
#include "llm-kit/answer.h"
#include "llm-kit/make_answer.h"
#include "llm-kit/model_call.h"
#include "providers/simulated_llm.h"

namespace sluice::llm_kit {

struct PreparedAnswer {
    // Where an event lies in `bytes`: chunk header, payload, line end.
    struct Event {
        uint32_t begin = 0;
        uint32_t payload = 0;
        uint32_t payload_bytes = 0;
        uint32_t end = 0;
        uint32_t stamp = 0;  // 0 where there is none.
        providers::SimulatedPace pace = providers::SimulatedPace::at_once;
    };

    Slice bytes;  // The body, or the events with their framing.
    std::vector<Event> events;
    uint32_t tokens = 0;
    Wire wire = Wire::openai;

    bool is_stream() const { return !events.empty(); }
    // The payload of all events.
    uint64_t payload_bytes() const;
};

PreparedAnswer prepare_answer(const Answer& answer);

class AnswerCache {
public:
    // The caller holds on to what it got: the cache may forget it. Arguments and errors as those of
    // make_answer.
    Result<std::shared_ptr<const PreparedAnswer>> find_or_make(const ModelCall& call,
                                                               std::string_view body,
                                                               uint64_t body_bytes,
                                                               const AnswerOptions& options);

private:
    // When it has grown to this, the cache begins anew.
    static constexpr size_t kBytesMax = size_t{256} * 1024 * 1024;

    std::unordered_map<std::string, std::shared_ptr<const PreparedAnswer>> answers_;
    size_t bytes_ = 0;
    std::string key_;  // Kept for its memory.
};

}  // namespace sluice::llm_kit
