// The ledger in a file: its form, entries twice, locks, full disks, files of others, old rows.
#include "ledger/sqlite_store.h"

#include <csignal>
#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>

#include "gtest/gtest.h"
#include "ledger/entry.h"
#include "ledger/sqlite_database.h"
#include "ledger/store.h"
#include "ledger_fixture.h"

namespace sluice::ledger {
namespace {

using test::ask;
using test::ask_one;
using test::file_options;
using test::sample_entries;
using test::sample_entry;

class SqliteStoreTest : public testing::Test {
protected:
    SqliteStoreTest() : path_(folder_.file("usage.db")) {}

    std::unique_ptr<Store> open() {
        auto store = SqliteStore::open(path_);
        EXPECT_TRUE(store) << store.error();
        return std::move(*store);
    }
    std::string refusal() {
        const auto store = SqliteStore::open(path_);
        return store ? "" : store.error();
    }
    std::string count() {
        return ask_one(file_options(path_), "SELECT COUNT(*) FROM sluice_usage");
    }
    void run(const char* sql) {
        auto database = SqliteDatabase::open(path_, SqliteDatabase::Access::read_write);
        ASSERT_TRUE(database);
        ASSERT_EQ(database->run(sql), SQLITE_OK) << database->error();
    }

    test::Folder folder_;
    std::string path_;
};

TEST_F(SqliteStoreTest, KeepsEveryMember) {
    Entry entry = sample_entry(3);
    entry.ending = Ending::aborted;
    entry.is_stream = true;
    entry.is_estimated = true;
    entry.cached_tokens = 11;
    entry.cache_write_tokens = 12;
    entry.reasoning_tokens = 13;
    entry.request_bytes = 14;
    entry.response_bytes = 15;
    entry.tenant = std::string_view("Zoë\n");
    ASSERT_EQ(open()->write({&entry, 1}), Written::done);
    const auto rows = ask(file_options(path_), "SELECT hex(id), * FROM sluice_usage");
    ASSERT_EQ(rows.size(), 1U);
    std::vector<std::string> row = rows[0];
    EXPECT_EQ(row[0].size(), 32U);
    EXPECT_TRUE(row[0].ends_with("0000000000000003"));
    row.erase(row.begin(), row.begin() + 2);  // The id, as text and as bytes.
    EXPECT_EQ(row, (std::vector<std::string>{std::to_string(entry.started_at_ns),
                                             "key-1",
                                             "Zoë?",
                                             "chat",
                                             "gpt-4o",
                                             "openai",
                                             "gpt-4o-2024-08-06",
                                             "200",
                                             "aborted",
                                             "1",
                                             "1",
                                             "100",
                                             "11",
                                             "12",
                                             "10",
                                             "13",
                                             "1",
                                             "350000000",
                                             "1",
                                             "0123456789ab",
                                             "1234",
                                             "56",
                                             "14",
                                             "15"}));
}

TEST_F(SqliteStoreTest, AnEntryTwiceCountsOnce) {
    const auto store = open();
    EXPECT_EQ(store->write(sample_entries(0, 10)), Written::done);
    EXPECT_EQ(store->write(sample_entries(5, 10)), Written::done);
    EXPECT_EQ(store->write({}), Written::done);
    EXPECT_EQ(count(), "15");
}

TEST_F(SqliteStoreTest, IsTheSameAfterItWasOpenedAgain) {
    EXPECT_EQ(open()->write(sample_entries(0, 3)), Written::done);
    EXPECT_EQ(open()->write(sample_entries(0, 5)), Written::done);
    EXPECT_EQ(count(), "5");
    EXPECT_EQ(ask_one(file_options(path_), "PRAGMA user_version"), "1");
    EXPECT_EQ(ask_one(file_options(path_), "PRAGMA journal_mode"), "wal");
}

TEST_F(SqliteStoreTest, ALockedFileIsForLaterAndLosesNothing) {
    const auto store = open();
    {
        auto other = SqliteDatabase::open(path_, SqliteDatabase::Access::read_write);
        ASSERT_TRUE(other);
        ASSERT_EQ(other->run("BEGIN IMMEDIATE"), SQLITE_OK);
        EXPECT_EQ(store->write(sample_entries(0, 3)), Written::later);
        EXPECT_EQ(store->error(), "database is locked");
        EXPECT_FALSE(store->prune(INT64_MAX, 10));
    }
    EXPECT_EQ(store->write(sample_entries(0, 3)), Written::done);
    EXPECT_EQ(count(), "3");
}

TEST_F(SqliteStoreTest, AReaderDoesNotHoldTheWriter) {
    const auto store = open();
    ASSERT_EQ(store->write(sample_entries(0, 3)), Written::done);
    auto reader = SqliteDatabase::open(path_, SqliteDatabase::Access::read_only);
    ASSERT_TRUE(reader);
    ASSERT_EQ(reader->run("BEGIN; SELECT COUNT(*) FROM sluice_usage"), SQLITE_OK);
    EXPECT_EQ(store->write(sample_entries(3, 3)), Written::done);
    EXPECT_EQ(count(), "6");
}

// A limit on the size of files fails like a disk without room.
TEST_F(SqliteStoreTest, AFullDiskIsForLaterAndLosesNothing) {
    const auto store = open();
    ASSERT_EQ(store->write(sample_entries(0, 10)), Written::done);
    std::signal(SIGXFSZ, SIG_IGN);
    rlimit before = {};
    ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
    rlimit small = before;
    small.rlim_cur = 64UL * 1024;
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
    const Written full = store->write(sample_entries(10, 2'000));
    const std::string reason(store->error());
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
    std::signal(SIGXFSZ, SIG_DFL);
    EXPECT_EQ(full, Written::later);
    EXPECT_FALSE(reason.empty());
    EXPECT_EQ(count(), "10");
    EXPECT_EQ(store->write(sample_entries(10, 2'000)), Written::done);
    EXPECT_EQ(count(), "2010");
    EXPECT_EQ(ask_one(file_options(path_), "PRAGMA integrity_check"), "ok");
}

TEST_F(SqliteStoreTest, SaysWhyAFileCannotBeTheLedger) {
    path_ = folder_.file("none/usage.db");
    EXPECT_EQ(refusal(), path_ + ": unable to open database file");
    path_ = folder_.file("text");
    std::ofstream(path_) << std::string(5'000, 'x');
    EXPECT_EQ(refusal(), path_ + ": file is not a database");
    path_ = folder_.file("later.db");
    run("PRAGMA user_version = 99");
    EXPECT_EQ(refusal(), path_ + ": was written by a later version of this program (schema 99)");
}

TEST_F(SqliteStoreTest, PrunesTheOldestFirstAndNotTooMany) {
    const auto store = open();
    ASSERT_EQ(store->write(sample_entries(0, 10)), Written::done);
    const int64_t before = sample_entry(7).started_at_ns;
    EXPECT_EQ(store->prune(before, 5), 5U);
    EXPECT_EQ(ask_one(file_options(path_), "SELECT MIN(started_at_ns) FROM sluice_usage"),
              std::to_string(sample_entry(5).started_at_ns));
    EXPECT_EQ(store->prune(before, 5), 2U);
    EXPECT_EQ(store->prune(before, 5), 0U);
    EXPECT_EQ(count(), "3");
}

}  // namespace
}  // namespace sluice::ledger
