// Operation: one asynchronous request of a simulated ring, from its submission to its final
// completion. Tries itself whenever its socket changes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <sys/uio.h>

#include "net/address.h"
#include "net/op.h"

namespace sluice::sim {

// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): it is final, which this cannot say.
class RingCore;
struct Socket;

struct Operation {
    enum class Kind : uint8_t {
        accept,
        peer_address,
        receive,
        send,
        connect,
        poll,
        watch_hangup,
        read,
        // Without a completion.
        cancel,
        close,
        shutdown_send,
        send_descriptor,
        wake,
    };

    Kind kind;
    RingCore* ring = nullptr;
    net::Op* op = nullptr;  // Of the requester; what to end, for cancel; of the other ring, wake.
    int fd = -1;
    Socket* socket = nullptr;  // Known once it is submitted.
    uint64_t number = 0;
    bool over = false;  // The final completion is queued, or decided by a cancel.
    bool poke_queued = false;

    uint16_t buffer_group = 0;
    std::vector<iovec> parts = {};  // What to send, or one part to read into.
    std::string snapshot = {};      // What `parts` held at first: it must not change under way.
    size_t total_bytes = 0;
    size_t done_bytes = 0;
    net::Address address = {};
    uint32_t poll_events = 0;
    bool once = false;                        // Of accept: one connection and no more.
    net::Address* peer_address_to = nullptr;  // Where the answer goes.
    uint32_t poll_seen = 0;                   // Last reported by watch_hangup.
    RingCore* target = nullptr;

    bool has_completion() const { return kind < Kind::cancel; }
    // The socket changed: try again, now or a little later.
    void poke();
    // Goes as far as possible now.
    void attempt();

private:
    void attempt_accept();
    void attempt_peer_address();
    void attempt_receive();
    bool receive_once();
    void attempt_send();
    void attempt_connect();
    void attempt_poll();
    void attempt_read();
    std::string_view unsent_part() const;
};

}  // namespace sluice::sim
