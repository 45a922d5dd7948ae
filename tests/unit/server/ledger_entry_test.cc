// A record as an entry: every member where it belongs, and how an exchange ended.
#include "server/ledger_entry.h"

#include <cstdint>

#include "base/error.h"
#include "base/time.h"
#include "gtest/gtest.h"
#include "ledger/entry.h"
#include "pipeline/exchange_record.h"

namespace sluice::server {

namespace {

using ledger::Ending;
using pipeline::ExchangeRecord;

constexpr int64_t kWallClockNs = 1'800'000'000'000'000'000;

ExchangeRecord sample() {
    ExchangeRecord record;
    record.operation = "chat";
    record.model = "m";
    record.upstream_name = "up";
    record.key_id = "key_1";
    record.key_name = "team";
    record.tenant = "acme";
    record.status = 200;
    record.attempts = 2;
    record.is_stream = true;
    record.request_body_bytes = 11;
    record.response_body_bytes = 12;
    record.usage = {.prompt_tokens = 1,
                    .completion_tokens = 2,
                    .cached_tokens = 3,
                    .cache_write_tokens = 4,
                    .reasoning_tokens = 5,
                    .is_known = true,
                    .is_estimated = true};
    record.cost_pico_usd = 77;
    record.is_priced = true;
    record.price_version = "0123456789ab";
    record.began = Instant::from_ns(1'000'000'000);
    record.first_byte = Instant::from_ns(1'250'000'000);
    record.ended = Instant::from_ns(2'500'000'000);
    return record;
}

ledger::Entry entry_of(const ExchangeRecord& record, uint64_t random = 9) {
    return ledger_entry(record, record.ended, kWallClockNs, random);
}

Ending ending_of(uint16_t status, ErrorKind kind) {
    ExchangeRecord record = sample();
    record.status = status;
    record.error.kind = kind;
    return entry_of(record).ending;
}

TEST(LedgerEntry, SaysWhoseAnswerItWas) {
    ExchangeRecord record = sample();
    record.is_cached = true;
    record.cache = pipeline::CacheOutcome::hit;
    EXPECT_EQ(entry_of(record).ending, Ending::cached);
    record.cache = pipeline::CacheOutcome::join;
    EXPECT_EQ(entry_of(record).ending, Ending::coalesced);
    record.error.kind = ErrorKind::cancelled;
    EXPECT_EQ(entry_of(record).ending, Ending::aborted);
}

TEST(LedgerEntry, HasEveryMember) {
    const ledger::Entry entry = entry_of(sample());
    EXPECT_EQ(entry.started_at_ns, kWallClockNs - 1'500'000'000);
    EXPECT_EQ(entry.id, ledger::EntryId::make(entry.started_at_ns, 9));
    EXPECT_EQ(entry.key_id.view(), "key_1");
    EXPECT_EQ(entry.tenant.view(), "acme");
    EXPECT_EQ(entry.operation.view(), "chat");
    EXPECT_EQ(entry.model.view(), "m");
    EXPECT_EQ(entry.provider.view(), "up");
    EXPECT_EQ(entry.upstream_model.view(), "m");
    EXPECT_EQ(entry.status, 200);
    EXPECT_EQ(entry.attempts, 2);
    EXPECT_EQ(entry.ending, Ending::ok);
    EXPECT_TRUE(entry.is_stream && entry.is_estimated && entry.is_priced);
    EXPECT_EQ(entry.input_tokens, 1);
    EXPECT_EQ(entry.output_tokens, 2);
    EXPECT_EQ(entry.cached_tokens, 3);
    EXPECT_EQ(entry.cache_write_tokens, 4);
    EXPECT_EQ(entry.reasoning_tokens, 5);
    EXPECT_EQ(entry.cost_pico, 77);
    EXPECT_EQ(entry.price_version.view(), "0123456789ab");
    EXPECT_EQ(entry.latency_ms, 1500U);
    EXPECT_EQ(entry.ttft_ms, 250U);
    EXPECT_EQ(entry.request_bytes, 11);
    EXPECT_EQ(entry.response_bytes, 12);
}

TEST(LedgerEntry, TellsHowItEnded) {
    EXPECT_EQ(ending_of(200, ErrorKind::none), Ending::ok);
    EXPECT_EQ(ending_of(499, ErrorKind::cancelled), Ending::aborted);
    EXPECT_EQ(ending_of(429, ErrorKind::none), Ending::error) << "the upstream's";
    EXPECT_EQ(ending_of(200, ErrorKind::closed_early), Ending::error) << "a stream that was cut";
    EXPECT_EQ(ending_of(404, ErrorKind::no_route), Ending::error);
}

TEST(LedgerEntry, WithoutAnUpstreamNamesNone) {
    ExchangeRecord record = sample();
    record.upstream_name = record.upstream_model = {};
    record.first_byte = {};
    const ledger::Entry entry = entry_of(record);
    EXPECT_EQ(entry.provider.view(), "");
    EXPECT_EQ(entry.upstream_model.view(), "");
    EXPECT_EQ(entry.ttft_ms, 0U);
}

}  // namespace
}  // namespace sluice::server
