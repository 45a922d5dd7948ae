// Unix sockets of the running system: whose file it is, who may use it, and a Listener on one.
#include "net/unix_listener.h"

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/time.h"
#include "gtest/gtest.h"
#include "net/blocking_stream.h"
#include "net/endpoint.h"
#include "net/listener.h"
#include "net/options.h"
#include "net/proactor.h"

namespace sluice::net {

namespace {

constexpr uint32_t kBacklog = 8;

// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): as fixtures are.
class UnixListenerTest : public testing::Test {
protected:
    UnixListenerTest() {
        folder_ = testing::TempDir() + "sluice-unix-XXXXXX";
        EXPECT_NE(::mkdtemp(folder_.data()), nullptr);
        path_ = folder_ + "/admin.sock";
    }
    ~UnixListenerTest() override {
        ::unlink(path_.c_str());
        ::rmdir(folder_.c_str());
    }

    bool exists() const {
        struct stat status = {};
        return ::lstat(path_.c_str(), &status) == 0;
    }
    Endpoint endpoint() const { return Endpoint::parse("unix:" + path_).value(); }

    std::string folder_;
    std::string path_;
};

TEST_F(UnixListenerTest, MakesAFileForItsOwnerAndRemovesIt) {
    {
        const auto listener = UnixListener::open(path_, kBacklog).value();
        struct stat status = {};
        ASSERT_EQ(::lstat(path_.c_str(), &status), 0);
        EXPECT_TRUE(S_ISSOCK(status.st_mode));
        EXPECT_EQ(status.st_mode & 0777U, 0600U);
    }
    EXPECT_FALSE(exists());
}

TEST_F(UnixListenerTest, ReplacesTheFileOfADeadProcess) {
    {
        // A listener that ends without removing its file, as one that was killed.
        const auto dead = UnixListener::open(path_, kBacklog).value();
        ASSERT_EQ(::rename(path_.c_str(), (path_ + ".kept").c_str()), 0);
    }
    ASSERT_EQ(::rename((path_ + ".kept").c_str(), path_.c_str()), 0);
    const auto listener = UnixListener::open(path_, kBacklog);
    ASSERT_TRUE(listener);
    EXPECT_TRUE(BlockingStream::connect(endpoint(), Duration::seconds(5)));
}

TEST_F(UnixListenerTest, RefusesTheFileOfALivingOne) {
    const auto first = UnixListener::open(path_, kBacklog).value();
    const auto second = UnixListener::open(path_, kBacklog);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().os_errno, EADDRINUSE);
    EXPECT_TRUE(BlockingStream::connect(endpoint(), Duration::seconds(5)));
}

TEST_F(UnixListenerTest, LeavesAFileThatIsNoSocketAlone) {
    const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path_.c_str(), "w"), &std::fclose);
    ASSERT_NE(file, nullptr);
    EXPECT_FALSE(UnixListener::open(path_, kBacklog));
    EXPECT_TRUE(exists());
}

TEST_F(UnixListenerTest, LeavesTheFileOfItsSuccessorAlone) {
    auto first = UnixListener::open(path_, kBacklog).value();
    ASSERT_EQ(::unlink(path_.c_str()), 0);
    const auto second = UnixListener::open(path_, kBacklog).value();
    first.reset();
    EXPECT_TRUE(exists());
}

struct Accepted {
    std::vector<int> descriptors;
    static void on_new(void* owner, int fd) {
        static_cast<Accepted*>(owner)->descriptors.push_back(fd);
    }
};

TEST_F(UnixListenerTest, IsAdoptedByAListener) {
    const auto socket = UnixListener::open(path_, kBacklog).value();
    const auto proactor = Proactor::create({}).value();
    Accepted accepted;
    Listener listener(*proactor, {.on_new = &Accepted::on_new}, &accepted);
    SocketOptions options;
    options.listen_backlog = kBacklog;
    listener.adopt(socket->take_descriptor(), options);
    EXPECT_FALSE(listener.local_address().is_set());
    const auto client = BlockingStream::connect(endpoint(), Duration::seconds(5));
    ASSERT_TRUE(client);
    for (int i = 0; i < 50 && accepted.descriptors.empty(); ++i) {
        proactor->turn(Duration::milliseconds(100));
    }
    ASSERT_EQ(accepted.descriptors.size(), 1U);
    EXPECT_FALSE(proactor->ring().peer_address(accepted.descriptors[0]).is_set());
    proactor->ring().close(accepted.descriptors[0]);
    listener.stop();
    while (!listener.is_idle()) {
        proactor->turn(Duration::milliseconds(100));
    }
    proactor->turn(Duration());
    EXPECT_FALSE(BlockingStream::connect(endpoint(), Duration::seconds(5)));
}

}  // namespace

}  // namespace sluice::net
