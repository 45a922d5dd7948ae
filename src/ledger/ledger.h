// Ledger: one thread that carries entries from the shards to a store, in batches.
//
// Each shard has a Lane. The writer sleeps until a lane gets its first entry, waits a moment so
// that more come together, and writes them in one transaction. A store that fails is tried again,
// ever later; its batch is kept meanwhile, the lanes fill up, then drop and count. No shard ever
// waits for it, and neither does the process when it ends.
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/log.h"
#include "base/log_writer.h"
#include "ledger/entry.h"
#include "ledger/lane.h"
#include "ledger/options.h"
#include "ledger/store.h"

namespace sluice::ledger {

// Read by any thread.
struct LedgerCounters {
    std::atomic<uint64_t> written = 0;  // Entries that were handed to the store.
    std::atomic<uint64_t> batches = 0;
    std::atomic<uint64_t> failures = 0;  // Batches that did not work, each time.
    std::atomic<uint64_t> lost = 0;      // Refused by the store, or left when the time was over.
    std::atomic<uint64_t> pruned = 0;
};

class Ledger {
public:
    // Opens what the options name; the error is one line. `log` may be null: then it is silent.
    static std::expected<std::unique_ptr<Ledger>, std::string> open(const LedgerOptions& options,
                                                                    LogLane* log,
                                                                    LogFormat format);
    // With a store of the caller's.
    Ledger(std::unique_ptr<Store> store,
           const LedgerOptions& options,
           LogLane* log,
           LogFormat format);
    // Stops it. The lanes go with it, so the shards must be gone.
    ~Ledger();
    Ledger(const Ledger&) = delete;
    Ledger& operator=(const Ledger&) = delete;

    // Before start(), on one thread.
    Lane& add_lane();

    void start();
    // Writes what is left, within the flush time-out, and ends the thread. Twice does no harm.
    void stop();
    const LedgerCounters& counters() const { return counters_; }
    // Of all lanes, from any thread.
    uint64_t dropped() const;

private:
    friend class Lane;
    // What the writer's thread is doing, as far as a shard must know; a futex, which has four
    // bytes. NOLINTNEXTLINE(performance-enum-size)
    enum Phase : uint32_t {
        working,
        asleep,     // Until there is an entry.
        gathering,  // Until a lane is rather full.
    };

    // After an entry; `waiting` is how many its lane has.
    void wake(size_t waiting);
    void run();
    void flush();
    bool write_batch();
    void rest_after_failure();
    void take_batch();
    void prune();
    void tell_drops();
    bool has_entries() const;
    void sleep_until_woken();
    void wait(Phase phase, uint32_t timeout_ms);

    const std::unique_ptr<Store> store_;
    const LedgerOptions options_;
    LogLane* const log_lane_;
    const LogFormat log_format_;
    std::vector<std::unique_ptr<Lane>> lanes_;
    size_t hurry_entries_ = 0;  // In one lane: then the batch is not waited for.
    LedgerCounters counters_;

    std::atomic<uint32_t> phase_ = working;
    std::atomic<uint32_t> is_stopping_ = 0;  // A futex.

    // --- The writer's thread.
    std::vector<Entry> batch_;  // Taken from the lanes, not yet written.
    uint32_t retry_delay_ms_ = 0;
    uint64_t drops_told_ = 0;
    int64_t pruned_at_ns_ = 0;
    std::thread thread_;
};

}  // namespace sluice::ledger
