// What failures are to the rules and to the record of a target.
#include "pipeline/failures.h"

#include <gtest/gtest.h>

#include "balance/charge.h"
#include "base/error.h"
#include "base/time.h"
#include "providers/provider_error.h"

namespace sluice::pipeline {
namespace {

using balance::Verdict;
using providers::Blame;
using providers::ProviderError;

constexpr Error kStatus = {.kind = ErrorKind::upstream_status, .source = ErrorSource::upstream};

Error upstream_error(ErrorKind kind) {
    return {.kind = kind, .source = ErrorSource::upstream};
}

TEST(Failures, OfConnectionsAndClocks) {
    EXPECT_EQ(failure_class(upstream_error(ErrorKind::reset), nullptr), FailureClass::connection);
    EXPECT_EQ(failure_class(upstream_error(ErrorKind::silence_timeout), nullptr),
              FailureClass::timeout);
    EXPECT_EQ(failure_class(upstream_error(ErrorKind::malformed), nullptr), FailureClass::server);
    EXPECT_EQ(failure_class(upstream_error(ErrorKind::total_timeout), nullptr), FailureClass::none);
    EXPECT_EQ(outcome_of_failure(upstream_error(ErrorKind::reset), nullptr).verdict,
              Verdict::fault);
}

TEST(Failures, OfOurOwnSayNothingOfATarget) {
    const Error full = {.kind = ErrorKind::overloaded, .source = ErrorSource::gateway};
    EXPECT_EQ(failure_class(full, nullptr), FailureClass::throttled);
    EXPECT_EQ(outcome_of_failure(full, nullptr).verdict, Verdict::neutral);
    // An attempt that was cancelled because another one had answered.
    const Error outrun = {.kind = ErrorKind::cancelled, .source = ErrorSource::gateway};
    EXPECT_EQ(failure_class(outrun, nullptr), FailureClass::none);
    EXPECT_EQ(outcome_of_failure(outrun, nullptr).verdict, Verdict::neutral);
    const Error left = {.kind = ErrorKind::cancelled, .source = ErrorSource::client};
    EXPECT_EQ(outcome_of_failure(left, nullptr).verdict, Verdict::neutral);
}

TEST(Failures, WhatATargetSaysDecides) {
    const ProviderError slow_down = {
        .status = 429, .blame = Blame::throttle, .retry_after = Duration::seconds(2)};
    EXPECT_EQ(failure_class(kStatus, &slow_down), FailureClass::throttled);
    EXPECT_EQ(outcome_of_failure(kStatus, &slow_down).verdict, Verdict::pushback);
    EXPECT_EQ(outcome_of_failure(kStatus, &slow_down).retry_after, Duration::seconds(2));

    ProviderError busy = {.status = 503, .blame = Blame::failure};
    busy.upstream_status = 503;
    busy.retry_after = Duration::seconds(-1);
    EXPECT_EQ(outcome_of_failure(kStatus, &busy).verdict, Verdict::fault);
    busy.retry_after = Duration::seconds(1);
    EXPECT_EQ(outcome_of_failure(kStatus, &busy).verdict, Verdict::pushback);

    const ProviderError wrong = {.status = 400, .blame = Blame::none};
    EXPECT_EQ(failure_class(kStatus, &wrong), FailureClass::none);
    EXPECT_EQ(outcome_of_failure(kStatus, &wrong).verdict, Verdict::neutral);

    const ProviderError forbidden = {.status = 401, .blame = Blame::credential};
    EXPECT_EQ(failure_class(kStatus, &forbidden), FailureClass::credential);
    EXPECT_GT(outcome_of_failure(kStatus, &forbidden).retry_after, Duration{});
}

}  // namespace
}  // namespace sluice::pipeline
