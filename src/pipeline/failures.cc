// From errors to classes, and from classes to verdicts.
#include "pipeline/failures.h"

#include <algorithm>
#include <cstdint>

#include "balance/charge.h"
#include "base/error.h"
#include "base/time.h"
#include "providers/provider_error.h"

namespace sluice::pipeline {

namespace {

using balance::Outcome;
using Judged = balance::Verdict;
using providers::Blame;
using providers::ProviderError;

// For a target that is no use for a while, without a word of its own about how long.
constexpr Duration kUselessRest = Duration::seconds(10);

FailureClass class_of(const ProviderError& told) {
    switch (told.refusal) {
        case providers::Refusal::context_length:
            return FailureClass::too_long;
        case providers::Refusal::content_filter:
            return FailureClass::filtered;
        case providers::Refusal::none:
            break;
    }
    switch (told.blame) {
        case Blame::failure:
            return told.status == 504 ? FailureClass::timeout : FailureClass::server;
        case Blame::throttle:
            return FailureClass::throttled;
        case Blame::credential:
            return FailureClass::credential;
        case Blame::config:
            return FailureClass::model;
        case Blame::none:
            break;
    }
    return told.may_fall_back ? FailureClass::server : FailureClass::none;
}

bool is_clients(const Error& error) {
    return error.source == ErrorSource::client || error.kind == ErrorKind::cancelled ||
           error.kind == ErrorKind::shutting_down;
}

}  // namespace

FailureClass failure_class(const Error& error, const ProviderError* refusal) {
    if (error.kind == ErrorKind::blocked) {
        return FailureClass::none;  // By our own rules, which hold for every target.
    }
    if (refusal != nullptr) {
        return class_of(*refusal);
    }
    if (error.source != ErrorSource::upstream) {
        // A pool of ours that is full is nothing that another one would not have room for.
        return error.kind == ErrorKind::overloaded ? FailureClass::throttled : FailureClass::none;
    }
    switch (error.kind) {
        case ErrorKind::first_byte_timeout:
        case ErrorKind::silence_timeout:
            return FailureClass::timeout;
        case ErrorKind::connect_refused:
        case ErrorKind::connect_failed:
        case ErrorKind::connect_timeout:
        case ErrorKind::dns_failed:
        case ErrorKind::tls_handshake:
        case ErrorKind::tls_verify:
        case ErrorKind::reset:
        case ErrorKind::closed_early:
            return FailureClass::connection;
        case ErrorKind::total_timeout:
            return FailureClass::none;
        default:
            return FailureClass::server;
    }
}

Outcome outcome_of_failure(const Error& error, const ProviderError* refusal) {
    Outcome outcome = {.error = static_cast<uint16_t>(error.kind)};
    if (!is_clients(error) && (refusal != nullptr || error.source == ErrorSource::upstream)) {
        switch (failure_class(error, refusal)) {
            case FailureClass::throttled:
                outcome.verdict = Judged::pushback;
                break;
            case FailureClass::credential:
            case FailureClass::model:
                outcome.verdict = Judged::pushback;
                outcome.retry_after = kUselessRest;
                break;
            case FailureClass::server:
            case FailureClass::timeout:
            case FailureClass::connection:
                outcome.verdict = Judged::fault;
                break;
            case FailureClass::none:
            case FailureClass::too_long:
            case FailureClass::filtered:
                break;
        }
    }
    if (refusal != nullptr && refusal->upstream_status != 0) {
        outcome.prompt_tokens = outcome.output_tokens = 0;  // Nobody pays for being refused.
    }
    if (refusal != nullptr && refusal->retry_after.ns() >= 0) {
        // Overloaded, but well: it says when it will be back.
        const bool is_overload = refusal->upstream_status == 503;
        outcome.verdict = is_overload ? Judged::pushback : outcome.verdict;
        outcome.retry_after = std::max(outcome.retry_after, refusal->retry_after);
    }
    return outcome;
}

}  // namespace sluice::pipeline
