// From instants to durations, and from an outcome to its word.
#include "server/ledger_entry.h"

#include <algorithm>
#include <cstdint>

#include "base/error.h"
#include "base/time.h"
#include "ledger/entry.h"
#include "pipeline/exchange_record.h"

namespace sluice::server {

namespace {

using ledger::Ending;
using pipeline::ExchangeRecord;

constexpr uint16_t kFirstErrorStatus = 400;

int64_t clamped(uint64_t value) {
    return static_cast<int64_t>(std::min<uint64_t>(value, INT64_MAX));
}

// Zero for what did not happen.
uint32_t milliseconds(Instant from, Instant to) {
    if (!from.is_set() || !to.is_set()) {
        return 0;
    }
    return static_cast<uint32_t>(std::clamp<int64_t>((to - from).us() / 1000, 0, UINT32_MAX));
}

Ending ending_of(const ExchangeRecord& record) {
    if (record.error.kind == ErrorKind::cancelled) {
        return Ending::aborted;
    }
    if (record.error.kind != ErrorKind::none || record.status >= kFirstErrorStatus) {
        return Ending::error;
    }
    if (record.is_cached) {
        return record.cache == pipeline::CacheOutcome::join ? Ending::coalesced : Ending::cached;
    }
    return Ending::ok;
}

}  // namespace

ledger::Entry ledger_entry(const ExchangeRecord& record,
                           Instant now,
                           int64_t wall_clock_ns,
                           uint64_t random) {
    ledger::Entry entry;
    entry.started_at_ns = wall_clock_ns - (now - record.began).us() * 1000;
    entry.id = ledger::EntryId::make(entry.started_at_ns, random);
    entry.key_id = record.key_id;
    entry.tenant = record.tenant;
    entry.operation = record.operation;
    entry.model = record.model;
    entry.provider = record.upstream_name;
    entry.upstream_model = record.upstream_model.empty() && !record.upstream_name.empty()
                               ? record.model
                               : record.upstream_model;
    entry.status = record.status;
    entry.attempts = record.attempts;
    entry.ending = ending_of(record);
    entry.is_stream = record.is_stream;
    entry.is_estimated = record.usage.is_estimated;
    entry.is_priced = record.is_priced;
    entry.input_tokens = clamped(record.usage.prompt_tokens);
    entry.cached_tokens = clamped(record.usage.cached_tokens);
    entry.cache_write_tokens = clamped(record.usage.cache_write_tokens);
    entry.output_tokens = clamped(record.usage.completion_tokens);
    entry.reasoning_tokens = clamped(record.usage.reasoning_tokens);
    entry.cost_pico = record.cost_pico_usd;
    entry.price_version = record.price_version;
    entry.latency_ms = milliseconds(record.began, record.ended);
    entry.ttft_ms = milliseconds(record.began, record.first_byte);
    entry.request_bytes = clamped(record.request_body_bytes);
    entry.response_bytes = clamped(record.response_body_bytes);
    return entry;
}

}  // namespace sluice::server
