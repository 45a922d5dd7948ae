// The thread, and the messages that reach its shard.
#include "server/shard_runner.h"

#include <atomic>
#include <cstdint>
#include <future>
#include <latch>
#include <memory>
#include <optional>
#include <utility>

#include <pthread.h>
#include <sched.h>

#include "base/error.h"
#include "base/result.h"
#include "base/time.h"
#include "net/address.h"
#include "net/dns_resolver.h"
#include "net/mailbox.h"
#include "net/proactor.h"
#include "net/ring.h"
#include "net/shard.h"
#include "server/runtime_config.h"
#include "server/shard_body.h"

namespace sluice::server {

namespace {

// How soon a shard that has ended finds that the last one has, too.
constexpr Duration kEndedTurn = Duration::milliseconds(10);

void pin_to(uint32_t core) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    // Not vital: a container may forbid it.
    ::pthread_setaffinity_np(::pthread_self(), sizeof set, &set);
}

// A message that runs a function on the shard.
template <class Function>
class Call final : public net::Message {
public:
    explicit Call(Function function) : function_(std::move(function)) {}
    void deliver() override { function_(); }

private:
    Function function_;
};

template <class Function>
std::unique_ptr<net::Message> call(Function function) {
    return std::make_unique<Call<Function>>(std::move(function));
}

}  // namespace

ShardRunner::ShardRunner(ShardPlan plan, net::DnsResolver& resolver)
    : plan_(std::move(plan)), resolver_(resolver) {}

ShardRunner::~ShardRunner() = default;

std::optional<Error> ShardRunner::start() {
    std::latch made(1);
    thread_ = std::thread([this, &made] { run(made); });
    made.wait();
    return failure_;
}

void ShardRunner::run(std::latch& made) {
    if (plan_.core) {
        pin_to(*plan_.core);
    }
    Result<std::unique_ptr<net::Shard>> shard =
        net::Shard::create(plan_.index, proactor_options(plan_.config->config.server), plan_.seed);
    if (!shard) {
        failure_ = shard.error();
        made.count_down();
        ended_.store(true, std::memory_order_release);
        return;
    }
    plan_.group.set(**shard);
    auto names = std::make_unique<net::ShardNameSource>(**shard, resolver_);
    ShardBody body(plan_, std::move(*shard), std::move(names));
    body_ = &body;
    plan_.process.running.fetch_add(1);
    plan_.process.turning.fetch_add(1);
    made.count_down();
    while (!body.look()) {
        body.proactor().turn(body.wait_max());
    }
    ended_.store(true, std::memory_order_release);
    plan_.process.running.fetch_sub(1);
    while (plan_.process.running.load() > 0) {
        body.proactor().turn(kEndedTurn);
    }
    body.hand_over_cache();
    uint32_t left = plan_.process.turning.fetch_sub(1) - 1;
    plan_.process.turning.notify_all();
    while (left > 0) {
        plan_.process.turning.wait(left);
        left = plan_.process.turning.load();
    }
}

Result<net::Address> ShardRunner::serve(net::Ring& sender,
                                        const net::Address& address,
                                        std::optional<int> passed) {
    std::promise<Result<net::Address>> promise;
    std::future<Result<net::Address>> answer = promise.get_future();
    plan_.group.shard(plan_.index).mailbox().post(sender, call([this, address, passed, &promise] {
                                                      promise.set_value(
                                                          body_->listen(address, passed));
                                                  }));
    sender.submit(net::WaitOptions());
    return answer.get();
}

void ShardRunner::reload(net::Ring& sender, RuntimeConfigPtr config) {
    plan_.group.shard(plan_.index).mailbox().post(sender, call([this, next = std::move(config)] {
                                                      body_->use(next);
                                                  }));
}

void ShardRunner::drain(net::Ring& sender, Duration deadline) {
    plan_.group.shard(plan_.index).mailbox().post(sender, call([this, deadline] {
                                                      body_->begin_drain(deadline);
                                                  }));
}

}  // namespace sluice::server
