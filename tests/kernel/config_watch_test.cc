// The watch of the configuration: a change between the reading of the file and the beginning of the
// watch is told, once; a file that is as it was read is not.
#include "server/config_watch.h"

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include <stdlib.h>

#include "base/time.h"
#include "config/load.h"
#include "gtest/gtest.h"
#include "net/proactor.h"

namespace sluice::server {

namespace {

namespace fs = std::filesystem;

// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): as fixtures are.
class ConfigWatchTest : public testing::Test {
protected:
    ConfigWatchTest() : proactor_(net::Proactor::create({}).value()) {
        std::string pattern = testing::TempDir() + "sluice-config-XXXXXX";
        folder_ = ::mkdtemp(pattern.data());
        path_ = (folder_ / "a.toml").string();
        write("a = 1\n");
        watch_ = std::make_unique<ConfigWatch>(
            *proactor_, path_,
            [](void* owner) { ++static_cast<ConfigWatchTest*>(owner)->changes_; }, this);
    }
    ~ConfigWatchTest() override {
        watch_->stop();
        while (!watch_->is_idle()) {
            proactor_->turn(Duration::milliseconds(50));
        }
        fs::remove_all(folder_);
    }

    void write(const std::string& text) const { std::ofstream(path_) << text; }

    fs::path folder_;
    std::string path_;
    std::unique_ptr<net::Proactor> proactor_;
    int changes_ = 0;
    std::unique_ptr<ConfigWatch> watch_;
};

TEST_F(ConfigWatchTest, TellsWhatChangedBeforeItBegan) {
    const std::string read = config::digest_of_file(path_);
    write("a = 2\n");
    watch_->keep(true, read);
    EXPECT_TRUE(watch_->is_running());
    EXPECT_EQ(changes_, 1);
    watch_->keep(true, config::digest_of_file(path_));
    EXPECT_EQ(changes_, 1);
}

TEST_F(ConfigWatchTest, AFileAsItWasReadIsNoChange) {
    watch_->keep(false, "");
    EXPECT_FALSE(watch_->is_running());
    watch_->keep(true, config::digest_of_file(path_));
    EXPECT_TRUE(watch_->is_running());
    EXPECT_EQ(changes_, 0);
}

TEST_F(ConfigWatchTest, AFileThatIsAwayIsNoChange) {
    const std::string read = config::digest_of_file(path_);
    fs::remove(path_);
    watch_->keep(true, read);
    EXPECT_EQ(changes_, 0);
}

}  // namespace

}  // namespace sluice::server
