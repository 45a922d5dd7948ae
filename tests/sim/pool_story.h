// PoolStory: stories of a gateway whose route leads to a pool of two targets, `llm` and `other`,
// over several shards; and what must hold of the pool's record afterwards.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "balance/options.h"
#include "balance/pool.h"
#include "balance/target.h"
#include "balance/target_state.h"
#include "base/time.h"
#include "gtest/gtest.h"
#include "net/address.h"
#include "sim/actors.h"
#include "sim/gateway_story.h"
#include "sim/http_text.h"
#include "sim/upstream_actor.h"
#include "upstream/options.h"

namespace sluice::sim {

inline constexpr std::string_view kChat = "/v1/chat/completions";

constexpr Duration ms(int64_t count) {
    return Duration::milliseconds(count);
}

// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): gtest deletes it as its base.
class PoolStory : public GatewayStory {
protected:
    // The story's upstream is `llm`, on 10.0.0.1; the other one is always well.
    PoolStory() {
        upstream::UpstreamOptions other = llm();
        other.name = "other";
        other.base_url = "http://10.0.0.2:8000/v1";
        config_.upstreams.push_back(other);
        balance::PoolOptions pool;
        pool.name = "pool";
        pool.targets = {{.llm = "llm"}, {.llm = "other"}};
        pool.strategy = balance::Strategy::round_robin;
        pool.slow_start_ms = 0;
        config_.pools.push_back(pool);
        route().target_llm = "pool";
        config_.server.shards = 4;
        config_.server.rebalance_connections_min = 0;
    }
    ~PoolStory() override {
        clients_.clear();
        other_.reset();
    }

    void start_pool(UpstreamActor::Script script, UpstreamActor::Script other_script) {
        other_ = std::make_unique<UpstreamActor>(world_, *net::Address::parse("10.0.0.2", 8000),
                                                 std::move(other_script));
        start(std::move(script));
    }
    // One client every `pause`, each with a connection of its own.
    void send(uint32_t count, Duration pause, const std::string& request) {
        for (uint32_t i = 0; i < count; ++i) {
            clients_.push_back(
                std::make_unique<Client>(world_, ClientScript{.to = at(),
                                                              .parts = {{request, {}}},
                                                              .ends_with_peer = true,
                                                              .is_satisfied = wants_answers(1)}));
            world_.run_for(pause);
        }
    }
    void wait_for_all() {
        EXPECT_TRUE(world_.run_until(
            [&] {
                for (const auto& client : clients_) {
                    if (!client->is_done()) {
                        return false;
                    }
                }
                return true;
            },
            kLong));
    }
    uint32_t successes() const {
        uint32_t count = 0;
        for (const auto& client : clients_) {
            count += answer_to(*client).message.second_word() == "200" ? 1 : 0;
        }
        return count;
    }
    void expect_nothing_held() {
        for (const balance::Target& target : gateway_->pool(0).targets()) {
            EXPECT_EQ(target.state->requests.load(), 0) << target.name;
            EXPECT_EQ(target.state->decoding.load(), 0) << target.name;
            EXPECT_EQ(target.state->prefill_tokens.load(), 0) << target.name;
            EXPECT_EQ(target.state->kv_tokens.load(), 0) << target.name;
        }
    }

    std::unique_ptr<UpstreamActor> other_;
    std::vector<std::unique_ptr<Client>> clients_;
};

}  // namespace sluice::sim
