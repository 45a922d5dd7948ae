// Actors: the scripted outside of a simulated world, written against the simulated network and not
// against our own engine, so that they can find it wrong.
//
// An actor follows its script and writes down what it saw; tests compare the two. Actors live as
// long as the world or less.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "net/address.h"
#include "sim/network.h"
#include "sim/socket.h"
#include "sim/world.h"

namespace sluice::sim {

// Bytes with a pause before them, and with what must have come before that.
struct TimedBytes {
    std::string bytes;
    Duration pause;
    uint32_t after_answers = 0;  // Not before so many answers have come; see ClientScript.
};

// Writes timed bytes to a socket as fast as it takes them.
class TimedWriter {
public:
    TimedWriter(World& world, Socket& socket) : world_(world), socket_(socket) {}
    ~TimedWriter() { *alive_ = false; }
    TimedWriter(const TimedWriter&) = delete;
    TimedWriter& operator=(const TimedWriter&) = delete;
    void add(std::vector<TimedBytes> parts);
    // Call at every change; `again` is called when a pause is over.
    void advance(const std::function<void()>& again);
    bool is_done() const { return next_ == parts_.size(); }
    uint64_t sent_bytes() const { return sent_bytes_; }
    // Writes no more than this many bytes in all.
    void stop_at(uint64_t bytes) { stop_at_ = bytes; }
    // So many answers have come: what waits for them may go.
    void set_answers(uint32_t answers) { answers_ = answers; }
    bool has_stopped() const { return sent_bytes_ >= stop_at_; }

private:
    World& world_;
    Socket& socket_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // For events that outlive us.
    std::vector<TimedBytes> parts_;
    size_t next_ = 0;
    size_t written_ = 0;  // Of parts_[next_].
    bool pausing_ = false;
    bool paused_ = false;  // The pause before parts_[next_] is over.
    uint64_t sent_bytes_ = 0;
    uint64_t stop_at_ = UINT64_MAX;
    uint32_t answers_ = 0;
};

struct ClientScript {
    net::Address to;
    std::vector<TimedBytes> parts = {};
    bool half_closes = false;     // After everything was sent.
    bool ends_with_peer = false;  // An end of the other side ends it, whatever is unsent.

    // Reading: so much at a time, with a pause in between; none beyond `reads_until_bytes`.
    size_t read_bytes_max = SIZE_MAX;
    Duration read_pause = {};
    uint64_t reads_until_bytes = UINT64_MAX;

    // Leaving early.
    uint64_t leaves_at_sent_bytes = UINT64_MAX;
    uint64_t leaves_at_received_bytes = UINT64_MAX;
    Duration leaves_after = {};  // Zero: never.
    bool leaves_with_reset = false;

    // Asked when bytes came: how many whole answers there are in all.
    std::function<uint32_t(std::string_view received)> count_answers = nullptr;
    // Asked when bytes came: whether that is all the client wants. It then closes.
    std::function<bool(std::string_view received)> is_satisfied = nullptr;
};

class Client {
public:
    Client(World& world, ClientScript script);
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    // Nothing more will happen to it.
    bool is_done() const { return done_; }
    const std::string& received() const { return received_; }
    uint64_t sent_bytes() const { return writer_.sent_bytes(); }
    bool was_connected() const { return connected_; }
    bool is_satisfied() const { return satisfied_; }
    // The other side ended in an orderly way.
    bool saw_end() const { return saw_end_; }
    int error() const { return error_; }
    bool has_left() const { return left_; }
    // It left in a way that its peer sees as a reset, and not as an end of its direction.
    bool has_left_with_reset() const { return left_with_reset_; }
    // The network failed it: what it saw is not the gateway's fault.
    bool was_faulted() const;
    Instant first_byte_at() const { return first_byte_at_; }
    Instant done_at() const { return done_at_; }
    const ClientScript& script() const { return script_; }
    Socket& socket() { return *socket_; }

private:
    void on_change();
    void read_some();
    void leave();
    void finish();

    World& world_;
    const ClientScript script_;
    Socket* socket_;
    TimedWriter writer_;
    std::string received_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
    Instant first_byte_at_;
    Instant done_at_;
    int error_ = 0;
    bool connected_ = false;
    bool saw_end_ = false;
    bool satisfied_ = false;
    bool left_ = false;
    bool left_with_reset_ = false;
    bool done_ = false;
    bool read_pausing_ = false;
};

}  // namespace sluice::sim
