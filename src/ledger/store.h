// Store: where the ledger's writer puts its rows. One thread at a time.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "ledger/entry.h"
#include "ledger/options.h"

namespace sluice::ledger {

enum class Written : uint8_t {
    done,
    later,    // Nothing was written, and the same may work in a while: locked, full, not there.
    refused,  // Nothing was written, and it never will be.
};

class Store {
public:
    virtual ~Store() = default;

    // All of them, in one transaction. Those whose id is there already are skipped.
    virtual Written write(std::span<const Entry> entries) = 0;
    // Deletes up to `rows_max` entries that began earlier, the oldest first; how many, or nothing
    // when it did not work.
    virtual std::optional<uint32_t> prune(int64_t before_ns, uint32_t rows_max) = 0;
    // What the latest failure was. Never with a password.
    virtual std::string_view error() const = 0;
};

// By the options' path or URL. The error says what is wrong, in one line. A file is made and its
// form checked at once; a server is first called when something is written.
std::expected<std::unique_ptr<Store>, std::string> open_store(const LedgerOptions& options);

}  // namespace sluice::ledger
