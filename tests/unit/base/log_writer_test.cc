// The writer with real descriptors: files, pipes that are full, closed or slow, a full disk.
#include "base/log_writer.h"

#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "gtest/gtest.h"

namespace sluice {
namespace {

constexpr size_t kLaneBytes = size_t{64} * 1024;
constexpr size_t kManyBytes = size_t{4} * 1024 * 1024;
constexpr int kPollMs = 10'000;
// So that tests need not wait for what a person would not notice.
constexpr LogWriterOptions kQuick = {.batch_delay_ms = 1, .retry_delay_ms = 1};

class Folder {
public:
    Folder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "sluice-XXXXXX").string();
        if (mkdtemp(pattern.data()) == nullptr) {
            throw std::runtime_error("mkdtemp");
        }
        path_ = pattern;
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    std::string file(const char* name) const { return (path_ / name).string(); }

private:
    std::filesystem::path path_;
};

// A pipe that the writer opens by name, and whose reading end the test holds.
class Pipe {
public:
    explicit Pipe(const Folder& folder) : path_(folder.file("pipe")) {
        if (mkfifo(path_.c_str(), 0600) != 0) {
            throw std::runtime_error("mkfifo");
        }
        fd_ = open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    }
    ~Pipe() { close_reader(); }
    void close_reader() {
        if (fd_ >= 0) {
            close(std::exchange(fd_, -1));
        }
    }
    const std::string& path() const { return path_; }
    // Waits for some bytes; empty at the end or when none come.
    std::string read_some() const {
        pollfd watched = {fd_, POLLIN, 0};
        std::array<char, 4096> bytes;
        if (poll(&watched, 1, kPollMs) <= 0) {
            return {};
        }
        const ssize_t size = read(fd_, bytes.data(), bytes.size());
        return size > 0 ? std::string(bytes.data(), static_cast<size_t>(size)) : std::string();
    }
    std::string read_until(std::string_view end) const {
        std::string all;
        while (!all.ends_with(end)) {
            const std::string some = read_some();
            if (some.empty()) {
                break;
            }
            all += some;
        }
        return all;
    }

private:
    std::string path_;
    int fd_ = -1;
};

std::string contents(const std::string& path) {
    const std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

template <class Condition>
bool eventually(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPollMs);
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) {
            return false;
        }
        poll(nullptr, 0, 1);
    }
    return true;
}

std::string long_line(int number) {
    std::string line = std::to_string(number);
    line.resize(999, '.');
    return line + "\n";
}

TEST(LogWriter, WritesTheLinesOfAllLanes) {
    const Folder folder;
    {
        LogWriter writer(kQuick);
        const auto sink = writer.add_sink(folder.file("log")).value();
        LogLane& one = writer.add_lane(sink, kLaneBytes);
        LogLane& two = writer.add_lane(sink, kLaneBytes);
        writer.start();
        EXPECT_TRUE(one.push("from one\n"));
        EXPECT_TRUE(two.push("from two\n"));
        EXPECT_TRUE(eventually([&] { return contents(folder.file("log")).size() == 18; }))
            << "without anybody stopping it";
        EXPECT_TRUE(one.push("last words\n"));
    }
    EXPECT_TRUE(contents(folder.file("log")).ends_with("last words\n"));
}

TEST(LogWriter, WritesTheFirstLineAtOnceAndOthersWhenALaneIsHalfFull) {
    const Folder folder;
    const auto size = [&] { return contents(folder.file("log")).size(); };
    LogWriter writer({.batch_delay_ms = 600'000});
    LogLane& lane = writer.add_lane(writer.add_sink(folder.file("log")).value(), kLaneBytes);
    writer.start();
    EXPECT_TRUE(lane.push("first\n"));
    EXPECT_TRUE(eventually([&] { return size() == 6; }));
    // The thread may still be about to look again, and take some of these at once.
    size_t pushed = 6;
    EXPECT_TRUE(eventually([&] {
        for (int i = 0; i < 20; ++i) {
            pushed += lane.push(long_line(i)) ? 1'000 : 0;
        }
        return size() > 30'000;
    })) << "long before the delay";
    EXPECT_TRUE(eventually([&] { return lane.push("last\n"); }));
    writer.stop();
    EXPECT_EQ(size(), pushed + 5) << "or nothing more will come";
}

TEST(LogWriter, AppendsToWhatIsThere) {
    const Folder folder;
    std::ofstream(folder.file("log")) << "before\n";
    {
        LogWriter writer(kQuick);
        LogLane& lane = writer.add_lane(writer.add_sink(folder.file("log")).value(), kLaneBytes);
        writer.start();
        EXPECT_TRUE(lane.push("after\n"));
    }
    EXPECT_EQ(contents(folder.file("log")), "before\nafter\n");
}

TEST(LogWriter, SaysWhyASinkCannotBeOpened) {
    const Folder folder;
    LogWriter writer(kQuick);
    const auto sink = writer.add_sink(folder.file("missing/log"));
    ASSERT_FALSE(sink.has_value());
    EXPECT_EQ(sink.error().os_errno, ENOENT);
}

TEST(LogWriter, TakesTheNewFileAfterReopen) {
    const Folder folder;
    LogWriter writer(kQuick);
    LogLane& lane = writer.add_lane(writer.add_sink(folder.file("log")).value(), kLaneBytes);
    writer.start();
    EXPECT_TRUE(lane.push("old\n"));
    ASSERT_TRUE(eventually([&] { return contents(folder.file("log")) == "old\n"; }));
    std::filesystem::rename(folder.file("log"), folder.file("log.1"));
    EXPECT_TRUE(lane.push("old too\n"));
    ASSERT_TRUE(eventually([&] { return contents(folder.file("log.1")) == "old\nold too\n"; }));
    writer.reopen();
    ASSERT_TRUE(eventually([&] { return std::filesystem::exists(folder.file("log")); }));
    EXPECT_TRUE(lane.push("new\n"));
    writer.stop();
    EXPECT_EQ(contents(folder.file("log")), "new\n");
    EXPECT_EQ(contents(folder.file("log.1")), "old\nold too\n");
}

TEST(LogWriter, ASinkThatStandsStillCostsOnlyItsOwnLines) {
    const Folder folder;
    const Pipe pipe(folder);
    LogWriter writer({.batch_delay_ms = 1, .flush_timeout_ms = 50, .retry_delay_ms = 1});
    LogLane& stuck = writer.add_lane(writer.add_sink(pipe.path()).value(), kLaneBytes);
    LogLane& fine = writer.add_lane(writer.add_sink(folder.file("log")).value(), kLaneBytes);
    writer.start();
    // More than a pipe holds: then the writer stands still, sooner or later, with a batch in its
    // hand.
    constexpr size_t kPipeBytes = 65'536;
    uint64_t dropped = 0;
    size_t accepted_bytes = 0;
    EXPECT_TRUE(eventually([&] {
        for (int i = 0; i < 2'000; ++i) {
            const std::string line = long_line(i);
            const bool accepted = stuck.push(line);
            accepted_bytes += accepted ? line.size() : 0;
            dropped += accepted ? 0 : 1;
        }
        return accepted_bytes > kPipeBytes;
    }));
    EXPECT_GE(dropped, 1'000U);
    EXPECT_EQ(stuck.dropped(), dropped);
    EXPECT_TRUE(fine.push("not held up\n"));
    EXPECT_TRUE(eventually([&] { return contents(folder.file("log")) == "not held up\n"; }));
    const auto began = std::chrono::steady_clock::now();
    writer.stop();
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(5));
    EXPECT_GT(writer.counters().lost_bytes, 0U);
}

TEST(LogWriter, ASlowReaderGetsEveryLineThatFitted) {
    const Folder folder;
    const Pipe pipe(folder);
    LogWriter writer(kQuick);
    LogLane& lane = writer.add_lane(writer.add_sink(pipe.path()).value(), kManyBytes);
    writer.start();
    std::string sent;
    for (int i = 0; i < 800; ++i) {
        ASSERT_TRUE(lane.push(long_line(i)));
        sent += long_line(i);
    }
    EXPECT_TRUE(lane.push("end\n"));
    EXPECT_EQ(pipe.read_until("end\n"), sent + "end\n");
}

TEST(LogWriter, SurvivesAReaderThatLeftAndFindsTheNextOne) {
    const Folder folder;
    Pipe pipe(folder);
    LogWriter writer(kQuick);
    LogLane& lane = writer.add_lane(writer.add_sink(pipe.path()).value(), kLaneBytes);
    writer.start();
    EXPECT_TRUE(lane.push("first\n"));
    EXPECT_EQ(pipe.read_until("first\n"), "first\n");
    pipe.close_reader();
    EXPECT_TRUE(lane.push("lost\n"));
    EXPECT_TRUE(eventually([&] { return writer.counters().write_errors > 0; }));
    EXPECT_TRUE(eventually([&] { return writer.counters().lost_bytes == 5; }));
    const int next_reader = open(pipe.path().c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    EXPECT_TRUE(lane.push("found\n"));
    pollfd watched = {next_reader, POLLIN, 0};
    ASSERT_EQ(poll(&watched, 1, kPollMs), 1);
    std::array<char, 16> bytes;
    EXPECT_EQ(read(next_reader, bytes.data(), bytes.size()), 6);
    close(next_reader);
}

TEST(LogWriter, AFullDiskIsCountedAndBoundsWhatIsKept) {
    LogWriter writer({.batch_delay_ms = 1, .flush_timeout_ms = 20, .retry_delay_ms = 1});
    LogLane& lane = writer.add_lane(writer.add_sink("/dev/full").value(), kLaneBytes);
    writer.start();
    for (int i = 0; i < 1'000; ++i) {
        static_cast<void>(lane.push(long_line(i)));
    }
    EXPECT_TRUE(eventually([&] { return writer.counters().write_errors >= 3; })) << "tries again";
    EXPECT_GT(lane.dropped(), 0U);
    writer.stop();
    EXPECT_GT(writer.counters().lost_bytes, 0U);
}

TEST(LogWriter, ThreadsWriteWholeLines) {
    constexpr int kThreads = 3;
    constexpr int kLines = 5'000;
    const Folder folder;
    LogWriter writer(kQuick);
    const auto sink = writer.add_sink(folder.file("log")).value();
    std::vector<LogLane*> lanes;
    lanes.reserve(kThreads);
    for (int i = 0; i < kThreads; ++i) {
        lanes.push_back(&writer.add_lane(sink, kManyBytes));
    }
    writer.start();
    std::vector<std::thread> threads;
    threads.reserve(kThreads);
    for (int i = 0; i < kThreads; ++i) {
        threads.emplace_back([&lanes, i] {
            for (int k = 0; k < kLines; ++k) {
                const std::string line = std::to_string(i) + " " + std::to_string(k) + "\n";
                EXPECT_TRUE(lanes[static_cast<size_t>(i)]->push(line));
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    writer.stop();
    std::array<int, kThreads> next = {};
    std::ifstream file(folder.file("log"));
    int thread = 0;
    int number = 0;
    while (file >> thread >> number) {
        ASSERT_EQ(number, next.at(static_cast<size_t>(thread))++) << "of thread " << thread;
    }
    EXPECT_EQ(next, (std::array{kLines, kLines, kLines}));
    EXPECT_EQ(writer.counters().lines, uint64_t{kThreads} * kLines);
}

void say_again(int i) {
    SLUICE_LOG(info, "net", "again and again", {"i", i});
}

TEST(Log, LinesReachTheSinkAndRepeatsAreReported) {
    const Folder folder;
    LogWriter writer(kQuick);
    LogLane& lane = writer.add_lane(writer.add_sink(folder.file("log")).value(), kLaneBytes);
    writer.start();
    {
        Log log(lane, LogFormat::human);
        log.set_time(1'000'000'000'000'000'000);
        for (int i = 0; i < 25; ++i) {
            say_again(i);
        }
        SLUICE_LOG(error, "net", "something else");
    }
    SLUICE_LOG(error, "net", "said by a thread without a log");
    writer.stop();
    const std::string text = contents(folder.file("log"));
    EXPECT_TRUE(text.starts_with("2001-09-09T01:46:40.000Z info net: again and again i=0\n"))
        << text;
    EXPECT_NE(text.find("i=9\n"), std::string::npos) << text;
    EXPECT_EQ(text.find("i=10\n"), std::string::npos) << text;
    EXPECT_NE(text.find("error net: something else\n"), std::string::npos) << text;
    EXPECT_TRUE(text.ends_with("info net: again and again suppressed=15\n")) << text;
    EXPECT_EQ(text.find("without a log"), std::string::npos) << text;
}

TEST(Log, TheWriterReportsRepeatsOfPlacesThatFellSilent) {
    const Folder folder;
    LogWriter writer(kQuick);
    LogLane& lane = writer.add_lane(writer.add_sink(folder.file("log")).value(), kLaneBytes);
    writer.start();
    const Log log(lane, LogFormat::json);
    for (int i = 0; i < 12; ++i) {
        SLUICE_LOG(warning, "net", "then silence");
    }
    EXPECT_TRUE(eventually(
        [&] { return contents(folder.file("log")).find("suppressed=2\n") != std::string::npos; }));
}

}  // namespace
}  // namespace sluice
