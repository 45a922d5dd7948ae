// The ledger in a real PostgreSQL, which the test starts in a folder of its own and ends by its id.
#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/secret.h"
#include "gtest/gtest.h"
#include "ledger/entry.h"
#include "ledger/lane.h"
#include "ledger/ledger.h"
#include "ledger/options.h"
#include "ledger/postgres_connection.h"
#include "ledger/report.h"
#include "ledger/store.h"
#include "ledger_fixture.h"

namespace sluice::ledger {
namespace {

using test::ask;
using test::ask_one;
using test::sample_entries;
using test::sample_entry;

// The newest of the versions that Debian installs beside each other; empty when there is none.
std::filesystem::path programs() {
    std::vector<std::filesystem::path> found;
    std::error_code ignored;
    for (const auto& version :
         std::filesystem::directory_iterator("/usr/lib/postgresql", ignored)) {
        if (std::filesystem::exists(version.path() / "bin/initdb")) {
            found.push_back(version.path() / "bin");
        }
    }
    return found.empty() ? std::filesystem::path() : *std::ranges::max_element(found);
}

// PostgreSQL refuses to run as root.
const passwd* servant() {
    // NOLINTBEGIN(concurrency-mt-unsafe): no other thread is there yet.
    const passwd* const user = getpwnam("postgres");
    return user != nullptr ? user : getpwnam("nobody");
    // NOLINTEND(concurrency-mt-unsafe)
}

pid_t start(const std::vector<std::string>& command) {
    const bool is_root = geteuid() == 0;
    const passwd* const user = servant();
    const pid_t child = fork();
    if (child != 0) {
        return child;
    }
    if (is_root && (user == nullptr || setgroups(0, nullptr) != 0 || setgid(user->pw_gid) != 0 ||
                    setuid(user->pw_uid) != 0)) {
        _exit(126);
    }
    if (std::freopen("/dev/null", "w", stdout) == nullptr ||
        std::freopen("/dev/null", "w", stderr) == nullptr) {
        _exit(126);
    }
    std::vector<char*> arguments;
    arguments.reserve(command.size());
    for (const std::string& argument : command) {
        arguments.push_back(const_cast<char*>(argument.c_str()));
    }
    arguments.push_back(nullptr);
    execv(arguments[0], arguments.data());
    _exit(127);
}

class Server {
public:
    explicit Server(std::filesystem::path bin) : bin_(std::move(bin)), data_(folder_.file("data")) {
        if (geteuid() == 0) {
            EXPECT_EQ(chown(folder_.path().c_str(), servant()->pw_uid, servant()->pw_gid), 0);
        }
        const std::string password_file = folder_.file("password");
        std::ofstream(password_file) << "pass word'\n";
        const pid_t made =
            start({bin_ / "initdb", "-D", data_, "-U", "sluice", "-A", "scram-sha-256", "--pwfile",
                   password_file, "-N", "-E", "UTF8", "--locale=C"});
        int status = 0;
        EXPECT_EQ(waitpid(made, &status, 0), made);
        is_made_ = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    ~Server() { stop(); }

    bool is_made() const { return is_made_; }
    void run() {
        process_ = start({bin_ / "postgres", "-D", data_, "-k", folder_.path().string(), "-c",
                          "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=10"});
    }
    void stop() {
        if (process_ > 0) {
            kill(process_, SIGINT);
            waitpid(std::exchange(process_, -1), nullptr, 0);
        }
    }
    LedgerOptions options() const {
        LedgerOptions options;
        options.url = "postgresql://sluice@/postgres?host=" + folder_.path().string();
        options.password = Secret("pass word'");
        options.batch_interval_ms = 1;
        return options;
    }

private:
    test::Folder folder_;
    std::filesystem::path bin_;
    std::string data_;
    pid_t process_ = -1;
    bool is_made_ = false;
};

class PostgresTest : public testing::Test {
protected:
    static void SetUpTestSuite() {
        const std::filesystem::path bin = programs();
        if (!bin.empty()) {
            server = std::make_unique<Server>(bin);
            server->run();
        }
    }
    static void TearDownTestSuite() { server.reset(); }
    void SetUp() override {
        if (server == nullptr) {
            GTEST_SKIP() << "the package postgresql is not installed";
        }
        ASSERT_TRUE(server->is_made()) << "initdb failed";
        options_ = server->options();
        auto store = open_store(options_);
        ASSERT_TRUE(store) << store.error();
        store_ = std::move(*store);
        // The server may still be starting.
        for (int i = 0; i < 600 && store_->write({}) != Written::done; ++i) {
            poll(nullptr, 0, 50);
        }
        ASSERT_EQ(store_->write({}), Written::done) << store_->error();
        ASSERT_TRUE(store_->prune(INT64_MAX, 1'000'000));
    }
    std::string count() { return ask_one(options_, "SELECT COUNT(*) FROM sluice_usage"); }

    static inline std::unique_ptr<Server> server;
    LedgerOptions options_;
    std::unique_ptr<Store> store_;
};

TEST_F(PostgresTest, KeepsEveryMember) {
    Entry entry = sample_entry(3);
    entry.ending = Ending::aborted;
    entry.is_stream = true;
    entry.tenant = std::string_view("{a,\"b\"\\} \xff\n");
    entry.key_id = std::string_view("NULL");
    ASSERT_EQ(store_->write({&entry, 1}), Written::done) << store_->error();
    const auto rows = ask(options_, "SELECT * FROM sluice_usage");
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_TRUE(rows[0][0].ends_with("0000-000000000003")) << rows[0][0];
    EXPECT_EQ(rows[0][1], std::to_string(entry.started_at_ns));
    EXPECT_EQ(rows[0][2], "NULL");
    EXPECT_EQ(rows[0][3], "{a,\"b\"\\} ??");
    EXPECT_EQ(rows[0][9], "aborted");
    EXPECT_EQ(rows[0][18], "350000000");
    EXPECT_EQ(rows[0].size(), 25U);
}

TEST_F(PostgresTest, AnEntryTwiceCountsOnce) {
    EXPECT_EQ(store_->write(sample_entries(0, 10)), Written::done);
    EXPECT_EQ(store_->write(sample_entries(5, 10)), Written::done);
    std::vector<Entry> twice = sample_entries(20, 1);
    twice.push_back(twice.front());
    EXPECT_EQ(store_->write(twice), Written::done);
    EXPECT_EQ(count(), "16");
}

TEST_F(PostgresTest, PrunesTheOldestFirstAndNotTooMany) {
    ASSERT_EQ(store_->write(sample_entries(0, 10)), Written::done);
    const int64_t before = sample_entry(7).started_at_ns;
    EXPECT_EQ(store_->prune(before, 5), 5U);
    EXPECT_EQ(ask_one(options_, "SELECT MIN(started_at_ns) FROM sluice_usage"),
              std::to_string(sample_entry(5).started_at_ns));
    EXPECT_EQ(store_->prune(before, 5), 2U);
    EXPECT_EQ(count(), "3");
}

TEST_F(PostgresTest, AReportSaysTheSameAsThatOfAFile) {
    std::vector<Entry> entries = sample_entries(0, 3);
    entries[0].key_id = std::string_view("a");
    entries[1].cost_pico = INT64_MAX;
    entries[2].cost_pico = INT64_MAX;
    entries[2].started_at_ns += test::kDayNs;
    const test::Folder folder;
    const LedgerOptions file = test::file_options(folder.file("usage.db"));
    auto other = open_store(file);
    ASSERT_TRUE(other);
    ASSERT_EQ((*other)->write(entries), Written::done);
    ASSERT_EQ(store_->write(entries), Written::done);
    const ReportQuery query = {.by = {GroupBy::key, GroupBy::day, GroupBy::model},
                               .since_ns = 0,
                               .until_ns = INT64_MAX,
                               .provider = "openai"};
    const auto ours = make_report(options_, query);
    const auto theirs = make_report(file, query);
    ASSERT_TRUE(ours) << ours.error();
    ASSERT_TRUE(theirs) << theirs.error();
    ASSERT_EQ(ours->rows.size(), 3U);
    ASSERT_EQ(theirs->rows.size(), 3U);
    for (size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(ours->rows[i].group, theirs->rows[i].group);
        EXPECT_EQ(ours->rows[i].totals.cost_pico, theirs->rows[i].totals.cost_pico);
    }
    EXPECT_EQ(ours->total.requests, 3);
    EXPECT_EQ(ours->total.cost_pico, theirs->total.cost_pico);
}

TEST_F(PostgresTest, ADatabaseWithoutTablesHasUsedNothing) {
    LedgerOptions fresh = options_;
    fresh.url.replace(fresh.url.find("/postgres?"), 10, "/template1?");
    const auto refused = make_report(fresh, {});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error(), "the database has no ledger");
    const auto empty = make_report(fresh, {.by = {GroupBy::key}}, {.may_be_absent = true});
    ASSERT_TRUE(empty) << empty.error();
    EXPECT_TRUE(empty->rows.empty());
    EXPECT_EQ(empty->total.requests, 0);
}

TEST_F(PostgresTest, ACommandHasTheTimeThatItIsGiven) {
    auto connection = PostgresConnection::make(options_.url, options_.password);
    ASSERT_TRUE(connection) << connection.error();
    connection->set_patience(200, nullptr);
    ASSERT_TRUE(connection->connect());
    EXPECT_FALSE(connection->run("SELECT pg_sleep(20)"));
    connection->set_patience(20'000, nullptr);
    ASSERT_TRUE(connection->connect());
    EXPECT_TRUE(connection->run("SELECT pg_sleep(0.5)"));
    const std::atomic<bool> is_cancelled = true;
    connection->set_patience(20'000, &is_cancelled);
    EXPECT_FALSE(connection->run("SELECT pg_sleep(20)"));
    EXPECT_FALSE(make_report(options_, {}, {.is_cancelled = &is_cancelled}));
}

TEST_F(PostgresTest, AServerThatGoesAndComesBackLosesNothing) {
    auto ledger = Ledger::open(options_, nullptr, LogFormat::human);
    ASSERT_TRUE(ledger) << ledger.error();
    Lane& lane = (*ledger)->add_lane();
    (*ledger)->start();
    const auto wait_for = [](const std::atomic<uint64_t>& counter, uint64_t value) {
        for (int i = 0; i < 1'000 && counter < value; ++i) {
            poll(nullptr, 0, 20);
        }
        return counter >= value;
    };
    ASSERT_TRUE(lane.add(sample_entry(1)));
    ASSERT_TRUE(wait_for((*ledger)->counters().written, 1));
    server->stop();
    ASSERT_TRUE(lane.add(sample_entry(2)));
    EXPECT_TRUE(wait_for((*ledger)->counters().failures, 1));
    server->run();
    ASSERT_TRUE(lane.add(sample_entry(3)));
    EXPECT_TRUE(wait_for((*ledger)->counters().written, 3));
    (*ledger)->stop();
    EXPECT_EQ((*ledger)->counters().lost, 0U);
    EXPECT_EQ(count(), "3");
}

TEST_F(PostgresTest, AWrongPasswordIsForLaterAndNotTold) {
    options_.password = Secret("hunter2");
    auto store = open_store(options_);
    ASSERT_TRUE(store);
    EXPECT_EQ((*store)->write(sample_entries(0, 1)), Written::later);
    EXPECT_TRUE((*store)->error().contains("password authentication failed")) << (*store)->error();
    EXPECT_FALSE((*store)->error().contains("hunter2"));
    EXPECT_FALSE((*store)->error().contains('\n'));
}

TEST(PostgresUrlTest, IsCheckedWithoutCallingAnybody) {
    const auto refusal = [](std::string url) {
        LedgerOptions options;
        options.url = std::move(url);
        const auto store = open_store(options);
        return store ? std::string() : store.error();
    };
    EXPECT_EQ(refusal("postgresql://user@db.example/ledger"), "");
    EXPECT_EQ(refusal("postgresql://user:secret@db.example/ledger"),
              "the URL of the ledger: carries a password, and passwords do not stand in a URL");
    EXPECT_EQ(refusal("postgresql://db.example/ledger?password=secret"),
              "the URL of the ledger: carries a password, and passwords do not stand in a URL");
    EXPECT_EQ(refusal("postgresql://db.example/ledger?nonsense=1"),
              "the URL of the ledger: invalid URI query parameter: \"nonsense\"");
}

TEST(PostgresUrlTest, AServerThatIsNotThereIsForLater) {
    const test::Folder folder;
    LedgerOptions options;
    options.url = "postgresql://user@/ledger?host=" + folder.path().string();
    auto store = open_store(options);
    ASSERT_TRUE(store);
    EXPECT_EQ((*store)->write(sample_entries(0, 1)), Written::later);
    EXPECT_FALSE((*store)->error().empty());
    const auto report = make_report(options, {});
    EXPECT_FALSE(report);
}

}  // namespace
}  // namespace sluice::ledger
