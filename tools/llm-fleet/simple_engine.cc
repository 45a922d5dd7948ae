// Two clocks: the end of the prefill under way, and the earliest end of an answer.
#include "llm-fleet/simple_engine.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/time.h"
#include "llm-fleet/engine.h"
#include "llm-fleet/trace.h"

namespace sluice::llm_fleet {

void SimpleEngine::submit(const Job& job, Instant now) {
    const uint64_t hit_tokens = uint64_t{cache_.leading(job.blocks)} * kTraceBlockTokens;
    // From the end, so that of one prompt the beginning, which others share, goes last.
    for (size_t i = job.blocks.size(); i-- > 0;) {
        cache_.use(job.blocks[i], kTraceBlockTokens);
    }
    // The last token of a prompt is computed even when all of it is known.
    const uint32_t cached_max = job.input_tokens > 0 ? job.input_tokens - 1 : 0;
    waiting_.push_back(
        {.attempt = job.attempt,
         .input_tokens = job.input_tokens,
         .output_tokens = job.output_tokens,
         .cached_tokens = static_cast<uint32_t>(std::min<uint64_t>(hit_tokens, cached_max))});
    if (waiting_.size() == 1) {
        begin_prefill(now);
    }
}

void SimpleEngine::cancel(uint32_t attempt, Instant now) {
    std::erase_if(decoding_, [&](const Decoding& d) { return d.attempt == attempt; });
    const auto found = std::ranges::find(waiting_, attempt, &Waiting::attempt);
    if (found == waiting_.end()) {
        return;
    }
    const bool was_first = found == waiting_.begin();
    waiting_.erase(found);
    if (was_first) {
        begin_prefill(now);
    }
}

Instant SimpleEngine::next() const {
    Instant earliest = prefill_end_;
    for (const Decoding& decoding : decoding_) {
        earliest = std::min(earliest, decoding.end);
    }
    return earliest;
}

void SimpleEngine::advance(Instant now, std::vector<EngineEvent>& events) {
    for (Instant at = next(); at <= now; at = next()) {
        if (at == prefill_end_) {
            const Waiting job = waiting_.front();
            waiting_.pop_front();
            events.push_back({.kind = EngineEvent::Kind::first_token,
                              .attempt = job.attempt,
                              .at = at,
                              .cached_tokens = job.cached_tokens});
            begin_decode(job, at);
            begin_prefill(at);
            continue;
        }
        const auto ended = std::ranges::find(decoding_, at, &Decoding::end);
        events.push_back({.kind = EngineEvent::Kind::finished,
                          .attempt = ended->attempt,
                          .at = at,
                          .cached_tokens = ended->cached_tokens});
        decoding_.erase(ended);
    }
}

void SimpleEngine::shift(Duration pause) {
    if (prefill_end_ != Instant::never()) {
        prefill_end_ = prefill_end_ + pause;
    }
    for (Decoding& decoding : decoding_) {
        decoding.end = decoding.end + pause;
    }
}

void SimpleEngine::restart() {
    waiting_.clear();
    decoding_.clear();
    cache_.clear();
    prefill_end_ = Instant::never();
}

EngineLoad SimpleEngine::load() const {
    EngineLoad load = {.waiting = static_cast<uint32_t>(waiting_.size()),
                       .running = static_cast<uint32_t>(decoding_.size())};
    for (const Waiting& waiting : waiting_) {
        load.kv_tokens += waiting.input_tokens;
    }
    for (const Decoding& decoding : decoding_) {
        load.kv_tokens += decoding.tokens;
    }
    return load;
}

void SimpleEngine::begin_prefill(Instant now) {
    if (waiting_.empty()) {
        prefill_end_ = Instant::never();
        return;
    }
    const uint32_t tokens = waiting_.front().input_tokens - waiting_.front().cached_tokens;
    prefill_end_ = now + duration_of_ms(1e3 * tokens / options_.prefill_tokens_per_s * slowness());
}

void SimpleEngine::begin_decode(const Waiting& job, Instant now) {
    const double streams = static_cast<double>(decoding_.size() + 1);
    const double token_ms = options_.decode_ms + options_.decode_ms_per_stream * streams;
    decoding_.push_back({.attempt = job.attempt,
                         .end = now + duration_of_ms(token_ms * job.output_tokens * slowness()),
                         .tokens = job.input_tokens + job.output_tokens,
                         .cached_tokens = job.cached_tokens});
}

}  // namespace sluice::llm_fleet
