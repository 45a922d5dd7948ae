// A record and its notes as a trace: what is kept, times of day, and every member where it belongs.
#include "server/trace_record.h"

#include <cstdint>
#include <string_view>

#include "base/arena.h"
#include "base/error.h"
#include "base/time.h"
#include "gtest/gtest.h"
#include "net/address.h"
#include "pipeline/exchange_record.h"
#include "trace/context.h"
#include "trace/notes.h"
#include "trace/options.h"
#include "trace/record.h"
#include "trace/sampling.h"

namespace sluice::server {

namespace {

using pipeline::ExchangeRecord;

constexpr int64_t kWallClockNs = 1'800'000'000'000'000'000;
constexpr int64_t kMs = 1'000'000;

Instant at_ms(int64_t ms) {
    return Instant::from_ns(1'000'000'000 + ms * kMs);
}

class TraceRecordTest : public testing::Test {
protected:
    TraceRecordTest() {
        record_.trace = &notes_;
        record_.method = "POST";
        record_.path = "/v1/chat/completions";
        record_.operation = "chat";
        record_.model = "m";
        record_.request_id = "req_1";
        record_.client = net::Address::loopback(4711);
        record_.status = 200;
        record_.began = at_ms(0);
        record_.ended = at_ms(100);
        trace::TraceOptions options;
        options.endpoint = "http://a:1";
        options.sample_ratio = 0;
        options.slow_ms = 1'000;
        sampling_ = trace::Sampling::of(options);
    }

    trace::Keep keep() const { return keep_of(record_, sampling_); }

    const trace::Record& fill() {
        filled_.clear();
        fill_trace(
            filled_, record_, trace::Keep::head,
            {.route = "/v1", .scheme = "https", .now = at_ms(100), .wall_clock_ns = kWallClockNs});
        return filled_;
    }

    trace::AttemptNote& attempt(int64_t began_ms, int64_t ended_ms) {
        trace::AttemptNote& note = notes_.begin_attempt();
        note.span = static_cast<trace::SpanId>(began_ms);
        note.upstream = "up";
        note.began = at_ms(began_ms);
        note.ended = at_ms(ended_ms);
        return note;
    }

    Arena arena_;
    trace::Notes notes_{
        arena_, {.trace = {.high = 1, .low = 2}, .span = 3, .is_sampled = false}, 4, true};
    ExchangeRecord record_;
    trace::Sampling sampling_;
    trace::Record filled_;
};

TEST_F(TraceRecordTest, KeepsFaultsOfOursAndOfUpstreams) {
    EXPECT_EQ(keep(), trace::Keep::none);
    record_.status = 404;
    record_.error = {.kind = ErrorKind::no_route, .source = ErrorSource::client};
    EXPECT_EQ(keep(), trace::Keep::none);
    record_.status = 499;
    record_.error = {.kind = ErrorKind::cancelled, .source = ErrorSource::client};
    record_.upstream_status = 500;
    EXPECT_EQ(keep(), trace::Keep::none);
    record_.status = 429;
    record_.error = {.kind = ErrorKind::upstream_status, .source = ErrorSource::upstream};
    record_.upstream_status = 429;
    EXPECT_EQ(keep(), trace::Keep::error);
    record_.status = 200;
    record_.upstream_status = 200;
    record_.error = {.kind = ErrorKind::closed_early, .source = ErrorSource::upstream};
    EXPECT_EQ(keep(), trace::Keep::error);
    record_.error = {.kind = ErrorKind::none};
    record_.reply_failed = true;
    EXPECT_EQ(keep(), trace::Keep::error);
    record_.reply_failed = false;
    record_.status = 503;
    EXPECT_EQ(keep(), trace::Keep::error);
    record_.status = 200;
    record_.ended = at_ms(1'000);
    EXPECT_EQ(keep(), trace::Keep::slow);
}

TEST_F(TraceRecordTest, TellsTheExchange) {
    record_.is_priced = true;
    record_.cost_pico_usd = 9;
    record_.usage = {
        .prompt_tokens = 1, .completion_tokens = 2, .cached_tokens = 3, .is_known = true};
    const trace::Record& filled = fill();
    const trace::ExchangeFacts& exchange = filled.exchange;
    EXPECT_EQ(exchange.own, notes_.own());
    EXPECT_EQ(exchange.parent, 4U);
    EXPECT_EQ(exchange.method, "POST");
    EXPECT_EQ(exchange.scheme, "https");
    EXPECT_EQ(exchange.operation, "chat");
    EXPECT_EQ(exchange.error, "");
    EXPECT_EQ(exchange.phase, "");
    EXPECT_EQ(filled.text(exchange.route), "/v1");
    EXPECT_EQ(filled.text(exchange.client), "127.0.0.1");
    EXPECT_EQ(filled.text(exchange.request_id), "req_1");
    EXPECT_EQ(exchange.status, 200);
    EXPECT_FALSE(exchange.is_failed);
    EXPECT_EQ(exchange.cost_pico_usd, 9);
    EXPECT_EQ(exchange.usage.input_tokens, 1U);
    EXPECT_EQ(exchange.usage.cached_tokens, 3U);
    EXPECT_EQ(exchange.ended, kWallClockNs);
    EXPECT_EQ(exchange.began, kWallClockNs - 100 * kMs);
}

TEST_F(TraceRecordTest, AddressesStandWithoutPortsAndBrackets) {
    record_.client = *net::Address::parse("2001:db8::1", 1);
    const trace::Record& filled = fill();
    EXPECT_EQ(filled.text(filled.exchange.client), "2001:db8::1");
    record_.client = {};
    fill();
    EXPECT_EQ(filled.text(filled.exchange.client), "");
}

TEST_F(TraceRecordTest, TimesOfAnAttemptNeverGoBack) {
    trace::AttemptNote& note = attempt(10, 50);
    note.leased = at_ms(9);  // Of the turn's beginning.
    note.sent = at_ms(20);
    note.first_byte = at_ms(19);
    const trace::Record& filled = fill();
    ASSERT_EQ(filled.attempt_count, 1);
    const trace::AttemptRecord& told = filled.attempts[0];
    EXPECT_EQ(told.began, kWallClockNs - 90 * kMs);
    EXPECT_EQ(told.leased, told.began);
    EXPECT_EQ(told.sent, kWallClockNs - 80 * kMs);
    EXPECT_EQ(told.first_byte, told.sent);
    EXPECT_EQ(told.first_event, 0);
    EXPECT_EQ(told.ended, kWallClockNs - 50 * kMs);
}

TEST_F(TraceRecordTest, TheLastAttemptIsAlwaysThere) {
    for (int64_t i = 1; i <= 20; ++i) {
        attempt(i, i);
    }
    notes_.begin_attempt().span = 99;
    EXPECT_NE(notes_.open_attempt(), nullptr);
    notes_.open_attempt()->ended = at_ms(60);
    EXPECT_EQ(notes_.open_attempt(), nullptr);
    const trace::Record& filled = fill();
    ASSERT_EQ(filled.attempt_count, trace::kAttemptsMax);
    EXPECT_EQ(filled.attempts[0].span, 1U);
    EXPECT_EQ(filled.attempts[trace::kAttemptsMax - 1].span, 99U);
    EXPECT_EQ(filled.attempts[trace::kAttemptsMax - 1].ordinal, 20);
    EXPECT_EQ(trace::span_count(filled), trace::span_count(notes_));
}

TEST_F(TraceRecordTest, WhatACacheAnsweredUsedNothing) {
    record_.is_cached = true;
    record_.usage = {.prompt_tokens = 1, .completion_tokens = 2, .is_known = true};
    EXPECT_FALSE(fill().exchange.usage.is_known);
}

TEST_F(TraceRecordTest, AClientThatLeftGotNoStatus) {
    record_.status = 499;
    record_.error = {.kind = ErrorKind::cancelled, .source = ErrorSource::client};
    record_.ended_in = pipeline::Phase::relay;
    const trace::Record& filled = fill();
    EXPECT_EQ(filled.exchange.status, 0);
    EXPECT_EQ(filled.exchange.error, "cancelled");
    EXPECT_EQ(filled.exchange.phase, "relay");
    EXPECT_FALSE(filled.exchange.is_failed);
}

}  // namespace

}  // namespace sluice::server
