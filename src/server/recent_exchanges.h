// RecentExchanges: the last exchanges of one shard, for somebody who looks at a running gateway.
//
// A ring of plain values of a fixed size, made of the records that make the access log: keeping one
// copies a few hundred bytes and allocates nothing, telling is one copy of memory, so that neither
// holds up a shard. Texts are cut. A record has no header and no query, so no secret can get here,
// and a body only where content is to be kept: then it is counted beside its exchange, and told
// with that one alone. One shard; others ask it (server/ask_shards.h).
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "pipeline/exchange_record.h"
#include "pipeline/stream_watch.h"
#include "trace/content.h"

namespace sluice::server {

// A text within a value that is copied as memory.
template <size_t kBytesMax>
class KeptText {
public:
    static_assert(kBytesMax <= UINT8_MAX);

    // Cut between two characters of UTF-8 when it is longer.
    void set(std::string_view text) {
        size_t size = std::min(text.size(), kBytesMax);
        while (size < text.size() && size > 0 && is_continuation(text[size])) {
            --size;
        }
        std::copy_n(text.begin(), size, bytes_.begin());
        size_ = static_cast<uint8_t>(size);
    }
    std::string_view view() const { return {bytes_.data(), size_}; }

private:
    static bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

    std::array<char, kBytesMax> bytes_;
    uint8_t size_ = 0;
};

// The instants of an exchange, in their order, in microseconds from its first byte on.
struct ExchangeOffsets {
    static constexpr int64_t kNever = -1;

    int64_t received = kNever;
    int64_t lease_begun = kNever;
    int64_t leased = kNever;
    int64_t sent = kNever;
    int64_t first_byte = kNever;
    int64_t responded = kNever;
    int64_t first_event = kNever;
    int64_t ended = kNever;
};

struct RecentExchange {
    int64_t ended_at_ns = 0;  // Of the wall clock.
    uint64_t number = 0;      // Within its shard, from 1 on.

    bool is_newer_than(const RecentExchange& other) const {
        return ended_at_ns != other.ended_at_ns ? ended_at_ns > other.ended_at_ns
                                                : number > other.number;
    }

    KeptText<48> request_id;
    KeptText<12> method;
    KeptText<96> path;
    KeptText<32> operation;
    KeptText<96> model;
    KeptText<96> upstream_model;
    KeptText<64> route;
    KeptText<96> upstream;  // That was asked last; a member of a pool by its own name.
    KeptText<64> series;    // The [llm.NAME] that it has its settings from.
    KeptText<64> pool;
    KeptText<64> key;
    KeptText<64> tenant;
    KeptText<96> error_detail;  // A text of ours.
    KeptText<32> refusal;       // Why the key was turned away, or the limit that refused.
    ExchangeOffsets offsets;
    int64_t queued_us = 0;
    int64_t retried_us = 0;
    pipeline::Usage usage;
    int64_t cost_pico_usd = 0;
    uint64_t request_bytes = 0;
    uint64_t response_bytes = 0;
    uint64_t events = 0;
    uint32_t shard = 0;
    uint16_t status = 0;
    uint16_t upstream_status = 0;
    uint16_t attempts = 0;
    bool is_stream = false;
    bool is_priced = false;
    bool is_cached = false;
    bool connection_reused = false;
    bool has_content = false;
    pipeline::CacheOutcome cache = pipeline::CacheOutcome::none;
    pipeline::HedgeOutcome hedge = pipeline::HedgeOutcome::none;
    pipeline::QueueRefusal queue_refusal = pipeline::QueueRefusal::none;
    pipeline::Phase ended_in = pipeline::Phase::done;
    ErrorKind error = ErrorKind::none;
    ErrorSource error_source = ErrorSource::gateway;
};

struct ExchangeWithContent {
    RecentExchange exchange;
    trace::ContentPtr content;  // Null where none was kept.
};

// The newest first, of all shards that have told theirs; they stay in `parts`.
std::vector<const RecentExchange*> newest_of(
    std::span<const std::optional<std::vector<RecentExchange>>> parts, size_t count);

class RecentExchanges {
public:
    // How many are kept; 0 keeps none. The newest that there is room for stay.
    void set_limit(uint32_t exchanges_max);
    bool is_on() const { return exchanges_max_ > 0; }
    // Whether content stays with those that are added. Off from the start; switching it off forgets
    // what there is.
    void keep_content(bool keeps);
    // False where no exchange is kept.
    bool keeps_content() const { return keeps_content_ && is_on(); }

    void add(const pipeline::ExchangeRecord& record,
             std::string_view route,
             uint32_t shard,
             int64_t wall_clock_ns);

    // The newest first.
    std::vector<RecentExchange> newest(size_t count) const;
    // Nothing when it is not there, or not any more.
    std::optional<ExchangeWithContent> find(uint64_t number) const;

private:
    // `age` counts from the newest, which is 0.
    size_t place_of(size_t age) const { return (oldest_ + ring_.size() - 1 - age) % ring_.size(); }

    std::vector<RecentExchange> ring_;
    std::vector<trace::ContentPtr> contents_;  // Likewise; or none at all.
    size_t oldest_ = 0;                        // Where the next one goes, once the ring is full.
    size_t exchanges_max_ = 0;
    uint64_t last_number_ = 0;
    bool keeps_content_ = false;
};

}  // namespace sluice::server
