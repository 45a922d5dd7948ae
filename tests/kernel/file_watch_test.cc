// Watching a file of the running system: every way in which one is changed, and what is no change.
#include "net/file_watch.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>

#include <stdlib.h>

#include "base/time.h"
#include "gtest/gtest.h"
#include "net/proactor.h"

namespace sluice::net {

namespace {

namespace fs = std::filesystem;

// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): as fixtures are.
class FileWatchTest : public testing::Test {
protected:
    FileWatchTest() : proactor_(Proactor::create({}).value()) {
        std::string pattern = testing::TempDir() + "sluice-watch-XXXXXX";
        folder_ = ::mkdtemp(pattern.data());
    }
    ~FileWatchTest() override {
        watch_.stop();
        while (!watch_.is_idle()) {
            proactor_->turn(Duration::milliseconds(50));
        }
        fs::remove_all(folder_);
    }

    void write(const fs::path& path, std::string_view text) const { std::ofstream(path) << text; }
    void start(const fs::path& path) { ASSERT_TRUE(watch_.start(path.string())); }
    // Whether a change is told within the time it may take.
    bool is_told(Duration limit = Duration::seconds(5)) {
        const int before = changes_;
        const Instant end = proactor_->ring().now() + limit;
        while (changes_ == before && proactor_->ring().now() < end) {
            proactor_->turn(Duration::milliseconds(20));
        }
        return changes_ > before;
    }

    fs::path folder_;
    std::unique_ptr<Proactor> proactor_;
    int changes_ = 0;
    FileWatch watch_{*proactor_,
                     [](void* owner) { ++static_cast<FileWatchTest*>(owner)->changes_; }, this};
};

constexpr Duration kSilence = Duration::milliseconds(500);

TEST_F(FileWatchTest, SeesWritingInPlaceAndRenaming) {
    const fs::path file = folder_ / "a.toml";
    write(file, "one");
    start(file);
    EXPECT_FALSE(is_told(kSilence));
    write(file, "two!");
    EXPECT_TRUE(is_told());
    write(folder_ / "new", "three");
    fs::rename(folder_ / "new", file);
    EXPECT_TRUE(is_told());
    EXPECT_FALSE(is_told(kSilence));
    EXPECT_EQ(changes_, 2);
}

TEST_F(FileWatchTest, SeesTheSwapOfALinkBesideIt) {
    for (const std::string_view name : {"first", "second"}) {
        fs::create_directory(folder_ / name);
        write(folder_ / name / "a.toml", name);
    }
    fs::create_symlink("first", folder_ / "..data");
    fs::create_symlink("..data/a.toml", folder_ / "a.toml");
    start(folder_ / "a.toml");
    fs::create_symlink("second", folder_ / "..data_tmp");
    fs::rename(folder_ / "..data_tmp", folder_ / "..data");
    EXPECT_TRUE(is_told());
    // Where the file lies now is another folder than at the start.
    write(folder_ / "second" / "a.toml", "written in place");
    EXPECT_TRUE(is_told());
}

TEST_F(FileWatchTest, IsSilentAboutItsNeighboursAndAnAbsentFile) {
    const fs::path file = folder_ / "a.toml";
    write(file, "one");
    start(file);
    write(folder_ / "other", "text");
    fs::remove(file);
    write(folder_ / "another", "text");
    EXPECT_FALSE(is_told(kSilence));
    write(file, "back");
    EXPECT_TRUE(is_told());
}

TEST_F(FileWatchTest, TellsManyWritesOnce) {
    const fs::path file = folder_ / "a.toml";
    write(file, "");
    start(file);
    for (int i = 0; i < 20; ++i) {
        write(file, std::string(static_cast<size_t>(i + 1), 'x'));
        proactor_->turn(Duration());
    }
    EXPECT_TRUE(is_told());
    EXPECT_FALSE(is_told(kSilence));
    EXPECT_EQ(changes_, 1);
}

TEST_F(FileWatchTest, FailsWhereThereIsNoFolder) {
    EXPECT_FALSE(watch_.start((folder_ / "none" / "a.toml").string()));
    EXPECT_FALSE(watch_.is_running());
}

TEST_F(FileWatchTest, StopsAndStartsAgain) {
    const fs::path file = folder_ / "a.toml";
    write(file, "one");
    start(file);
    proactor_->turn(Duration());
    watch_.stop();
    EXPECT_FALSE(watch_.is_running());
    while (!watch_.is_idle()) {
        proactor_->turn(Duration::milliseconds(50));
    }
    start(file);
    write(file, "two!");
    EXPECT_TRUE(is_told());
}

}  // namespace

}  // namespace sluice::net
