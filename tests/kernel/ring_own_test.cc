// Descriptors that only the ring knows: accepted into its own table, used and closed there.
#include <cerrno>
#include <cstdint>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "kernel/ring_contract.h"
#include "net/address.h"
#include "net/op.h"
#include "net/ring.h"

namespace sluice::contract {

namespace {

class RingOwn : public RingTest {
protected:
    static constexpr uint32_t kOwnMax = 4;

    void SetUp() override {
        make_ring({.own_descriptors_max = kOwnMax});
        make_buffers(16, 4096);
        for (uint16_t id = 0; id < 16; ++id) {
            provide(id);
        }
    }
};

TEST_F(RingOwn, CarryBytesBothWays) {
    const Pair pair = connect_pair();
    EXPECT_FALSE(net::Ring::is_known_to_system(pair.far));
    EXPECT_TRUE(net::Ring::is_known_to_system(pair.near));
    EXPECT_FALSE(ring_->peer_address(pair.far).is_set());
    Recorder receive;
    ring_->receive_multishot(pair.far, kGroup, receive.op);
    send_all(pair.near, "question");
    ASSERT_TRUE(run_until([&] { return received_text(receive) == "question"; }));
    send_all(pair.far, "answer");
    ring_->cancel(receive.op);
    ASSERT_TRUE(run_until([&] { return receive.op.pending == 0; }));
    EXPECT_EQ(receive.last_result(), -ECANCELED);
    Recorder answer;
    ring_->receive_multishot(pair.near, kGroup, answer.op);
    ASSERT_TRUE(run_until([&] { return !answer.seen.empty(); }));
    ring_->cancel(answer.op);
    ASSERT_TRUE(run_until([&] { return answer.op.pending == 0; }));
    EXPECT_EQ(answer.seen.front().result, 6);
}

TEST_F(RingOwn, TellWhoTheirPeerIs) {
    const Pair pair = connect_pair();
    net::Address peer;
    Recorder asked;
    ring_->ask_peer_address(pair.far, AF_INET, peer, asked.op);
    ASSERT_TRUE(run_until([&] { return asked.ended(); }));
    EXPECT_GE(asked.last_result(), 0);
    EXPECT_EQ(peer, ring_->local_address(pair.near));
}

TEST_F(RingOwn, AcceptingOneTakesOneAndLeavesTheOthersInTheQueue) {
    const int listener = ring_->open_listener(net::Address::loopback(0), {}, false).value();
    const net::Address address = ring_->local_address(listener);
    std::vector<int> clients;
    for (uint32_t i = 0; i < 2; ++i) {
        clients.push_back(ring_->open_stream_socket(address, {}).value());
        Recorder connect;
        ring_->connect(clients.back(), address, connect.op);
        ASSERT_TRUE(run_until([&] { return connect.ended(); }));
    }
    std::vector<int> accepted;
    for (uint32_t i = 0; i < 2; ++i) {
        Recorder accept;
        ring_->accept_one(listener, accept.op);
        ASSERT_TRUE(run_until([&] { return accept.ended(); }));
        EXPECT_EQ(accept.seen.size(), 1U);
        ASSERT_GE(accept.last_result(), 0);
        accepted.push_back(ring_->accepted(accept.last_result()));
    }
    EXPECT_NE(accepted[0], accepted[1]);
    for (const int fd : {accepted[0], accepted[1], clients[0], clients[1], listener}) {
        ring_->close(fd);
    }
    submit();
}

TEST_F(RingOwn, ShutDownSendingEndsThePeersReading) {
    const Pair pair = connect_pair();
    Recorder receive;
    ring_->receive_multishot(pair.near, kGroup, receive.op);
    send_all(pair.far, "last");
    ring_->shutdown_send(pair.far);
    ASSERT_TRUE(run_until([&] { return receive.ended(); }));
    EXPECT_EQ(receive.last_result(), 0);
    EXPECT_EQ(received_text(receive), "last");
    Recorder still;
    ring_->receive_multishot(pair.far, kGroup, still.op);
    send_all(pair.near, "reads on");
    ASSERT_TRUE(run_until([&] { return !still.seen.empty(); }));
    EXPECT_EQ(still.seen.front().result, 8);
    ring_->cancel(still.op);
    EXPECT_TRUE(run_until([&] { return still.op.pending == 0; }));
}

TEST_F(RingOwn, CloseIsAnOrderlyEndOrAResetWhenAskedFor) {
    for (const bool with_reset : {false, true}) {
        const Pair pair = connect_pair();
        Recorder receive;
        ring_->receive_multishot(pair.near, kGroup, receive.op);
        submit();
        if (with_reset) {
            ring_->reset_on_close(pair.far);
        }
        close(pair.far);
        ASSERT_TRUE(run_until([&] { return receive.ended(); }));
        EXPECT_EQ(receive.last_result(), with_reset ? -ECONNRESET : 0);
    }
}

TEST_F(RingOwn, WatchingForAHangupWorksOnThem) {
    const Pair pair = connect_pair();
    Recorder hangup;
    ring_->watch_hangup(pair.far, hangup.op);
    submit();
    ring_->reset_on_close(pair.near);
    close(pair.near);
    ASSERT_TRUE(run_until([&] { return !hangup.seen.empty(); }));
    EXPECT_GT(hangup.seen.front().result, 0);
    ring_->cancel(hangup.op);
    EXPECT_TRUE(run_until([&] { return hangup.op.pending == 0; }));
}

TEST_F(RingOwn, AFullTableEndsAcceptingAndAFreedEntryServesAgain) {
    const int listener = ring_->open_listener(net::Address::loopback(0), {}, false).value();
    const net::Address address = ring_->local_address(listener);
    Recorder accept;
    ring_->accept_multishot(listener, accept.op);
    std::vector<int> clients;
    for (uint32_t i = 0; i < kOwnMax + 1; ++i) {
        clients.push_back(ring_->open_stream_socket(address, {}).value());
        Recorder connect;
        ring_->connect(clients.back(), address, connect.op);
        ASSERT_TRUE(run_until([&] { return connect.ended(); }));
        EXPECT_EQ(connect.last_result(), 0);
    }
    ASSERT_TRUE(run_until([&] { return accept.ended(); }));
    ASSERT_EQ(accept.seen.size(), kOwnMax + 1);
    EXPECT_EQ(accept.last_result(), -ENFILE);
    const int first = ring_->accepted(accept.seen.front().result);
    ring_->close(first);
    Recorder again;
    ring_->accept_multishot(listener, again.op);
    // The kernel had taken the connection over the limit out of its queue and closed it; the
    // simulator leaves it there. A further one is served by both.
    clients.push_back(ring_->open_stream_socket(address, {}).value());
    Recorder connect;
    ring_->connect(clients.back(), address, connect.op);
    ASSERT_TRUE(run_until([&] { return !again.seen.empty() && connect.ended(); }));
    EXPECT_EQ(ring_->accepted(again.seen.front().result), first);
    ring_->cancel(again.op);
    ASSERT_TRUE(run_until([&] { return again.op.pending == 0; }));
    for (uint32_t i = 0; i < kOwnMax; ++i) {
        ring_->close(ring_->accepted(accept.seen[i].result));
    }
    for (const int fd : clients) {
        ring_->close(fd);
    }
    ring_->close(listener);
    submit();
}

}  // namespace

}  // namespace sluice::contract
