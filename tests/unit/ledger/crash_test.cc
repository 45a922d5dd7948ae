// A process that is killed in the middle: what it had written is there once, the rest can be added
// again without counting double, and the file is whole.
#include <atomic>
#include <csignal>
#include <cstdint>
#include <string>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "gtest/gtest.h"
#include "ledger/ledger.h"
#include "ledger/options.h"
#include "ledger/sqlite_store.h"
#include "ledger_fixture.h"

namespace sluice::ledger {
namespace {

using test::ask_one;
using test::sample_entries;
using test::sample_entry;

// What the child tells through memory that outlives it.
struct Told {
    std::atomic<uint64_t> added;
    std::atomic<uint64_t> written;
};

class SharedTold {
public:
    SharedTold()
        : told_(static_cast<Told*>(mmap(
              nullptr, sizeof(Told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {}
    ~SharedTold() { munmap(told_, sizeof(Told)); }
    Told* operator->() { return told_; }

private:
    Told* told_;
};

[[noreturn]] void add_for_ever(const LedgerOptions& options, SharedTold& told) {
    auto ledger = Ledger::open(options, nullptr, LogFormat::human);
    if (!ledger) {
        _exit(1);
    }
    Lane& lane = (*ledger)->add_lane();
    (*ledger)->start();
    while (true) {
        if (lane.add(sample_entry(told->added))) {
            ++told->added;
        }
        told->written = (*ledger)->counters().written.load();
    }
}

TEST(CrashTest, AKilledProcessLosesItsLastBatchAndCountsNothingTwice) {
    const test::Folder folder;
    LedgerOptions options = test::file_options(folder.file("usage.db"));
    options.batch_interval_ms = 1;
    options.queue_entries_max = 512;
    SharedTold told;
    for (uint64_t round = 1; round <= 5; ++round) {
        const uint64_t goal = told->added + 3'000;
        told->written = 0;
        const pid_t child = fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            add_for_ever(options, told);
        }
        int status = 0;
        while (told->added < goal || told->written < 1'000) {
            ASSERT_EQ(waitpid(child, &status, WNOHANG), 0) << "it ended by itself";
        }
        ASSERT_EQ(kill(child, SIGKILL), 0);
        ASSERT_EQ(waitpid(child, &status, 0), child);
        ASSERT_TRUE(WIFSIGNALED(status));

        auto store = SqliteStore::open(options.path);
        ASSERT_TRUE(store) << store.error();
        const uint64_t rows = std::stoull(ask_one(options, "SELECT COUNT(*) FROM sluice_usage"));
        EXPECT_LE(rows, told->added + 1);
        // What it knew as written, and all of the rounds before.
        EXPECT_GE(rows + 512 + options.batch_rows_max, told->added);
        EXPECT_GE(rows, told->written);
        // Whoever adds everything again, as after a restart in doubt, counts nothing twice.
        ASSERT_EQ((*store)->write(sample_entries(0, told->added)), Written::done);
        EXPECT_EQ(ask_one(options, "SELECT COUNT(DISTINCT id) = COUNT(*) FROM sluice_usage"), "1");
        const uint64_t all = std::stoull(ask_one(options, "SELECT COUNT(*) FROM sluice_usage"));
        EXPECT_GE(all, told->added);
        EXPECT_LE(all, told->added + 1);
        EXPECT_EQ(ask_one(options, "PRAGMA integrity_check"), "ok");
    }
}

}  // namespace
}  // namespace sluice::ledger
