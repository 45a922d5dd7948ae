// Filling a step, ending it, and the memory of each sequence.
#include "llm-fleet/batching_engine.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/time.h"
#include "llm-fleet/engine.h"
#include "llm-fleet/simple_engine.h"

namespace sluice::llm_fleet {

void BatchingEngine::submit(const Job& job, Instant now) {
    if (uint64_t{job.input_tokens} + job.output_tokens > cache_.capacity_tokens()) {
        refused_.push_back({.kind = EngineEvent::Kind::refused, .attempt = job.attempt, .at = now});
        return;
    }
    waiting_.push_back({.job = job});
    if (step_end_ == Instant::never()) {
        begin_step(now);
    }
}

void BatchingEngine::cancel(uint32_t attempt, Instant now) {
    const auto is_it = [&](const Sequence& s) { return s.job.attempt == attempt; };
    std::erase_if(waiting_, is_it);
    const auto found = std::ranges::find_if(running_, is_it);
    if (found != running_.end()) {
        let_go(*found);
        running_.erase(found);
    }
    if (running_.empty() && waiting_.empty()) {
        step_end_ = Instant::never();
    } else if (step_end_ == Instant::never()) {
        begin_step(now);
    }
}

void BatchingEngine::advance(Instant now, std::vector<EngineEvent>& events) {
    while (!refused_.empty() && refused_.front().at <= now) {
        events.push_back(refused_.front());
        refused_.pop_front();
    }
    while (step_end_ <= now) {
        const Instant at = step_end_;
        end_step(at, events);
        begin_step(at);
    }
}

void BatchingEngine::shift(Duration pause) {
    if (step_end_ != Instant::never()) {
        step_end_ = step_end_ + pause;
    }
}

void BatchingEngine::restart() {
    waiting_.clear();
    running_.clear();
    refused_.clear();
    cache_.clear();
    step_end_ = Instant::never();
}

EngineLoad BatchingEngine::load() const {
    return {.waiting = static_cast<uint32_t>(waiting_.size()),
            .running = static_cast<uint32_t>(running_.size()),
            .kv_tokens = cache_.held_tokens(),
            .preemptions = preemptions_};
}

uint32_t BatchingEngine::weight_of(const Job& job, uint32_t block) const {
    const uint32_t begin = block * job.tokens_per_block;
    const uint32_t tokens = std::min(job.tokens_per_block, job.input_tokens - begin);
    return tokens - tokens % options_.block_tokens;
}

void BatchingEngine::begin_step(Instant now) {
    const uint32_t streams = gather_streams();
    const uint32_t budget = options_.chunk_tokens > streams ? options_.chunk_tokens - streams : 0;
    const uint32_t prompt_tokens = gather_prefill(budget);
    if (streams == 0 && prompt_tokens == 0) {
        step_end_ = Instant::never();
        return;
    }
    const double ms = options_.decode_ms + options_.decode_ms_per_stream * streams +
                      1e3 * prompt_tokens / options_.prefill_tokens_per_s;
    step_end_ = now + duration_of_ms(ms * slowness());
}

// Each stream needs room for its next token; the youngest make room for the others.
uint32_t BatchingEngine::gather_streams() {
    uint32_t streams = 0;
    for (size_t i = 0; i < running_.size(); ++i) {
        Sequence& sequence = running_[i];
        sequence.chunk = 0;
        sequence.is_decoding = sequence.has_prompt;
        if (!sequence.is_decoding) {
            continue;
        }
        bool has_room = cache_.reserve(1);
        while (!has_room && i + 1 < running_.size()) {
            preempt_youngest();
            has_room = cache_.reserve(1);
        }
        if (!has_room) {
            preempt_youngest();  // It is the youngest itself.
            break;
        }
        ++running_[i].reserved_tokens;
        ++streams;
    }
    return streams;
}

uint32_t BatchingEngine::gather_prefill(uint32_t budget) {
    uint32_t taken = 0;
    const auto take = [&](Sequence& sequence) {
        sequence.chunk = std::min(budget - taken, sequence.prefill_tokens() - sequence.computed);
        taken += sequence.chunk;
    };
    for (Sequence& sequence : running_) {
        if (!sequence.has_prompt) {
            take(sequence);
        }
    }
    while (taken < budget && !waiting_.empty() && running_.size() < options_.running_max &&
           admit(waiting_.front())) {
        running_.push_back(waiting_.front());
        waiting_.pop_front();
        take(running_.back());
    }
    return taken;
}

// Takes the memory for the whole prompt, so that one that has begun can be completed.
bool BatchingEngine::admit(Sequence& sequence) {
    const Job& job = sequence.job;
    uint32_t cached = 0;
    uint32_t pinned = 0;
    while (pinned < job.blocks.size()) {
        const uint32_t weight = weight_of(job, pinned);
        if (weight == 0 || !cache_.pin(job.blocks[pinned])) {
            break;
        }
        cached += weight;
        ++pinned;
    }
    sequence.pinned_blocks = pinned;
    const uint32_t needed = sequence.prefill_tokens() - cached;
    if (!cache_.reserve(needed)) {
        let_go(sequence);
        return false;
    }
    sequence.reserved_tokens = needed;
    // The last token is computed even when all are known.
    sequence.computed = std::min(cached, sequence.prefill_tokens() - 1);
    if (!sequence.has_begun) {
        sequence.has_begun = true;
        sequence.cached_tokens = sequence.computed;
    }
    sequence.is_decoding = false;
    return true;
}

void BatchingEngine::preempt_youngest() {
    Sequence sequence = running_.back();
    running_.pop_back();
    let_go(sequence);
    sequence.computed = 0;
    sequence.chunk = 0;
    sequence.has_prompt = false;
    waiting_.push_front(sequence);
    ++preemptions_;
}

void BatchingEngine::end_step(Instant at, std::vector<EngineEvent>& events) {
    const auto tell = [&](EngineEvent::Kind kind, const Sequence& sequence) {
        events.push_back({.kind = kind,
                          .attempt = sequence.job.attempt,
                          .at = at,
                          .cached_tokens = sequence.cached_tokens});
    };
    for (Sequence& sequence : running_) {
        sequence.computed += sequence.is_decoding ? 1 : sequence.chunk;
        if (!sequence.has_prompt && sequence.computed == sequence.prefill_tokens()) {
            sequence.has_prompt = true;
            keep_prompt(sequence);
        } else if (!sequence.is_decoding) {
            continue;
        }
        ++sequence.generated;
        if (sequence.generated == 1) {
            tell(EngineEvent::Kind::first_token, sequence);
        } else if (options_.tells_tokens) {
            tell(EngineEvent::Kind::token, sequence);
        }
        if (sequence.is_over()) {
            tell(EngineEvent::Kind::finished, sequence);
            let_go(sequence);
        }
    }
    std::erase_if(running_, [](const Sequence& sequence) { return sequence.is_over(); });
}

// Its blocks are of use to others from now on; those that another computed meanwhile are shared.
void BatchingEngine::keep_prompt(Sequence& sequence) {
    const Job& job = sequence.job;
    for (uint32_t i = sequence.pinned_blocks; i < job.blocks.size(); ++i) {
        const uint32_t weight = weight_of(job, i);
        if (weight == 0) {
            break;
        }
        cache_.release(weight);
        sequence.reserved_tokens -= weight;
        if (!cache_.pin(job.blocks[i])) {
            cache_.add_pinned(job.blocks[i], weight);
        }
        sequence.pinned_blocks = i + 1;
    }
}

// From the end, so that of one prompt the beginning, which others share, goes last.
void BatchingEngine::let_go(Sequence& sequence) {
    while (sequence.pinned_blocks > 0) {
        cache_.unpin(sequence.job.blocks[--sequence.pinned_blocks]);
    }
    cache_.release(sequence.reserved_tokens);
    sequence.reserved_tokens = 0;
}

std::unique_ptr<Engine> make_engine(const EngineOptions& options) {
    if (options.kind == EngineKind::simple) {
        return std::make_unique<SimpleEngine>(options);
    }
    return std::make_unique<BatchingEngine>(options);
}

}  // namespace sluice::llm_fleet
