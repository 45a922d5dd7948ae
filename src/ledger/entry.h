// Entry: one exchange, as the ledger keeps it. A plain value that points to nothing.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "ledger/bounded_text.h"

namespace sluice::ledger {

// Unique to an exchange for ever: an entry whose id is in the ledger already is ignored.
struct EntryId {
    std::array<uint8_t, 16> bytes = {};

    // Begins with the time, so that an index of ids grows at its end; the rest is random.
    static EntryId make(int64_t wall_clock_ns, uint64_t random);
    bool operator==(const EntryId&) const = default;
};

enum class Ending : uint8_t {
    ok,
    error,      // Of the upstream or of the gateway.
    aborted,    // The client left.
    cached,     // Answered from a cache of ours.
    coalesced,  // Answered by another client's exchange.
};
std::string_view ending_name(Ending ending);

struct Entry {
    EntryId id;
    int64_t started_at_ns = 0;  // Since 1970.

    BoundedText<128> key_id;  // Names the client's key; never the key itself.
    BoundedText<128> tenant;
    BoundedText<32> operation;  // "chat", or the path where it is no operation that we know.
    BoundedText<96> model;      // As asked for.
    BoundedText<48> provider;   // The upstream's name.
    BoundedText<96> upstream_model;

    uint16_t status = 0;  // As the client got it.
    uint16_t attempts = 0;
    Ending ending = Ending::ok;
    bool is_stream = false;
    bool is_estimated = false;  // The counts of tokens.
    bool is_priced = false;     // Else the cost is unknown, not zero.

    int64_t input_tokens = 0;  // With those read from and written to a cache.
    int64_t cached_tokens = 0;
    int64_t cache_write_tokens = 0;
    int64_t output_tokens = 0;  // With reasoning.
    int64_t reasoning_tokens = 0;
    int64_t cost_pico = 0;  // 1e-12 dollars.
    BoundedText<16> price_version;

    uint32_t latency_ms = 0;
    uint32_t ttft_ms = 0;  // To the first byte of the answer's body; 0 when there was none.
    int64_t request_bytes = 0;
    int64_t response_bytes = 0;

    bool operator==(const Entry&) const = default;
};

static_assert(std::is_trivially_copyable_v<Entry>);

}  // namespace sluice::ledger
