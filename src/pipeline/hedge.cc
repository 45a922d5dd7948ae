// When a second target is asked, what becomes of the two, and the turn of an exchange from one to
// the other. What goes on between, on the second one's side, is in hedge_attempt.cc.
#include "pipeline/hedge.h"

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "balance/charge.h"
#include "balance/options.h"
#include "balance/pool.h"
#include "base/error.h"
#include "base/result.h"
#include "base/time.h"
#include "coro/task.h"
#include "http/body_reader.h"
#include "pipeline/exchange.h"
#include "pipeline/exchange_record.h"
#include "pipeline/failures.h"
#include "pipeline/repeatable.h"
#include "pipeline/request_intake.h"
#include "pipeline/service.h"
#include "pipeline/target_choice.h"
#include "upstream/patience.h"

namespace sluice::pipeline {

namespace {

constexpr Error kOutrun = {.kind = ErrorKind::cancelled,
                           .source = ErrorSource::gateway,
                           .where = "another target has answered first"};
constexpr Error kStopped = {.kind = ErrorKind::cancelled,
                            .source = ErrorSource::gateway,
                            .where = "the answer of another target is passed on"};

}  // namespace

std::string_view hedge_outcome_name(HedgeOutcome outcome) {
    switch (outcome) {
        case HedgeOutcome::none:
            break;
        case HedgeOutcome::won:
            return "won";
        case HedgeOutcome::lost:
            return "lost";
        case HedgeOutcome::failed:
            return "failed";
        case HedgeOutcome::denied:
            return "denied";
        case HedgeOutcome::cancelled:
            return "cancelled";
    }
    return "";
}

// --- The exchange's side.

upstream::Patience& Exchange::patience() {
    return hedge_ == nullptr ? static_cast<upstream::Patience&>(*this) : hedge_->first();
}

// A target was chosen and is about to be asked.
void Exchange::begin_hedge() {
    const balance::Pool* const pool = choice_->pool();
    if (pool == nullptr || !pool->options().hedge.enabled || !intake_->has_body()) {
        return;
    }
    const Duration delay = pool->hedge_delay(choice_->charge());
    if (delay.ns() == 0) {
        return;
    }
    if (hedge_ == nullptr) {
        hedge_ = std::make_unique<Hedge>(*this);
    }
    hedge_->begin(delay);
}

void Exchange::hold_hedge() {
    if (hedge_ != nullptr) {
        hedge_->hold();
    }
}

// The target that is asked has begun to answer: from now on something of it goes to the client.
void Exchange::end_race() {
    if (hedge_ != nullptr) {
        hedge_->stop(HedgeOutcome::lost);
    }
}

// The exchange is over: whatever its hedge still does is, too. There must be one.
coro::Task<void> Exchange::end_hedge() {
    hedge_->stop(HedgeOutcome::cancelled);
    co_await hedge_->join();
}

// The attempt that went before has failed, or was outrun: true when there is the answer of a second
// target to go on with, which may have been waited for.
coro::Task<Result<bool>> Exchange::turns_to_hedge(const Error& error) {
    if (hedge_ == nullptr || !(hedge_->is_asking() || hedge_->has_answer())) {
        co_return false;
    }
    // What is wrong with the request itself the other one would only say again.
    const bool is_outrun = hedge_->has_answer();
    const bool is_hopeless = !is_outrun && failure_class(error, refusal_) == FailureClass::none;
    if (is_hopeless || !may_go_again(error)) {
        hedge_->stop(HedgeOutcome::cancelled);
        co_return false;
    }
    end_attempt(error);
    lease_.drop();
    while (hedge_->is_asking()) {
        if (const std::optional<Error> stop = reason_to_stop()) {
            co_return fail(*stop);
        }
        co_await pause();
    }
    if (!hedge_->has_answer()) {
        co_return false;
    }
    end_attempt_note(error);
    forget_attempt();
    hedge_->hand_over();
    co_return true;
}

// The answer of a second target, whose head is there.
coro::Task<Status> Exchange::pass_on_reply() {
    if (translated_ == nullptr) {
        co_return co_await relay();
    }
    if (wants_stream_) {
        co_return co_await transcode_stream();
    }
    co_return co_await transcode_whole();
}

// Of the body of that answer.
std::vector<http::BodyPiece> Exchange::take_early_pieces() {
    return hedge_ == nullptr ? std::vector<http::BodyPiece>() : hedge_->take_pieces();
}

// --- Its course.

Exchange::Hedge::Hedge(Exchange& exchange)
    : exchange_(exchange),
      first_(*this),
      signal_(exchange.signal().queue()),
      scope_(exchange.signal().queue()),
      due_(exchange.services_.proactor, signal_) {}

void Exchange::Hedge::begin(Duration delay) {
    if (state_ != State::waiting) {
        return;
    }
    due_.set(delay);
    if (!std::exchange(has_begun_, true)) {
        scope_.spawn(run());
    }
}

void Exchange::Hedge::hold() {
    if (state_ == State::waiting) {
        due_.clear();
    }
}

std::optional<Error> Exchange::Hedge::reason_to_stop() {
    return state_ == State::asking ? std::nullopt : std::optional(kStopped);
}

std::optional<Error> Exchange::Hedge::First::reason_to_stop() {
    const std::optional<Error> stop = hedge_.exchange_.reason_to_stop();
    return !stop && hedge_.has_answer() ? std::optional(kOutrun) : stop;
}

coro::Task<void> Exchange::Hedge::run() {
    while (state_ == State::waiting && !due_.has_passed()) {
        co_await signal_.wait();
    }
    if (state_ != State::waiting) {
        co_return;
    }
    if (!prepare()) {
        state_ = State::over;
        exchange_.record_.hedge = HedgeOutcome::denied;
        co_return;
    }
    state_ = State::asking;
    const Status done = co_await ask();
    settle(done);
}

// True when another target may have the request, is charged for it, and it is made out for that.
bool Exchange::Hedge::prepare() {
    const auto body = exchange_.parse_whole(exchange_.choice_->body());
    if (!body || !is_repeatable(exchange_.call_, **body)) {
        return false;
    }
    const balance::Pool& pool = *exchange_.choice_->pool();
    const uint32_t tokens = exchange_.choice_->prompt_tokens();
    if (!pool.take_hedge(tokens)) {
        return false;
    }
    if (!choose() || !make_out()) {
        exchange_.choice_->set_second_aside(selection_, exchange_.services_.proactor.now());
        pool.give_back_hedge(tokens);
        return false;
    }
    ExchangeRecord& record = exchange_.record_;
    record.hedge_upstream = target_->name;
    record.hedge_prompt_tokens = tokens;
    return true;
}

bool Exchange::Hedge::choose() {
    const Instant now = exchange_.services_.proactor.now();
    target_ = exchange_.choice_->choose_second(selection_, now, exchange_.services_.prng);
    if (target_ == nullptr || target_->upstream->options().is_simulated() ||
        !target_->service->can_serve(exchange_.call_)) {
        return false;
    }
    if (const auto fields = exchange_.intake_->fields(exchange_.client_.arena())) {
        upstream_model_ = exchange_.name_at(*target_, *fields);
    }
    upstream::KeyRing& keys = target_->service->keys();
    if (keys.size() == 0) {
        return true;
    }
    const upstream::KeyRing::Choice choice = keys.choose(model(), 0, now);
    key_ = choice.key;
    key_index_ = choice.index;
    return key_ != nullptr;
}

// How it ended: with an answer, a failure, or because it was stopped.
void Exchange::Hedge::settle(const Status& done) {
    const bool was_stopped = state_ != State::asking;
    if (done && !was_stopped) {
        state_ = State::answered;
    } else {
        state_ = State::over;
        if (was_stopped) {
            end_attempt({}, kStopped);  // Nothing was learned.
        } else {
            exchange_.record_.hedge = HedgeOutcome::failed;
            end_attempt(outcome_of(done.error()), done.error());
        }
    }
    exchange_.signal().raise();
}

// Where the key was at fault and there are others, nothing was learned of the target.
balance::Outcome Exchange::Hedge::outcome_of(const Error& error) const {
    const bool is_of_key =
        refusal_ != nullptr && exchange_.note_key_trouble(*target_, key_, model(), *refusal_);
    return is_of_key && target_->service->keys().size() > 1 ? balance::Outcome()
                                                            : outcome_of_failure(error, refusal_);
}

void Exchange::Hedge::stop(HedgeOutcome why) {
    switch (state_) {
        case State::waiting:
            state_ = State::over;
            break;
        case State::asking:
            exchange_.record_.hedge = why;
            state_ = State::over;
            break;
        case State::answered:
            exchange_.record_.hedge = why;
            state_ = State::over;
            end_attempt({}, kStopped);
            break;
        case State::handed_over:
        case State::over:
            return;
    }
    signal_.raise();
}

// Nothing is left of it, least of all the beginning of an answer that somebody could go on with.
void Exchange::Hedge::end_attempt(const balance::Outcome& outcome, const Error& error) {
    if (note_ != nullptr) {
        trace::AttemptNote note = note_so_far();
        note.error = error;
        note.is_failed = error.source == ErrorSource::upstream;
        note.ended = clock();
        exchange_.record_.trace->add_beside(note);
    }
    lease_.drop();
    pieces_.clear();
    balance::Outcome told = outcome;
    told.was_sent = sent_.is_set();
    exchange_.choice_->end_second(selection_, told, exchange_.services_.proactor.now());
    exchange_.tell_of_room(exchange_.choice_->pool());
}

// What it reads before it is decided is its own.
std::vector<http::BodyPiece> Exchange::Hedge::take_pieces() {
    return state_ == State::handed_over ? std::exchange(pieces_, {})
                                        : std::vector<http::BodyPiece>();
}

void Exchange::Hedge::hand_over() {
    state_ = State::handed_over;
    ExchangeRecord& record = exchange_.record_;
    record.hedge = HedgeOutcome::won;
    exchange_.turn_to(*target_);
    exchange_.choice_->turn_to_second(selection_);
    record.upstream_model = upstream_model_;
    exchange_.translated_ = std::move(translated_);
    exchange_.intake_->replace_held(std::move(body_));
    exchange_.strips_usage_ = strips_usage_;
    exchange_.key_ = key_;
    exchange_.key_index_ = key_index_;
    exchange_.keys_tried_ = 0;
    exchange_.request_sent_whole_ = true;
    exchange_.lease_ = std::move(lease_);
    exchange_.lease_->set_signal(&exchange_.signal());
    exchange_.note_dialects();
    record.connection_reused = exchange_.lease_->exchanges() > 1;
    record.lease_begun = lease_begun_;
    record.leased = leased_;
    record.sent = sent_;
    record.first_byte = first_byte_;
    record.first_event = first_event_;
    record.retried = lease_begun_ - exchange_.first_attempt_;
    record.ended_in = Phase::first_byte;
    if (note_ != nullptr) {
        record.trace->go_on_with(note_so_far());
    }
}

}  // namespace sluice::pipeline
