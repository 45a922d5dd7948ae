// ExchangeRecord: what is known of an exchange when it is over; the source of log line and metrics.
//
// Filled step by step by the exchange; texts lie in its arena and are valid during the call of
// Telemetry::on_exchange_end only. Instants are zero for what did not happen.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "base/priority.h"
#include "base/time.h"
#include "net/address.h"
#include "pipeline/stream_watch.h"
#include "providers/dialect.h"
#include "trace/content.h"
#include "trace/notes.h"

namespace sluice::pipeline {

class Service;

// In which phase an exchange was when it ended early.
enum class Phase : uint8_t { request, connect, first_byte, relay, done };
std::string_view phase_name(Phase phase);

// Why a request was sent again.
enum class RetryReason : uint8_t {
    idle_death,     // The connection had died before the upstream saw anything.
    connect,        // There was no connection.
    status,         // The upstream answered with an error that may pass.
    throttled,      // It asked for a rest.
    reply,          // A reply broke before any of it had gone on.
    key_refused,    // With another key: this one was refused,
    key_throttled,  // or is to rest.
    fail_over,      // At another target.
    restart,        // Likewise, after part of an answer had gone to the client,
    continuation,   // or to go on with that part.
};
inline constexpr size_t kRetryReasons = static_cast<size_t>(RetryReason::continuation) + 1;
std::string_view retry_reason_name(RetryReason reason);

// What guards have done about an exchange's texts: matches by action, and the rule of the first.
struct GuardRecord {
    std::string_view rule;  // Of the snapshot.
    uint32_t blocked = 0;
    uint32_t redacted = 0;
    uint32_t flagged = 0;

    bool has_matched() const { return !rule.empty(); }
};

// What a request has cost besides its answer: a model that a processor has asked, or an answer that
// broke off and was begun anew. In the arena.
struct ExtraUsage {
    const Service* service = nullptr;  // Whose prices count; lives as long as the exchange.
    std::string_view upstream_name;
    std::string_view model;  // The upstream's name.
    Usage usage;
    bool is_part = false;  // Of an answer.
    ExtraUsage* next = nullptr;
    // As in the record of the exchange, whose cost has it in its sum.
    int64_t cost_pico_usd = 0;
    bool is_priced = false;
};

// What the response cache, or a call of another exchange, has done for an exchange.
enum class CacheOutcome : uint8_t { none, bypass, hit, join, miss, store };
// Empty for none.
std::string_view cache_outcome_name(CacheOutcome outcome);

// What became of a second target that was asked, or to be asked, while the first one kept the
// exchange waiting.
enum class HedgeOutcome : uint8_t {
    none,
    won,        // Its answer was the first to begin, and was passed on.
    lost,       // The first one's was.
    failed,     // It failed before either had begun.
    denied,     // It was due, but the request, the budget or the pool did not allow it.
    cancelled,  // The exchange ended before either had begun.
};
// Why a request did not get a target from the queue of its pool, or no place in it.
enum class QueueRefusal : uint8_t {
    none,
    full,
    hopeless,    // It would have waited for too long.
    pushed_out,  // By one that is more urgent, or of a tenant with fewer in the queue.
    timeout,
};
// Empty for none.
std::string_view queue_refusal_name(QueueRefusal refusal);

// Empty for none.
std::string_view hedge_outcome_name(HedgeOutcome outcome);

struct ExchangeRecord {
    static constexpr uint32_t kNone = UINT32_MAX;

    net::Address client;  // Not set when it is not known.
    std::string_view request_id;
    std::string_view method;
    std::string_view path;
    std::string_view model;            // As the client wrote it.
    std::string_view upstream_model;   // Empty when it is the same.
    std::string_view operation;        // "chat", or the path where it is none that we know.
    std::string_view upstream_name;    // Empty before one was chosen.
    std::string_view upstream_series;  // What it is counted under.
    std::string_view pool_name;        // Of the pool that the upstream was chosen from, if any.
    std::string_view key_name;         // Of the virtual key that was shown; empty without one.
    std::string_view key_id;
    std::string_view tenant;
    std::string_view key_refusal;  // Why the key was turned away, an access::AccessReason.
    std::string_view limit_scope;  // Whose limit refused it: "key", "model"; and which limit.
    std::string_view limit;
    const Service* service = nullptr;  // Of the upstream; lives as long as the exchange.
    uint32_t route = kNone;
    uint16_t status = 0;  // As sent to the client; 499 when it left before that.
    uint16_t upstream_status = 0;
    uint16_t attempts = 0;
    std::array<uint16_t, kRetryReasons> retries = {};  // By their reason.
    RetryReason retry_reason{};                        // Of the last one.
    HedgeOutcome hedge = HedgeOutcome::none;
    std::optional<Priority> key_priority;  // Of its key, if that has one.
    Priority priority = Priority::normal;  // Of a request to a pool.
    bool is_queued = false;                // It had to wait, or was to and could not.
    QueueRefusal queue_refusal = QueueRefusal::none;
    Duration queue_wait;
    std::string_view hedge_upstream;   // The second target; empty when none was asked.
    uint32_t hedge_prompt_tokens = 0;  // An estimate of what was sent a second time.
    bool is_out_of_retries = false;    // One more would have been due, but for the budget.
    // Of an exchange that asked an upstream over the network; a relayed one has the same twice.
    bool has_dialects = false;
    providers::Dialect client_dialect{};
    providers::Dialect upstream_dialect{};
    bool is_stream = false;
    bool connection_reused = false;
    bool is_refused_by_step = false;  // A processor turned it away.
    Phase ended_in = Phase::request;
    Error error{.kind = ErrorKind::none};
    uint64_t request_body_bytes = 0;
    uint64_t response_body_bytes = 0;
    uint64_t events = 0;
    Usage usage;
    ExtraUsage* extra_usages = nullptr;  // The latest first.
    // From finish() on, before the processors' on_end (exchange_cost.h). 10^-12 dollars, with what
    // processors have asked of other models; what has no price is not in it.
    int64_t cost_pico_usd = 0;
    bool is_priced = false;          // All of it is known. Nothing that was used costs nothing.
    bool is_cost_estimated = false;  // It goes by counts of tokens that are an estimate.
    std::string_view price_version;
    GuardRecord guard;
    CacheOutcome cache = CacheOutcome::none;
    std::string_view cache_key;  // The digest in hexadecimal, by which an entry is purged.
    bool is_cached = false;      // No upstream was asked: `usage` is what the answer once cost.
    bool reply_failed = false;   // The upstream said in its stream that it failed.

    trace::Notes* trace = nullptr;  // In the arena; null where traces are off.
    trace::ContentPtr content;      // Null where none is kept.

    Instant began;        // First byte of the request head.
    Instant received;     // Last byte of the request (or the point where it began to flow on).
    Instant lease_begun;  // Asked for a connection.
    Instant leased;       // Got it.
    Instant sent;         // Request handed to the kernel as a whole.
    Instant first_byte;   // Response head of the upstream.
    Instant responded;    // Response head towards the client.
    Instant first_event;  // Of a stream.
    Instant ended;

    // It was sent again, and not only to two targets at once.
    bool has_retried() const {
        return std::ranges::any_of(retries, [](uint16_t count) { return count > 0; });
    }

    Duration retried;  // From the first attempt to the one that the instants above tell of.
};

class Telemetry {
public:
    virtual void on_exchange_begin() = 0;
    // A key of an upstream rests from now on, because it was "refused" or "throttled".
    virtual void on_key_rest(std::string_view upstream, std::string_view why) = 0;
    virtual void on_exchange_end(const ExchangeRecord& record) = 0;

protected:
    ~Telemetry() = default;
};

}  // namespace sluice::pipeline
