// From a request to a reply that is worth passing on, by as many attempts as it takes and are
// allowed: which key, which errors are worth another attempt, how long to wait before it.
//
// A request is sent again only while all of it is held and nothing of an answer has gone to the
// client, and only when the upstream did not take it or has answered with an error: what it may be
// working on is never doubled. See decisions 12 and 20.
#include "upstream/retry.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "base/result.h"
#include "base/time.h"
#include "coro/task.h"
#include "http/server_exchange.h"
#include "net/deadline.h"
#include "pipeline/chain.h"
#include "pipeline/credential_keeper.h"
#include "pipeline/exchange.h"
#include "pipeline/exchange_record.h"
#include "pipeline/request_intake.h"
#include "pipeline/service.h"
#include "providers/provider_error.h"
#include "upstream/key_ring.h"
#include "upstream/options.h"
#include "upstream/upstream.h"

namespace sluice::pipeline {

namespace {

using providers::Blame;
using providers::ProviderError;
using providers::RetryAdvice;
using upstream::KeyRecord;
using upstream::KeyRing;

// A key that is to rest, but is not told how long, where others can stand in for it.
constexpr Duration kThrottleRest = Duration::seconds(5);
// Longer than any limit by the minute or the hour; a key that is exhausted for the day may as well
// be asked again.
constexpr Duration kThrottleRestMax = Duration::seconds(3600);

constexpr Error kKeysRest = {.kind = ErrorKind::unavailable,
                             .source = ErrorSource::upstream,
                             .where = "every key rests, as the upstream asked for"};

}  // namespace

std::string_view retry_reason_name(RetryReason reason) {
    switch (reason) {
        case RetryReason::idle_death:
            return "idle_death";
        case RetryReason::connect:
            return "connect";
        case RetryReason::status:
            return "status";
        case RetryReason::throttled:
            return "throttled";
        case RetryReason::reply:
            return "reply";
        case RetryReason::key_refused:
            return "key_refused";
        case RetryReason::key_throttled:
            return "key_throttled";
        case RetryReason::fail_over:
            return "fail_over";
        case RetryReason::restart:
            return "restart";
        case RetryReason::continuation:
            return "continuation";
    }
    return "";
}

// Comes back with the head of a reply that is none of an error.
coro::Task<Status> Exchange::ask() {
    if (!first_attempt_.is_set()) {
        target_->upstream->retry_budget().on_request();
    }
    can_send_again_ = intake_->is_complete();
    request_sent_whole_ = false;
    while (true) {
        CO_TRY_VOID(choose_key());
        const Status done = co_await try_once();
        if (done) {
            co_return done;
        }
        CO_TRY(const bool again, co_await goes_again(done.error()));
        if (!again) {
            co_return done;
        }
    }
}

coro::Task<Status> Exchange::try_once() {
    if (CredentialKeeper* keeper = target_->service->credentials()) {
        CO_TRY_VOID(co_await keeper->ensure(services_.proactor, patience()));
    }
    CO_TRY_VOID(co_await dispatch());
    const uint16_t status = lease_->head().status;
    const bool is_refusal = translated_ == nullptr ? status >= 400 : status != 200;
    if (is_refusal) {
        co_return co_await read_refusal();
    }
    if (!wants_stream_) {
        end_race();  // Of one that streams, the first event decides.
    }
    co_return Status();
}

// --- Keys.

Status Exchange::choose_key() {
    KeyRing& keys = target_->service->keys();
    if (keys.size() == 0 || key_ != nullptr) {
        return {};
    }
    const KeyRing::Choice choice = keys.choose(model_for_upstream(), 0, services_.proactor.now());
    if (choice.key == nullptr) {
        refusal_ = &client_.arena().make<ProviderError>(ProviderError{
            .status = 429,
            .type = "rate_limit_error",
            .code = "rate_limit_exceeded",
            .message = "The upstream's rate limit is reached for this model; try again later.",
            .blame = Blame::throttle,
            .retry_after = choice.wait});
        return fail(kKeysRest);
    }
    key_ = choice.key;
    key_index_ = choice.index;
    return {};
}

// Lets the key rest that the upstream did not like; true when it was the key's fault.
bool Exchange::note_key_trouble(const LlmTarget& target,
                                const upstream::Key* key,
                                std::string_view model,
                                const ProviderError& refusal) {
    const KeyRing& keys = target.service->keys();
    const bool is_refused = refusal.blame == Blame::credential;
    if (CredentialKeeper* const fetched = target.service->credentials();
        is_refused && fetched != nullptr) {
        fetched->doubt();
    }
    if (key == nullptr || (!is_refused && refusal.blame != Blame::throttle)) {
        return false;
    }
    const Duration cooldown =
        Duration::milliseconds(target.upstream->options().retry.key_cooldown_ms);
    if (cooldown.ns() == 0) {
        return true;
    }
    const bool is_only_one = keys.size() == 1;
    const Instant now = services_.proactor.now();
    if (is_refused) {
        // Without another one there is nothing to gain: the upstream's own words tell more.
        if (!is_only_one) {
            // A key may be good for other models than the one that it is forbidden.
            if (refusal.status == 403) {
                key->record->rest_for(model, now + cooldown, KeyRecord::Why::refused);
            } else {
                key->record->rest(now + cooldown);
            }
            services_.telemetry.on_key_rest(target.name, "refused");
        }
        return true;
    }
    Duration rest = refusal.retry_after;
    if (rest.ns() < 0) {
        rest = is_only_one ? Duration() : kThrottleRest;
    }
    if (rest.ns() > 0) {
        key->record->rest_for(model, now + std::min(rest, kThrottleRestMax),
                              KeyRecord::Why::throttled);
        services_.telemetry.on_key_rest(target.name, "throttled");
    }
    return true;
}

// Takes another key, if there is one that can have the request at once.
bool Exchange::turns_to_sibling() {
    if (!note_key_trouble(*target_, key_, model_for_upstream(), *refusal_)) {
        return false;
    }
    keys_tried_ |= uint64_t{1} << key_index_;
    const KeyRing::Choice sibling = target_->service->keys().choose(
        model_for_upstream(), keys_tried_, services_.proactor.now());
    if (sibling.key != nullptr) {
        key_ = sibling.key;
        key_index_ = sibling.index;
        return true;
    }
    // All of them rest: the first one back counts, not the last one that was asked.
    const bool is_sooner = sibling.wait.ns() > 0 && sibling.wait < refusal_->retry_after;
    if (is_sooner && refusal_->blame == Blame::throttle) {
        auto& refusal = client_.arena().make<ProviderError>(*refusal_);
        refusal.retry_after = sibling.wait;
        refusal_ = &refusal;
    }
    return false;
}

// --- Retries.

// Nothing was told to the client, and all of the request is there.
bool Exchange::may_go_again(const Error& error) {
    const bool is_untold = client_.response_state() == http::ResponseState::none;
    return can_send_again_ && is_untold && intake_ != nullptr &&
           error.source != ErrorSource::client && !reason_to_stop();
}

// After a failure: true when the request is to be sent again, which may have been waited for.
coro::Task<Result<bool>> Exchange::goes_again(const Error& error) {
    end_attempt_note(error);
    if (!may_go_again(error)) {
        co_return false;
    }
    if (refusal_ != nullptr && turns_to_sibling()) {
        begin_retry(refusal_->blame == Blame::throttle ? RetryReason::key_throttled
                                                       : RetryReason::key_refused);
        co_return true;
    }
    if (choice_ != nullptr) {
        co_return false;  // Another target rather than the same one after a pause.
    }
    co_return co_await waits_to_go_again(error);
}

coro::Task<Result<bool>> Exchange::waits_to_go_again(const Error& error) {
    RetryReason reason{};
    const std::optional<Duration> wait = wait_before_retry(error, reason);
    if (!wait) {
        co_return false;
    }
    if (!target_->upstream->retry_budget().take(services_.proactor.now())) {
        record_.is_out_of_retries = true;
        co_return false;
    }
    lease_.drop();
    CO_TRY_VOID(co_await rest(*wait));
    ++retries_;
    key_ = nullptr;
    keys_tried_ = 0;
    begin_retry(reason);
    co_return true;
}

// Nothing when another attempt makes no sense or is not allowed.
std::optional<Duration> Exchange::wait_before_retry(const Error& error, RetryReason& reason) {
    const upstream::UpstreamOptions& options = target_->upstream->options();
    if (retries_ >= options.retry.retries_max) {
        return std::nullopt;
    }
    Duration wait = upstream::back_off(options.retry, retries_, services_.prng.unit());
    if (refusal_ != nullptr) {
        if (refusal_->retry == RetryAdvice::never) {
            return std::nullopt;
        }
        const Duration asked = refusal_->retry_after;
        if (asked.ms() > options.retry.wait_ms_max) {
            return std::nullopt;
        }
        // What else waits for the same moment does not come in the same moment.
        wait = wait + std::max(asked, Duration());
        reason = refusal_->blame == Blame::throttle ? RetryReason::throttled : RetryReason::status;
        if (refusal_->upstream_status == 0) {
            reason = RetryReason::reply;
        }
    } else if (error.retry == Retry::safe && error.source == ErrorSource::upstream && !lease_) {
        reason = RetryReason::connect;
    } else {
        return std::nullopt;
    }
    if (options.timeouts.total_ms != 0) {
        const Instant end = record_.received + Duration::milliseconds(options.timeouts.total_ms);
        if (services_.proactor.now() + wait >= end) {
            return std::nullopt;
        }
    }
    return wait;
}

coro::Task<Status> Exchange::rest(Duration wait) {
    net::Deadline over(services_.proactor, signal());
    // A deadline of nothing would never pass.
    over.set(std::max(wait, Duration::milliseconds(1)));
    while (!over.has_passed()) {
        if (const std::optional<Error> stop = reason_to_stop()) {
            co_return fail(*stop);
        }
        co_await pause();
    }
    co_return Status();
}

void Exchange::begin_retry(RetryReason reason) {
    forget_attempt();
    record_.retry_reason = reason;
    ++record_.retries[static_cast<size_t>(reason)];
    waited_ = waited_ + leasing_;
}

// What the last attempt left behind.
void Exchange::forget_attempt() {
    lease_.drop();
    refusal_ = nullptr;
    refused_ = nullptr;
    if (chain_ != nullptr) {
        chain_->renew_filters();
    }
    record_.reply_failed = false;
    record_.has_dialects = false;
    record_.connection_reused = false;
    request_sent_whole_ = false;
    record_.is_stream = false;
    record_.events = 0;
    record_.usage = {};
    record_.upstream_status = 0;
    record_.leased = record_.sent = record_.first_byte = record_.first_event = {};
}

}  // namespace sluice::pipeline
