// Relay: bytes from one TCP connection to another and back, by io_uring, and nothing else.
//
// The floor that a proxy is compared with: no HTTP, no TLS, no log, no limits but its own memory.
// One thread, one ring, multishot accept and receive, one send for each direction and turn of the
// loop. Written on liburing alone, so that it shares no code with what it is compared with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <liburing.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace sluice::bench {

class Relay {
public:
    Relay() = default;
    ~Relay();
    Relay(const Relay&) = delete;
    Relay& operator=(const Relay&) = delete;

    // Nothing, or what went wrong.
    std::string start(const sockaddr_in& listen, const sockaddr_in& upstream);
    uint16_t port() const { return port_; }
    // Until the process is ended.
    void run();

private:
    // What a completion belongs to, in the low bits of its user_data beside the pointer.
    enum class Tag : uint8_t { accept, connect, receive, send, ignored };
    static constexpr uint64_t kTagMask = 7;

    // 4 MiB in all: more than one turn brings, little enough to stay in a cache.
    static constexpr uint32_t kBuffers = 512;
    static constexpr uint32_t kBufferBytes = 8192;
    static constexpr uint16_t kGroup = 0;
    static constexpr uint32_t kQueueEntries = 4096;
    static constexpr uint32_t kCompletionEntries = 32768;
    static constexpr size_t kPartsMax = 16;  // Of one send.
    // Buffers that one direction may hold before it is read no further, and when it is again.
    static constexpr size_t kHeldHigh = 32;
    static constexpr size_t kHeldLow = 16;
    static constexpr int kBacklog = 4096;

    // Bytes received and not yet sent.
    struct Part {
        uint32_t length;
        uint16_t buffer;
    };

    struct Pair;

    // One way through a pair of connections.
    struct alignas(kTagMask + 1) Direction {
        Pair* pair = nullptr;
        int from = -1;
        int to = -1;
        std::vector<Part> parts;
        size_t first = 0;      // Parts before it were sent.
        size_t in_flight = 0;  // Parts from `first` on that the kernel is sending.
        iovec iov[kPartsMax] = {};
        msghdr message = {};
        bool is_receiving = false;
        bool is_paused = false;   // Holds too much.
        bool is_waiting = false;  // For buffers.
        bool is_dirty = false;    // On the list of directions to flush.
        bool has_ended = false;   // Nothing more comes from `from`.
        bool is_shut = false;     // And `to` was told.

        size_t held() const { return parts.size() - first; }
    };

    struct alignas(kTagMask + 1) Pair {
        Direction up;          // From the client.
        Direction down;        // To the client.
        uint32_t pending = 0;  // Operations that the kernel has of this pair.
        bool is_closing = false;
    };

    std::string listen_on(const sockaddr_in& address);
    std::string set_up_buffers();
    io_uring_sqe* next_sqe(const void* object, Tag tag);
    void complete(const io_uring_cqe& cqe);

    void arm_accept();
    void accepted(int result, uint32_t flags);
    void connected(Pair& pair, int result);
    void arm_receive(Direction& direction);
    void received(Direction& direction, int result, uint32_t flags);
    void receive_ended(Direction& direction, int result);
    void sent(Direction& direction, int result);
    void mark_dirty(Direction& direction);
    void flush(Direction& direction);
    void flush_all();
    void give_back(uint16_t buffer);
    void serve_waiting();
    void pass_end_on(Direction& direction);
    void begin_close(Pair& pair);
    void close_if_idle(Pair& pair);
    char* memory_of(uint16_t buffer) { return memory_.get() + size_t{buffer} * kBufferBytes; }

    io_uring ring_ = {};
    bool has_ring_ = false;
    io_uring_buf_ring* buffers_ = nullptr;
    std::unique_ptr<char[]> memory_;
    int given_back_ = 0;  // Buffers added to the ring since the last publication.
    int listener_ = -1;
    uint16_t port_ = 0;
    sockaddr_in upstream_ = {};
    std::vector<Direction*> dirty_;
    std::vector<Direction*> waiting_;
};

}  // namespace sluice::bench
