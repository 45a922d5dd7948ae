// The bounded loop and the sockets of the ring tests.
#include "kernel/ring_contract.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/time.h"
#include "gtest/gtest.h"
#include "net/address.h"
#include "net/op.h"
#include "net/options.h"
#include "net/ring.h"

namespace sluice::contract {

size_t handle_completions(net::Ring& ring) {
    std::array<net::Completion, 64> batch;
    const size_t count = ring.collect(batch);
    for (size_t i = 0; i < count; ++i) {
        net::Op& op = *batch[i].op;
        if (batch[i].ends_operation()) {
            EXPECT_GT(op.pending, 0U);
            --op.pending;
        }
        op.handle(op, batch[i].result, batch[i].flags);
    }
    return count;
}

void RingTest::make_ring(const net::RingOptions& options) {
    ring_.reset();
    surroundings_.reset();
    surroundings_ = Surroundings::create();
    auto ring = net::Ring::create(options);
    ASSERT_TRUE(ring.has_value()) << net::ring_error_text(ring.error());
    ring_ = std::move(*ring);
}

void RingTest::TearDown() {
    for (const int fd : open_) {
        ring_->close(fd);
    }
    submit();
    ring_.reset();
}

void RingTest::run_for(Duration duration) {
    const Instant end = ring_->now() + duration;
    while (ring_->now() < end) {
        ring_->submit({1, kSlice, {}});
        handle_completions(*ring_);
    }
}

RingTest::Pair RingTest::connect_pair(const net::SocketOptions& near,
                                      const net::SocketOptions& far) {
    const int listener = ring_->open_listener(net::Address::loopback(0), far, false).value();
    const net::Address address = ring_->local_address(listener);
    const int near_fd = ring_->open_stream_socket(address, near).value();
    Recorder accept;
    Recorder connect;
    ring_->accept_multishot(listener, accept.op);
    ring_->connect(near_fd, address, connect.op);
    EXPECT_TRUE(run_until([&] { return connect.ended() && !accept.seen.empty(); }));
    EXPECT_EQ(connect.last_result(), 0);
    EXPECT_FALSE(accept.seen.empty());
    const int32_t accepted = accept.seen.empty() ? -1 : accept.seen.front().result;
    EXPECT_GE(accepted, 0);
    const Pair pair{near_fd, ring_->accepted(accepted)};
    ring_->cancel(accept.op);
    EXPECT_TRUE(run_until([&] { return accept.ended(); }));
    ring_->close(listener);
    open_.push_back(pair.near);
    open_.push_back(pair.far);
    return pair;
}

void RingTest::send_all(int fd, std::string_view text) {
    Recorder sent;
    ring_->send(fd, text.data(), text.size(), sent.op);
    EXPECT_TRUE(run_until([&] { return sent.ended(); }));
    EXPECT_EQ(sent.last_result(), static_cast<int32_t>(text.size()));
}

void RingTest::close(int fd) {
    std::erase(open_, fd);
    ring_->close(fd);
    submit();
}

void RingTest::make_buffers(uint32_t count, uint32_t size_bytes) {
    const auto status = ring_->register_buffer_ring(kGroup, count);
    ASSERT_TRUE(status.has_value());
    buffers_.assign(count, std::string(size_bytes, '\0'));
    offsets_.assign(count, 0);
}

void RingTest::provide(uint16_t id) {
    offsets_[id] = 0;
    ring_->provide_buffer(kGroup, buffers_[id].data(), static_cast<uint32_t>(buffers_[id].size()),
                          id);
    ring_->publish_buffers(kGroup);
}

std::string RingTest::bytes_of(const Recorder::Seen& seen) {
    if ((seen.flags & net::kCompletionBuffer) == 0 || seen.result <= 0) {
        return {};
    }
    const uint32_t id = seen.flags >> net::kCompletionBufferShift;
    const auto count = static_cast<uint32_t>(seen.result);
    std::string text = buffers_[id].substr(offsets_[id], count);
    offsets_[id] += count;
    return text;
}

std::string RingTest::received_text(const Recorder& recorder) {
    std::ranges::fill(offsets_, 0);
    std::string text;
    for (const Recorder::Seen& seen : recorder.seen) {
        text += bytes_of(seen);
    }
    return text;
}

}  // namespace sluice::contract
