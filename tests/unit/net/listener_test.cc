// A Listener with a descriptor that listens already, and what comes while it is told to stop.
#include "net/listener.h"

#include <vector>

#include "base/time.h"
#include "gtest/gtest.h"
#include "net/address.h"
#include "net/op.h"
#include "net/options.h"
#include "net/ring.h"
#include "sim_fixture.h"

namespace sluice::net {

namespace {

class ListenerTest : public SimTest {
protected:
    void SetUp() override { make_proactor({}); }
};

TEST_F(ListenerTest, AdoptsWhatListensAlready) {
    const Address at = Address::loopback(7001);
    const SocketOptions options;
    const int fd = proactor_->ring().open_listener(at, options, false).value();
    std::vector<int> accepted;
    const auto keep = [](void* owner, int fd_of_client) {
        static_cast<std::vector<int>*>(owner)->push_back(fd_of_client);
    };
    Listener listener(*proactor_, {.on_new = keep}, &accepted);
    listener.adopt(fd, options);
    EXPECT_EQ(listener.local_address(), at);
    proactor_->turn(Duration());
    const int client = proactor_->ring().open_stream_socket(at, options).value();
    Op connected([](Op&, int32_t, uint32_t) {}, nullptr);
    proactor_->ring().connect(client, at, connected);
    ASSERT_TRUE(run_until([&] { return accepted.size() == 1 && connected.pending == 0; }));
    proactor_->ring().close(accepted[0]);
    proactor_->ring().close(client);
    listener.stop();
    EXPECT_TRUE(run_until([&] { return listener.is_idle(); }));
}

// The kernel may have taken one when it is told to stop: that one is nobody else's any more.
TEST_F(ListenerTest, HandsOnWhatWasAcceptedBeforeItStopped) {
    const Address at = Address::loopback(7001);
    const SocketOptions options;
    std::vector<int> accepted;
    const auto keep = [](void* owner, int fd_of_client) {
        static_cast<std::vector<int>*>(owner)->push_back(fd_of_client);
    };
    Listener listener(*proactor_, {.on_new = keep}, &accepted);
    ASSERT_TRUE(listener.start(at, options));
    Ring& ring = proactor_->ring();
    ring.submit({});
    const int client = ring.open_stream_socket(at, options).value();
    Op connected([](Op&, int32_t, uint32_t) {}, nullptr);
    ring.connect(client, at, connected);
    // Until it has accepted, and without a turn in which it would hear of that.
    ring.submit({.completions_min = 2, .timeout_max = Duration::seconds(1), .batch_window = {}});
    ASSERT_TRUE(accepted.empty());
    listener.stop();
    ASSERT_TRUE(run_until([&] { return listener.is_idle() && connected.pending == 0; }));
    ASSERT_EQ(accepted.size(), 1U);
    ring.close(accepted[0]);
    ring.close(client);
}

}  // namespace

}  // namespace sluice::net
