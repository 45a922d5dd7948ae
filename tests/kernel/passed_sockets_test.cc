// Sockets that were passed to this process: which are taken, how they are told apart, and that what
// is done with the duplicates leaves the socket and its file alone.
#include "net/passed_sockets.h"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/time.h"
#include "gtest/gtest.h"
#include "net/address.h"
#include "net/blocking_stream.h"
#include "net/endpoint.h"
#include "net/options.h"

namespace sluice::net {

namespace {

// Far from those that the test itself gets.
constexpr int kFirst = 700;

int option_of(int fd, int level, int name) {
    int value = -1;
    socklen_t length = sizeof value;
    EXPECT_EQ(::getsockopt(fd, level, name, &value, &length), 0);
    return value;
}

bool is_open(int fd) {
    return ::fcntl(fd, F_GETFD) >= 0;
}

Endpoint endpoint_of(int fd) {
    sockaddr_in address = {};
    socklen_t length = sizeof address;
    EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length), 0);
    return {.unix_path = {},
            .address = Address(reinterpret_cast<const sockaddr*>(&address), length)};
}

// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): as fixtures are.
class PassedSocketsTest : public testing::Test {
protected:
    ~PassedSocketsTest() override {
        for (const int fd : passed_) {
            ::close(fd);
        }
    }

    // Puts it where the next passed descriptor is.
    int pass(int fd) {
        const int number = kFirst + static_cast<int>(passed_.size());
        EXPECT_EQ(::dup2(fd, number), number);
        ::close(fd);
        passed_.push_back(number);
        return number;
    }

    int pass_listener(bool reuse_port = false, uint16_t port = 0) {
        const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
        const int on = 1;
        if (reuse_port) {
            EXPECT_EQ(::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on), 0);
        }
        const Address at = Address::loopback(port);
        EXPECT_EQ(::bind(fd, at.data(), at.length()), 0);
        EXPECT_EQ(::listen(fd, 8), 0);
        return pass(fd);
    }

    auto take() const {
        const std::vector<std::string> names(passed_.size(), "web");
        return PassedSockets::take(kFirst, names);
    }

    std::string reason() const {
        const auto taken = take();
        return taken ? "" : taken.error();
    }

    std::vector<int> passed_;
    SocketOptions options_;
};

TEST_F(PassedSocketsTest, KnowsThemByTheirAddress) {
    const Endpoint first = endpoint_of(pass_listener());
    const Endpoint second = endpoint_of(pass_listener());
    const auto taken = take().value();
    EXPECT_EQ(taken.size(), 2U);
    EXPECT_EQ(taken.count(first), 1U);
    EXPECT_EQ(taken.count(second), 1U);
    Endpoint elsewhere = first;
    elsewhere.address.set_port(1);
    EXPECT_EQ(taken.count(elsewhere), 0U);
    EXPECT_FALSE(taken.duplicate(elsewhere, 0, options_).value());
    EXPECT_FALSE(taken.find_unfit(std::vector{first, second}));
    EXPECT_EQ(taken.find_unfit(std::vector{first, elsewhere}).value(),
              "passed descriptor 701 (web) listens on " + second.to_string());
}

TEST_F(PassedSocketsTest, ADuplicateHasTheOptionsOfTheConfiguration) {
    const int fd = pass_listener();
    const Endpoint at = endpoint_of(fd);
    const auto taken = take().value();
    EXPECT_EQ(::fcntl(fd, F_GETFD), FD_CLOEXEC);
    options_.keep_alive_probe_s = 77;
    options_.receive_buffer_bytes = 32768;
    const int own = taken.duplicate(at, 5, options_).value().value();
    EXPECT_NE(own, fd);
    EXPECT_EQ(::fcntl(own, F_GETFD), FD_CLOEXEC);
    EXPECT_EQ(option_of(own, IPPROTO_TCP, TCP_NODELAY), 1);
    EXPECT_EQ(option_of(own, IPPROTO_TCP, TCP_KEEPIDLE), 77);
    EXPECT_EQ(option_of(own, SOL_SOCKET, SO_RCVBUF), 2 * 32768);  // The kernel doubles it.
    EXPECT_EQ(option_of(own, SOL_SOCKET, SO_ACCEPTCONN), 1);
    ::close(own);
}

TEST_F(PassedSocketsTest, SeveralOfOneAddressAreTakenByTurns) {
    const Endpoint at = endpoint_of(pass_listener(true));
    pass_listener(true, at.address.port());
    const auto taken = take().value();
    EXPECT_EQ(taken.count(at), 2U);
    std::vector<ino_t> sockets;
    for (size_t turn = 0; turn < 4; ++turn) {
        const int own = taken.duplicate(at, turn, options_).value().value();
        struct stat status = {};
        EXPECT_EQ(::fstat(own, &status), 0);
        sockets.push_back(status.st_ino);
        ::close(own);
    }
    EXPECT_NE(sockets[0], sockets[1]);
    EXPECT_EQ(sockets[0], sockets[2]);
    EXPECT_EQ(sockets[1], sockets[3]);
}

TEST_F(PassedSocketsTest, ClosesItsOwnAndNotTheSocketOfOthers) {
    const int fd = pass_listener();
    const Endpoint at = endpoint_of(fd);
    const int supervisor = ::dup(fd);
    {
        auto taken = take().value();
        const PassedSockets moved(std::move(taken));
        EXPECT_TRUE(is_open(fd));
        ::close(moved.duplicate(at, 0, options_).value().value());
    }
    EXPECT_FALSE(is_open(fd));
    EXPECT_TRUE(BlockingStream::connect(at, Duration::seconds(5)));
    ::close(supervisor);
    EXPECT_FALSE(BlockingStream::connect(at, Duration::seconds(5)));
    passed_.clear();
}

TEST_F(PassedSocketsTest, NeverRemovesTheFileOfAUnixSocket) {
    std::string folder = testing::TempDir() + "sluice-passed-XXXXXX";
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    const std::string path = folder + "/admin.sock";
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::listen(fd, 8), 0);
    pass(fd);
    const Endpoint at = Endpoint::parse("unix:" + path).value();
    {
        const auto taken = take().value();
        EXPECT_EQ(taken.count(at), 1U);
        ::close(taken.duplicate(at, 0, options_).value().value());
    }
    struct stat status = {};
    EXPECT_EQ(::lstat(path.c_str(), &status), 0);
    passed_.clear();
    ::unlink(path.c_str());
    ::rmdir(folder.c_str());
}

TEST_F(PassedSocketsTest, RefusesWhatIsNoListeningStreamSocket) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    ::close(ends[1]);
    const int fd = pass(ends[0]);
    EXPECT_EQ(reason(), "passed descriptor 700 (web) is no listening stream socket");
    EXPECT_TRUE(is_open(fd));
    ::close(fd);
    EXPECT_EQ(reason(), "passed descriptor 700 (web) is not open");
    passed_.clear();
    pass(::socket(AF_INET, SOCK_STREAM, 0));
    EXPECT_EQ(reason(), "passed descriptor 700 (web) is no listening stream socket");
    passed_.clear();
    pass(::socket(AF_INET, SOCK_DGRAM, 0));
    EXPECT_EQ(reason(), "passed descriptor 700 (web) is no listening stream socket");
}

// An abstract name is no path that could be configured.
TEST_F(PassedSocketsTest, RefusesAUnixSocketWithoutAFile) {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    // The family alone: the system chooses an abstract name.
    ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(sa_family_t)), 0);
    ASSERT_EQ(::listen(fd, 8), 0);
    pass(fd);
    EXPECT_EQ(reason(), "passed descriptor 700 (web) listens on no IP address and no file");
}

TEST_F(PassedSocketsTest, TakesNoneWhenOneIsWrong) {
    const int good = pass_listener();
    pass(::socket(AF_INET, SOCK_DGRAM, 0));
    EXPECT_EQ(reason(), "passed descriptor 701 (web) is no listening stream socket");
    EXPECT_TRUE(is_open(good));
}

}  // namespace

}  // namespace sluice::net
