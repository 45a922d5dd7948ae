// Framing events, and finding answers by everything they depend on.
#include "llm-kit/answer_cache.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "base/slice.h"
#include "http/chunked.h"
#include "llm-kit/answer.h"
#include "llm-kit/make_answer.h"
#include "llm-kit/model_call.h"

namespace sluice::llm_kit {

namespace {

constexpr std::string_view kLineEnd = "\r\n";

void append_framed(const Answer& answer,
                   size_t index,
                   std::string& framed,
                   PreparedAnswer& prepared) {
    const std::string_view payload = answer.event(index);
    const AnswerEvent& event = answer.events[index];
    PreparedAnswer::Event place = {.begin = static_cast<uint32_t>(framed.size()),
                                   .pace = event.pace};
    char header[http::kChunkHeaderBytesMax];
    framed.append(header, http::write_chunk_header(payload.size(), header));
    place.payload = static_cast<uint32_t>(framed.size());
    place.payload_bytes = static_cast<uint32_t>(payload.size());
    if (event.stamp != 0) {
        place.stamp = place.payload + event.stamp - answer.event_begin(index);
    }
    framed += payload;
    framed += kLineEnd;
    place.end = static_cast<uint32_t>(framed.size());
    prepared.events.push_back(place);
}

}  // namespace

uint64_t PreparedAnswer::payload_bytes() const {
    uint64_t sum = 0;
    for (const Event& event : events) {
        sum += event.payload_bytes;
    }
    return is_stream() ? sum : bytes.size();
}

PreparedAnswer prepare_answer(const Answer& answer) {
    PreparedAnswer prepared;
    prepared.tokens = answer.tokens;
    prepared.wire = answer.wire;
    if (!answer.is_stream()) {
        prepared.bytes = Slice::copy_of(answer.bytes);
        return prepared;
    }
    std::string framed;
    framed.reserve(answer.bytes.size() + answer.events.size() * 8);
    prepared.events.reserve(answer.events.size());
    for (size_t i = 0; i < answer.events.size(); ++i) {
        append_framed(answer, i, framed, prepared);
    }
    prepared.bytes = Slice::copy_of(framed);
    return prepared;
}

Result<std::shared_ptr<const PreparedAnswer>> AnswerCache::find_or_make(
    const ModelCall& call,
    std::string_view body,
    uint64_t body_bytes,
    const AnswerOptions& options) {
    key_.clear();
    append_answer_key(key_, call, body, body_bytes, options);
    if (const auto found = answers_.find(key_); found != answers_.end()) {
        return found->second;
    }
    TRY(const Answer answer, make_answer(call, body, body_bytes, options));
    auto prepared = std::make_shared<const PreparedAnswer>(prepare_answer(answer));
    bytes_ += key_.size() + prepared->bytes.size() +
              prepared->events.size() * sizeof(PreparedAnswer::Event);
    if (bytes_ > kBytesMax) {
        answers_.clear();
        bytes_ = 0;
    }
    answers_.emplace(key_, prepared);
    return prepared;
}

}  // namespace sluice::llm_kit
