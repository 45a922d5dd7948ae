// Ids and names.
#include "ledger/entry.h"

#include <cstdint>
#include <string_view>

namespace sluice::ledger {

namespace {

constexpr std::string_view kEndingNames[] = {"ok", "error", "aborted", "cached", "coalesced"};
constexpr size_t kHalfBytes = sizeof(uint64_t);

}  // namespace

EntryId EntryId::make(int64_t wall_clock_ns, uint64_t random) {
    EntryId id;
    const auto time = static_cast<uint64_t>(wall_clock_ns);
    for (size_t i = 0; i < kHalfBytes; ++i) {
        const size_t shift = 8 * (kHalfBytes - 1 - i);
        id.bytes[i] = static_cast<uint8_t>(time >> shift);
        id.bytes[kHalfBytes + i] = static_cast<uint8_t>(random >> shift);
    }
    return id;
}

std::string_view ending_name(Ending ending) {
    return kEndingNames[static_cast<size_t>(ending)];
}

}  // namespace sluice::ledger
