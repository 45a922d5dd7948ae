// The simulator itself: that a seed replays, and that it sees what it is there to see.
#include "sim/sim.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/time.h"
#include "gtest/gtest.h"
#include "net/address.h"
#include "net/op.h"
#include "net/proactor.h"
#include "net/ring.h"
#include "sim/actors.h"
#include "sim/buffer_group.h"

namespace sluice::sim {

namespace {

struct SilentOp {
    net::Op op{[](net::Op&, int32_t, uint32_t) {}, nullptr};
};

// What one seed does to a conversation of two actors, as a line of text.
std::string conversation(uint64_t seed) {
    World world(seed);
    world.profile() = Profile::drawn(world.prng(), true);
    const net::Address at = net::Address::loopback(80);
    std::string log = world.profile().to_string();
    Socket* server = nullptr;
    world.network().actor_listen(at, [&](Socket& socket) {
        server = &socket;
        socket.on_change = [&world, &socket, &log] {
            log += std::to_string(world.now().ns()) + ":" +
                   std::to_string(world.network().read(socket, SIZE_MAX).size()) + " ";
        };
    });
    Client client(world, {.to = at, .parts = {{std::string(5000, 'x'), {}}}, .half_closes = true});
    world.run_for(Duration::seconds(200));
    return log + std::to_string(client.sent_bytes()) + " " + std::to_string(client.error());
}

TEST(Simulator, ASeedAlwaysDoesTheSame) {
    for (uint64_t seed = 1; seed <= 50; ++seed) {
        EXPECT_EQ(conversation(seed), conversation(seed)) << seed;
    }
    EXPECT_NE(conversation(1), conversation(2));
}

TEST(Simulator, TheClockMovesOnlyToEvents) {
    World world(1);
    int ran = 0;
    world.after(Duration::seconds(3600), [&] { ++ran; });
    const Instant start = world.now();
    world.run_for(Duration::seconds(3599));
    EXPECT_EQ(ran, 0);
    world.run_for(Duration::seconds(2));
    EXPECT_EQ(ran, 1);
    EXPECT_EQ(world.now() - start, Duration::seconds(3601));
}

TEST(Simulator, AWallClockJumpLeavesTheMonotonicClockAlone) {
    World world(1);
    const Instant monotonic = world.now();
    const int64_t wall_ns = world.wall_clock_ns();
    world.jump_wall_clock(Duration::seconds(-3600));
    EXPECT_EQ(world.now(), monotonic);
    EXPECT_EQ(world.wall_clock_ns(), wall_ns - Duration::seconds(3600).ns());
}

class SimulatedRing : public testing::Test {
protected:
    void SetUp() override { proactor_ = std::move(net::Proactor::create(options()).value()); }
    static net::ProactorOptions options() {
        net::ProactorOptions options;
        options.buffers = {.block_bytes = 64, .blocks_max = 8, .window_blocks = 2};
        return options;
    }
    bool has_violation(const std::string& part) const {
        return std::ranges::any_of(world_.violations(), [&](const std::string& text) {
            return text.find(part) != std::string::npos;
        });
    }

    World world_{1};
    std::unique_ptr<net::Proactor> proactor_;
};

TEST_F(SimulatedRing, SeesALeakedDescriptor) {
    const int fd = proactor_->ring().open_stream_socket(net::Address::loopback(1), {}).value();
    world_.check_end();
    EXPECT_TRUE(has_violation("is still open"));
    proactor_->ring().close(fd);
    proactor_->turn(Duration());
}

TEST_F(SimulatedRing, SeesADoubleClose) {
    const int fd = proactor_->ring().open_stream_socket(net::Address::loopback(1), {}).value();
    proactor_->ring().close(fd);
    proactor_->ring().close(fd);
    proactor_->turn(Duration());
    EXPECT_TRUE(has_violation("which is not open"));
}

TEST_F(SimulatedRing, SeesACloseUnderAPendingOperation) {
    const int fd = world_.network().open_descriptor();
    char byte = 0;
    SilentOp read;
    proactor_->ring().read(fd, &byte, 1, read.op);
    proactor_->ring().close(fd);
    proactor_->turn(Duration());
    EXPECT_TRUE(has_violation("with a pending operation"));
    proactor_->ring().cancel(read.op);
    proactor_->turn(Duration());
    proactor_->turn(Duration());
    EXPECT_EQ(read.op.pending, 0U);
}

TEST_F(SimulatedRing, SeesBytesThatChangeWhileTheyAreSent) {
    const net::Address at = net::Address::loopback(80);
    world_.profile().send_queue_bytes = 4;
    world_.network().actor_listen(at, [](Socket&) {});
    const int fd = proactor_->ring().open_stream_socket(at, {}).value();
    SilentOp op;
    proactor_->ring().connect(fd, at, op.op);
    while (op.op.pending > 0) {
        proactor_->turn(Duration::seconds(1));
    }
    std::string text = "0123456789";
    proactor_->ring().send(fd, text.data(), text.size(), op.op);
    proactor_->turn(Duration());
    text.back() = 'X';
    while (op.op.pending > 0) {
        proactor_->turn(Duration::seconds(1));
    }
    EXPECT_TRUE(has_violation("bytes changed"));
    proactor_->ring().close(fd);
    proactor_->turn(Duration());
}

TEST_F(SimulatedRing, EndsTheProcessAtAnOpThatDied) {
    const int fd = world_.network().open_descriptor();
    char byte = 0;
    std::optional<SilentOp> read(std::in_place);
    proactor_->ring().read(fd, &byte, 1, read->op);
    proactor_->turn(Duration());
    world_.network().put(fd, "x");
    const auto use_after_death = [&] {
        read->op.handle = nullptr;  // As whatever comes to lie there would.
        proactor_->turn(Duration::seconds(1));
    };
    EXPECT_DEATH(use_after_death(), "assertion failed");
    proactor_->turn(Duration::seconds(1));
    proactor_->ring().close(fd);
    proactor_->turn(Duration());
}

// Whoever looks at a block after handing it back reads what was scribbled there, or, under the
// address sanitizer, nothing at all.
TEST_F(SimulatedRing, DestroysABufferThatWasHandedBack) {
    std::string memory(64, 'm');
    BufferGroup group(world_, 1, false);
    group.provide(memory.data(), 64, 0);
    group.publish();
    static_cast<void>(group.receive("secret"));
    EXPECT_EQ(memory.substr(0, 6), "secret");
    group.provide(memory.data(), 64, 0);
    group.publish();
    static_cast<void>(group.receive("abc"));
    EXPECT_EQ(memory.substr(0, 3), "abc");
#if defined(SLUICE_SANITIZED)
    EXPECT_DEATH(static_cast<void>(memory.substr(0, 6)), "use-after-poison");
#else
    EXPECT_EQ(memory.substr(3, 3), "\xDB\xDB\xDB");
#endif
}

TEST_F(SimulatedRing, ANumberIsUsedAgainAtOnce) {
    net::Ring& ring = proactor_->ring();
    const int first = ring.open_stream_socket(net::Address::loopback(1), {}).value();
    const int second = ring.open_stream_socket(net::Address::loopback(1), {}).value();
    ring.close(first);
    proactor_->turn(Duration());
    EXPECT_EQ(ring.open_stream_socket(net::Address::loopback(1), {}).value(), first);
    for (const int fd : {first, second}) {
        ring.close(fd);
    }
    proactor_->turn(Duration());
}

TEST_F(SimulatedRing, DescriptorsRunOut) {
    world_.network().set_descriptor_limit(1);
    net::Ring& ring = proactor_->ring();
    const int fd = ring.open_stream_socket(net::Address::loopback(1), {}).value();
    const auto refused = ring.open_stream_socket(net::Address::loopback(1), {});
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().os_errno, EMFILE);
    ring.close(fd);
    proactor_->turn(Duration());
}

}  // namespace

}  // namespace sluice::sim
