// ShardRunner: the thread of one shard, from its ring to its last connection.
//
// Started and told what to do by the process (server/process.h), through messages. Everything it
// owns is made and destroyed on its own thread.
#pragma once

#include <cstdint>
#include <latch>
#include <memory>
#include <optional>
#include <thread>

#include "base/error.h"
#include "base/log.h"
#include "base/log_writer.h"
#include "net/address.h"
#include "net/dns_resolver.h"
#include "net/shard.h"
#include "server/gateway.h"
#include "server/runtime_config.h"
#include "server/shard_body.h"

namespace sluice::server {

class ShardRunner {
public:
    ShardRunner(ShardPlan plan, net::DnsResolver& resolver);
    // The thread must have ended: join() first.
    ~ShardRunner();
    ShardRunner(const ShardRunner&) = delete;
    ShardRunner& operator=(const ShardRunner&) = delete;

    // Makes the shard on a thread of its own; returns when that is done or has failed.
    std::optional<Error> start();
    // Listens and serves; returns the address, or why not. `passed` as in ShardBody::listen().
    Result<net::Address> serve(net::Ring& sender,
                               const net::Address& address,
                               std::optional<int> passed);
    // These send a message and return at once.
    void reload(net::Ring& sender, RuntimeConfigPtr config);
    // Stops accepting, lets exchanges end until `deadline` from now, then cuts them.
    void drain(net::Ring& sender, Duration deadline);

    void join() { thread_.join(); }
    bool has_ended() const { return ended_.load(std::memory_order_acquire); }

private:
    void run(std::latch& made);

    ShardPlan plan_;
    net::DnsResolver& resolver_;
    std::optional<Error> failure_;
    ShardBody* body_ = nullptr;  // Lives on the thread's stack; reached by messages only.
    std::thread thread_;
    std::atomic<bool> ended_ = false;
};

}  // namespace sluice::server
