// EchoService: the smallest server on src/net, so that streams, listeners and shards meet every
// fault of the simulator before anything is built on them. Sends back what it receives and ends
// when its peer ends.
//
// It can be told to have a bug, one of those that are easily written. The simulation must find it:
// that is how the simulation itself is tested.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/intrusive_list.h"
#include "base/result.h"
#include "coro/scope.h"
#include "coro/signal.h"
#include "coro/task.h"
#include "net/address.h"
#include "net/byte_stream.h"
#include "net/listener.h"
#include "net/options.h"
#include "net/shard.h"

namespace sluice::sim {

enum class EchoBug : uint8_t {
    none,
    drops_when_congested,  // Loses bytes while its peer reads slowly.
    aborts_at_end,         // Does not wait until everything is sent.
    forgets_a_stream,      // Leaks a descriptor now and then.
    waits_once_too_often,  // Misses bytes that came while it was writing.
};

class EchoService {
public:
    EchoService(net::Shard& shard, const net::SocketOptions& options, EchoBug bug);
    ~EchoService();
    EchoService(const EchoService&) = delete;
    EchoService& operator=(const EchoService&) = delete;

    Status start(const net::Address& at);
    // Hands every `every`-th connection over to `other`, which must be started and stopped with
    // this one.
    void hand_over_to(EchoService& other, uint32_t every) {
        other_ = &other;
        hand_over_every_ = every;
    }
    net::Address address() const { return listener_.local_address(); }
    // Accepts no more and ends every connection.
    void stop();
    bool is_idle() const { return listener_.is_idle() && scope_.running() == 0; }

private:
    struct Connection : ListNode {
        explicit Connection(coro::ReadyQueue& queue) : signal(queue) {}
        coro::Signal signal;
    };

    static void on_accepted(void* owner, int fd);
    static void on_handed_over(void* owner, int fd);
    coro::Task<void> serve(net::StreamPtr stream);
    void pass_back(net::ByteStream& stream);

    net::Shard& shard_;
    const net::SocketOptions options_;
    const EchoBug bug_;
    net::Listener listener_;
    coro::TaskScope scope_;
    IntrusiveList<Connection> connections_;
    std::vector<net::StreamPtr> forgotten_;
    EchoService* other_ = nullptr;
    uint32_t hand_over_every_ = 0;
    uint32_t accepted_ = 0;
    uint32_t served_ = 0;
    bool stopping_ = false;
};

}  // namespace sluice::sim
