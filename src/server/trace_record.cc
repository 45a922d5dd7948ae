// From instants to times of day, from views to texts of the record's own.
#include "server/trace_record.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "base/time.h"
#include "net/address.h"
#include "pipeline/exchange_record.h"
#include "trace/notes.h"
#include "trace/record.h"
#include "trace/sampling.h"
#include "trace/spans.h"

namespace sluice::server {

namespace {

using pipeline::ExchangeRecord;

constexpr uint16_t kFirstErrorStatus = 400;
constexpr uint16_t kFirstServerError = 500;
constexpr size_t kPathBytesMax = 192;

std::string_view error_name(const Error& error) {
    return error.kind == ErrorKind::none ? std::string_view() : error_kind_name(error.kind);
}

// Times of day that never go back from one to the next; zero stays zero.
class Times {
public:
    explicit Times(const TraceSurroundings& surroundings)
        : now_(surroundings.now), wall_clock_ns_(surroundings.wall_clock_ns) {}

    int64_t operator()(Instant instant) {
        if (!instant.is_set()) {
            return 0;
        }
        latest_ = std::max(latest_, wall_clock_ns_ - (now_ - instant).ns());
        return latest_;
    }

private:
    const Instant now_;
    const int64_t wall_clock_ns_;
    int64_t latest_ = 0;
};

std::string_view client_of(const net::Address& address,
                           std::span<char, net::Address::kTextBytesMax> to) {
    if (!address.is_set()) {
        return {};
    }
    std::string_view text = address.write_to(to);
    text = text.substr(0, text.rfind(':'));
    if (text.starts_with('[')) {
        text = text.substr(1, text.size() - 2);
    }
    return text;
}

void fill_attempt(trace::AttemptRecord& to,
                  const trace::AttemptNote& note,
                  trace::TextArea& texts,
                  Times times) {
    to = {.span = note.span,
          .vendor = note.vendor,
          .retry_reason = note.retry_reason,
          .error = error_name(note.error),
          .upstream = texts.add(note.upstream),
          .model = texts.add(note.model),
          .host = texts.add(note.host),
          .port = note.port,
          .ordinal = note.ordinal,
          .status = note.status,
          .is_stream = note.is_stream,
          .is_reused = note.is_reused,
          .is_failed = note.is_failed,
          .began = times(note.began),
          .leased = times(note.leased),
          .sent = times(note.sent),
          .first_byte = times(note.first_byte),
          .first_event = times(note.first_event),
          .ended = times(note.ended)};
    if (to.is_failed && to.error.empty()) {
        to.error = "failed_in_stream";
    }
}

void fill_usage(trace::UsageFacts& to, const ExchangeRecord& record) {
    if (record.is_cached) {
        return;  // Nothing was used for it.
    }
    const pipeline::Usage& usage = record.usage;
    to = {.input_tokens = usage.prompt_tokens,
          .cached_tokens = usage.cached_tokens,
          .cache_write_tokens = usage.cache_write_tokens,
          .output_tokens = usage.completion_tokens,
          .is_known = usage.is_known || usage.is_estimated,
          .is_estimated = usage.is_estimated};
}

}  // namespace

bool is_failure(const ExchangeRecord& record) {
    if (record.error.kind == ErrorKind::cancelled) {
        return false;
    }
    const bool is_broken =
        record.error.kind != ErrorKind::none && record.error.source != ErrorSource::client;
    return is_broken || record.status >= kFirstServerError || record.reply_failed ||
           record.upstream_status >= kFirstErrorStatus;
}

trace::Keep keep_of(const ExchangeRecord& record, const trace::Sampling& sampling) {
    return sampling.keep(record.trace->own().is_sampled, is_failure(record),
                         record.ended - record.began);
}

void fill_trace(trace::Record& to,
                const ExchangeRecord& record,
                trace::Keep keep,
                const TraceSurroundings& surroundings) {
    const trace::Notes& notes = *record.trace;
    const bool has_left = record.error.kind == ErrorKind::cancelled;
    std::array<char, net::Address::kTextBytesMax> address;
    Times times(surroundings);
    trace::ExchangeFacts& exchange = to.exchange;
    exchange.own = notes.own();
    exchange.parent = notes.parent();
    exchange.keep = keep;
    exchange.method = trace::semantic_method(record.method);
    exchange.scheme = surroundings.scheme;
    exchange.operation = trace::semantic_operation(record.operation);
    exchange.error = error_name(record.error);
    exchange.is_failed = is_failure(record);
    if (record.error.kind != ErrorKind::none) {
        exchange.error_source = error_source_name(record.error.source);
        exchange.phase = pipeline::phase_name(record.ended_in);
    }
    exchange.cache = pipeline::cache_outcome_name(record.cache);
    exchange.request_id = to.texts.add(record.request_id);
    exchange.path = to.texts.add(record.path, kPathBytesMax);
    exchange.route = to.texts.add(surroundings.route);
    exchange.client = to.texts.add(client_of(record.client, address));
    exchange.model = to.texts.add(record.model);
    exchange.pool = to.texts.add(record.pool_name);
    exchange.key = to.texts.add(record.key_name);
    exchange.tenant = to.texts.add(record.tenant);
    exchange.reply_model = to.texts.add(notes.reply_model());
    for (const std::string_view reason : notes.finish_reasons()) {
        if (exchange.finish_count < trace::kFinishReasonsMax) {
            exchange.finish_reasons[exchange.finish_count++] = to.texts.add(reason);
        }
    }
    exchange.status = has_left ? uint16_t{0} : record.status;
    exchange.attempts = record.attempts;
    exchange.is_stream = record.is_stream;
    exchange.is_priced = record.is_priced;
    exchange.cost_pico_usd = record.cost_pico_usd;
    fill_usage(exchange.usage, record);
    exchange.began = times(record.began);
    for (const trace::StepNote& note : notes.steps()) {
        Times of_step = times;
        to.steps[to.step_count++] = {.phase = note.phase,
                                     .verdict = note.verdict,
                                     .name = to.texts.add(note.name),
                                     .type = to.texts.add(note.type),
                                     .began = of_step(note.began),
                                     .ended = of_step(note.ended)};
    }
    for (const trace::AttemptNote& note : notes.attempts()) {
        fill_attempt(to.attempts[to.attempt_count++], note, to.texts, times);
    }
    exchange.ended = times(record.ended);
}

}  // namespace sluice::server
