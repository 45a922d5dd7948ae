// What the tests of net::Ring share: recording operations, a bounded loop, connected sockets.
//
// These tests are written against net/ring.h alone and are built twice: over the running kernel
// (kernel_all) and over the simulated ring (sim_all). What passes on both is what the gateway may
// rely on, and what the simulator must imitate.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "gtest/gtest.h"
#include "net/address.h"
#include "net/op.h"
#include "net/options.h"
#include "net/ring.h"

namespace sluice::contract {

// What must exist around a ring: nothing over the kernel, a world in the simulator. Each of the two
// programs defines it.
class Surroundings {
public:
    virtual ~Surroundings() = default;
    static std::unique_ptr<Surroundings> create();
    static bool is_simulated();
};

// An operation that writes down its completions.
struct Recorder {
    struct Seen {
        int32_t result;
        uint32_t flags;
    };

    Recorder() : op(&on_completion, this) {}
    static void on_completion(net::Op& op, int32_t result, uint32_t flags) {
        op.owner_as<Recorder>().seen.push_back({result, flags});
    }
    bool ended() const { return op.pending == 0 && !seen.empty(); }
    int32_t last_result() const { return seen.empty() ? INT32_MIN : seen.back().result; }

    net::Op op;
    std::vector<Seen> seen;
};

// Collects what is there and handles it as the proactor does.
size_t handle_completions(net::Ring& ring);

class RingTest : public testing::Test {
protected:
    static constexpr uint16_t kGroup = 0;
    static constexpr Duration kPatience = Duration::seconds(5);

    struct Pair {
        int near = -1;
        int far = -1;
    };

    void SetUp() override { make_ring({}); }
    void TearDown() override;
    void make_ring(const net::RingOptions& options);

    // Turns the ring until `condition`; false when patience ends first.
    template <class Condition>
    bool run_until(Condition condition) {
        const Instant end = ring_->now() + kPatience;
        while (!condition()) {
            if (ring_->now() >= end) {
                return false;
            }
            ring_->submit({1, kSlice, {}});
            handle_completions(*ring_);
        }
        return true;
    }
    // Turns the ring for a while in which nothing is expected to happen.
    void run_for(Duration duration);
    void submit() {
        ring_->submit({});
        handle_completions(*ring_);
    }

    // A connected pair over loopback; both ends belong to this ring.
    Pair connect_pair(const net::SocketOptions& near = {}, const net::SocketOptions& far = {});
    // Sends all of `text` and waits for the completion.
    void send_all(int fd, std::string_view text);
    // Closes and forgets; or only forgets, when somebody else closes it.
    void close(int fd);
    void forget(int fd) { std::erase(open_, fd); }

    void make_buffers(uint32_t count, uint32_t size_bytes);
    void provide(uint16_t id);
    // The bytes of one receive completion; follows the incremental offset of its buffer.
    std::string bytes_of(const Recorder::Seen& seen);
    std::string received_text(const Recorder& recorder);

    std::unique_ptr<Surroundings> surroundings_;
    std::unique_ptr<net::Ring> ring_;

private:
    static constexpr Duration kSlice = Duration::milliseconds(20);

    std::vector<std::string> buffers_;
    std::vector<uint32_t> offsets_;
    std::vector<int> open_;
};

}  // namespace sluice::contract
