// The order of a turn; every part of it is bounded.
#include "net/proactor.h"

#include <algorithm>
#include <memory>
#include <span>
#include <utility>

#include "base/assert.h"
#include "base/prefetch.h"
#include "base/result.h"
#include "base/time.h"
#include "net/buffer_ring.h"
#include "net/ring.h"

namespace sluice::net {

namespace {

// The longest sleep when no timer is armed; long enough to cost nothing.
constexpr Duration kWaitMax = Duration::seconds(1);
// With batching, this many completions end the wait early.
constexpr uint32_t kBatchCompletions = 32;

}  // namespace

Result<std::unique_ptr<Proactor>> Proactor::create(const ProactorOptions& options) {
    TRY(auto ring, Ring::create(options.ring));
    TRY(auto buffers, BufferRing::create(*ring, options.buffers));
    return std::unique_ptr<Proactor>(new Proactor(options, std::move(ring), std::move(buffers)));
}

Proactor::Proactor(const ProactorOptions& options,
                   std::unique_ptr<Ring> ring,
                   std::unique_ptr<BufferRing> buffers)
    : options_(options),
      ring_(std::move(ring)),
      buffers_(std::move(buffers)),
      now_(ring_->now()),
      timers_(now_) {}

Proactor::~Proactor() = default;

void Proactor::run() {
    while (!stopped_) {
        turn(kWaitMax);
    }
}

void Proactor::fetch_operation(std::span<const Completion> batch, size_t at) {
    if (at < batch.size()) {
        prefetch(batch[at].op, sizeof(Op));
    }
}

void Proactor::fetch_owner(std::span<const Completion> batch, size_t at) const {
    constexpr size_t kOwnerBytes = 6 * kCacheLineBytes;
    if (at < batch.size()) {
        const Op& op = *batch[at].op;
        prefetch(op.owner, kOwnerBytes);
        prefetch(op.expected, kCacheLineBytes);
        buffers_->fetch(batch[at]);
    }
}

size_t Proactor::run_completions() {
    // In two steps, because what an operation's handler looks at is written in the operation.
    constexpr size_t kStep = 4;
    const std::span batch = std::span(batch_).first(ring_->collect(batch_));
    for (size_t i = 0; i < 2 * kStep; ++i) {
        fetch_operation(batch, i);
    }
    for (size_t i = 0; i < kStep; ++i) {
        fetch_owner(batch, i);
    }
    for (size_t i = 0; i < batch.size(); ++i) {
        fetch_operation(batch, i + 2 * kStep);
        fetch_owner(batch, i + kStep);
        Op& op = *batch[i].op;
        const uint32_t ended = batch[i].ends_operation() ? 1 : 0;
        SLUICE_ASSERT(op.pending >= ended);
        op.pending -= ended;
        op.handle(op, batch[i].result, batch[i].flags);  // May free the op's owner.
    }
    return batch.size();
}

void Proactor::run_ready_and_flush() {
    // A coroutine may signal another; a few rounds let a request pass through in one turn.
    for (unsigned round = 0; round < kReadyRoundsMax && !ready_.empty(); ++round) {
        counters_.resumed += ready_.run();
    }
    // Streams that lie above others write to those, which then send in the same turn.
    for (unsigned round = 0; round < kFlushRounds; ++round) {
        IntrusiveList<Flushable> flushing;
        flushes_.move_all_to(flushing);
        while (Flushable* item = flushing.pop_front()) {
            item->flush();
        }
    }
}

void Proactor::cut_lingering() {
    while (Lingering* item = lingering_.pop_front()) {
        item->cut();
    }
}

bool Proactor::trim_buffers() {
    if (had_completions_) {
        return false;
    }
    buffers_->trim();
    return true;
}

WaitOptions Proactor::wait_options(Duration wait_max) {
    WaitOptions wait;
    if (more_completions_ || !ready_.empty() || !flushes_.empty()) {
        return wait;  // There is work: submit only.
    }
    wait.completions_min = 1;
    wait.timeout_max = wait_max;
    const Instant expiry = timers_.next_expiry();
    if (expiry != Instant::never()) {
        const Duration left = expiry > now_ ? expiry - now_ : Duration();
        wait.timeout_max = std::min(wait_max, left);
    }
    if (open_streams_ >= options_.batch_streams_min && options_.batch_window_us > 0) {
        wait.completions_min = kBatchCompletions;
        wait.batch_window = Duration::microseconds(options_.batch_window_us);
    }
    return wait;
}

void Proactor::turn(Duration wait_max) {
    ring_->submit(wait_options(wait_max));
    now_ = ring_->now();
    const Instant began = now_;
    const size_t completions = run_completions();
    more_completions_ = completions == kCompletionsPerTurnMax;
    had_completions_ = completions > 0;
    timers_.advance(now_);
    run_ready_and_flush();
    buffers_->replenish();
    ++counters_.turns;
    // The clock is read once per turn; the previous turn's end is close enough to this one's wait.
    const Duration took = ring_->now() - began;
    counters_.longest_turn_ns =
        std::max(counters_.longest_turn_ns, static_cast<uint64_t>(took.ns()));
}

}  // namespace sluice::net
