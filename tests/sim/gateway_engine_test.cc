// A burst while what engines say of their own load is frozen, slow, or not there: requests spread
// as by the gateway's own record, no engine is asked two questions at once, and nobody waits for
// an answer to one.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "balance/options.h"
#include "balance/pool.h"
#include "balance/target.h"
#include "base/text.h"
#include "base/time.h"
#include "gtest/gtest.h"
#include "net/address.h"
#include "sim/pool_story.h"
#include "sim/upstream_actor.h"
#include "upstream/options.h"

namespace sluice::sim {

namespace {

constexpr size_t kEngines = 8;
const std::string kEvent = "data: {\"choices\":[]}\n\n";
const std::string kDone = "data: [DONE]\n\n";

enum class Telling : uint8_t { nothing, well, frozen, slowly, not_at_all };

// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): gtest deletes it as its base.
class EngineStory : public PoolStory {
protected:
    EngineStory() {
        const upstream::UpstreamOptions first = llm();
        config_.upstreams.clear();
        balance::PoolOptions& pool = config_.pools.front();
        pool.targets.clear();
        pool.strategy = balance::Strategy::least_connections;
        for (size_t i = 0; i < kEngines; ++i) {
            upstream::UpstreamOptions engine = first;
            engine.name = "engine-" + std::to_string(i);
            engine.base_url = "http://10.0.1." + std::to_string(i + 1) + ":8000/v1";
            config_.upstreams.push_back(engine);
            pool.targets.push_back({.llm = engine.name});
        }
    }
    ~EngineStory() override {
        clients_.clear();
        for (auto& engine : engines_) {
            engine.reset();
        }
    }

    // A light load, a burst ten times as large, and all of its answers.
    void run(Telling telling) {
        config_.pools.front().engine_metrics.enabled = telling != Telling::nothing;
        for (size_t i = 0; i < kEngines; ++i) {
            engines_[i] = std::make_unique<UpstreamActor>(
                world_, *net::Address::parse("10.0.1." + std::to_string(i + 1), 8000),
                [this, i](const UpstreamRequest& request) { return answer(i, request); });
        }
        start([](const UpstreamRequest&) { return UpstreamAnswer(); });
        telling_ = Telling::well;
        send_watched(80, ms(100));
        telling_ = telling;
        frozen_ = running_;
        send_watched(160, ms(6));
        for (int i = 0; i < 120; ++i) {
            look_at_spread();
            world_.run_for(ms(50));
        }
        wait_for_all();
        EXPECT_EQ(successes(), 240U);
        world_.run_for(Duration::seconds(4));
        expect_nothing_held();
        // About even at every moment: two of the burst's twenty, and what was frozen.
        EXPECT_LE(worst_spread_, 4);
        EXPECT_LE(worst_way_, ms(5));
        EXPECT_EQ(asked_twice_, 0U);
    }
    uint32_t questions() const { return questions_; }

private:
    UpstreamAnswer answer(size_t engine, const UpstreamRequest& request) {
        if (!request.message.first_line.starts_with("GET /metrics ")) {
            const std::string& body = request.message.body;
            const size_t model = body.find(R"("model":")") + 9;
            const Instant sent = sent_.at(parse_decimal(body.substr(model, 3)).value_or(0));
            worst_way_ = std::max(worst_way_, request.arrived_at - sent);
            ++running_[engine];
            // When its last byte leaves.
            world_.after(ms(2'000), [this, engine] { --running_[engine]; });
            return streamed({{kEvent, ms(20)}, {kEvent, ms(990)}, {kDone, ms(990)}});
        }
        ++questions_;
        asked_twice_ += has_another_question(engine, request) ? 1 : 0;
        if (telling_ == Telling::not_at_all) {
            return json_answer("{}", 404);
        }
        const uint32_t running = telling_ == Telling::frozen ? frozen_[engine] : running_[engine];
        UpstreamAnswer told = json_answer("vllm:num_requests_running " + std::to_string(running) +
                                          "\nvllm:num_requests_waiting 0\n");
        if (telling_ == Telling::slowly) {
            told.parts.front().pause = Duration::seconds(3);
        }
        return told;
    }
    // One that was neither answered nor given up.
    bool has_another_question(size_t engine, const UpstreamRequest& request) const {
        const UpstreamActor& actor = *engines_[engine];
        return std::ranges::any_of(actor.requests(), [&](const auto& other) {
            return other.get() != &request && other->message.first_line.starts_with("GET ") &&
                   !other->answered_at.is_set() && !actor.left_at(other->connection).is_set();
        });
    }
    void send_watched(uint32_t count, Duration pause) {
        for (uint32_t i = 0; i < count; ++i) {
            const size_t number = sent_.size();
            sent_.push_back(world_.now());
            send(1, pause,
                 post(kChat, R"({"model":")" + std::to_string(number) + R"(","stream":true})"));
            look_at_spread();
        }
    }
    void look_at_spread() {
        int32_t least = INT32_MAX;
        int32_t most = 0;
        for (const balance::Target& target : gateway_->pool(0).targets()) {
            const int32_t requests = target.state->requests.load();
            least = std::min(least, requests);
            most = std::max(most, requests);
        }
        worst_spread_ = std::max(worst_spread_, most - least);
    }

    std::array<std::unique_ptr<UpstreamActor>, kEngines> engines_;
    std::array<uint32_t, kEngines> running_ = {};
    std::array<uint32_t, kEngines> frozen_ = {};
    std::vector<Instant> sent_ = std::vector<Instant>(100);  // By the model, of three digits.
    Telling telling_ = Telling::nothing;
    int32_t worst_spread_ = 0;
    Duration worst_way_;
    uint32_t questions_ = 0;
    uint32_t asked_twice_ = 0;
};

TEST_F(EngineStory, ABurstWithoutAWordOfEngines) {
    run(Telling::nothing);
    EXPECT_EQ(questions(), 0U);
}

TEST_F(EngineStory, ABurstWhileTheyTellWell) {
    run(Telling::well);
    EXPECT_GT(questions(), 100U);
}

TEST_F(EngineStory, ABurstWhileWhatTheySayIsFrozen) {
    run(Telling::frozen);
    EXPECT_GT(questions(), 100U);
}

TEST_F(EngineStory, ABurstWhileTheyTakeThreeSecondsToSay) {
    run(Telling::slowly);
    EXPECT_GT(questions(), 64U);
}

TEST_F(EngineStory, ABurstWhileTheyDoNotKnowTheQuestion) {
    run(Telling::not_at_all);
    EXPECT_GT(questions(), 64U);
}

}  // namespace
}  // namespace sluice::sim
