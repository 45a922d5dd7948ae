// Hedge: a second target that is asked while the first one keeps an exchange waiting for its first
// token; see decision 28.
//
// It waits, then asks, in a coroutine of its own with a signal of its own, and ends at the first
// token of its answer. An answer of the second target is to the coroutine of the exchange a reason
// to stop waiting for the first one; it then goes on with the answer that is there. The other way
// round it is stopped when the first target begins. Lives with its exchange, which joins it; one
// shard.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "balance/pool.h"
#include "base/error.h"
#include "base/memory_pool.h"
#include "base/result.h"
#include "base/slice_queue.h"
#include "base/time.h"
#include "coro/scope.h"
#include "coro/signal.h"
#include "coro/task.h"
#include "http/body_reader.h"
#include "net/deadline.h"
#include "pipeline/exchange.h"
#include "pipeline/exchange_record.h"
#include "pipeline/llm_target.h"
#include "pipeline/translated.h"
#include "providers/provider_error.h"
#include "trace/notes.h"
#include "upstream/key_ring.h"
#include "upstream/patience.h"
#include "upstream/upstream.h"

namespace sluice::pipeline {

class Exchange::Hedge final : public upstream::Patience, public Pooled {
public:
    explicit Hedge(Exchange& exchange);

    // A target was asked: another one is to be asked so long from now. Only one ever is.
    void begin(Duration delay);
    // Nobody is asked: nothing is due until a target is.
    void hold();
    // For what waits for the first target.
    upstream::Patience& first() { return first_; }
    bool is_asking() const { return state_ == State::asking; }
    bool has_answer() const { return state_ == State::answered; }
    // Ends it, for this reason, unless it has ended.
    void stop(HedgeOutcome why);
    // The exchange turns to the target that has answered, and to its answer.
    void hand_over();
    // Of that answer, what was read of its body; once.
    std::vector<http::BodyPiece> take_pieces();
    coro::Task<void> join() { return scope_.join(); }

    // --- Patience of the second attempt.
    coro::Signal& signal() override { return signal_; }
    std::optional<Error> reason_to_stop() override;

private:
    enum class State : uint8_t { waiting, asking, answered, handed_over, over };
    class Beginning;

    // The exchange's own, but that an answer of the second target ends it, too.
    class First final : public upstream::Patience {
    public:
        explicit First(Hedge& hedge) : hedge_(hedge) {}
        coro::Signal& signal() override { return hedge_.exchange_.signal(); }
        std::optional<Error> reason_to_stop() override;

    private:
        Hedge& hedge_;
    };

    coro::Task<void> run();
    bool prepare();
    bool choose();
    Status make_out();
    Status make_out_translated();
    coro::Task<Status> ask();
    coro::Task<Status> try_once(bool fresh);
    coro::Task<Status> await_head();
    coro::Task<Status> await_first_event();
    Status look_at_head();
    void settle(const Status& done);
    balance::Outcome outcome_of(const Error& error) const;
    void end_attempt(const balance::Outcome& outcome, const Error& error);
    std::string_view model() const;
    void begin_note();
    trace::AttemptNote note_so_far() const;
    Instant clock() const { return exchange_.clock(); }

    Exchange& exchange_;
    First first_;
    coro::Signal signal_;
    coro::TaskScope scope_;
    net::Deadline due_;
    State state_ = State::waiting;
    bool has_begun_ = false;
    // --- The attempt, as in Exchange.
    balance::Selection selection_;
    const LlmTarget* target_ = nullptr;
    std::string_view upstream_model_;
    std::unique_ptr<Translated> translated_;
    SliceQueue body_;
    bool strips_usage_ = false;
    const upstream::Key* key_ = nullptr;
    size_t key_index_ = 0;
    upstream::Lease lease_;
    const providers::ProviderError* refusal_ = nullptr;
    trace::AttemptNote* note_ = nullptr;  // In the arena; null without a trace.
    bool is_reused_ = false;
    std::vector<http::BodyPiece> pieces_;
    Instant lease_begun_;
    Instant leased_;
    Instant sent_;
    Instant first_byte_;
    Instant first_event_;
};

}  // namespace sluice::pipeline
