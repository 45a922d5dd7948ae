// Storms of identical requests over several shards of a simulated gateway, with a cache and with
// shared calls: upstreams that break off or refuse, clients that leave or read slowly, a drain in
// the middle. An answer depends on the question alone, so whatever a client gets can be judged.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/prng.h"
#include "base/time.h"
#include "config/config.h"
#include "gtest/gtest.h"
#include "net/address.h"
#include "pipeline/options.h"
#include "pipeline/processors/cache.h"
#include "pipeline/processors/coalesce.h"
#include "sim/actors.h"
#include "sim/gateway_judge.h"
#include "sim/http_text.h"
#include "sim/profile.h"
#include "sim/sim.h"
#include "sim/simulated_gateway.h"
#include "sim/simulated_names.h"
#include "sim/upstream_actor.h"
#include "upstream/options.h"

namespace sluice::sim {

namespace {

constexpr uint64_t kSeeds = 200;
constexpr uint32_t kQuestions = 4;
constexpr uint32_t kClients = 30;
constexpr size_t kEvents = 12;
constexpr uint32_t kSmallBytes = 1024;  // Less than some streams have.
constexpr Duration kLong = Duration::seconds(3600);

constexpr Duration ms(int64_t count) {
    return Duration::milliseconds(count);
}

config::Config config_of(Prng& prng) {
    config::Config config;
    config.server.host = "127.0.0.1";
    config.server.port = 3000;
    config.server.shards = 1 + prng.below(4);
    config.cache.enabled = true;
    config.cache.entry_bytes_max = prng.chance(0.2) ? kSmallBytes : 1 << 20;
    config.cache.joiners_max = prng.chance(0.2) ? 2 : 1000;
    upstream::UpstreamOptions upstream;
    upstream.name = "llm";
    upstream.provider = "openai";
    upstream.base_url = "http://10.0.0.1:8000/v1";
    config.upstreams.push_back(upstream);
    config.processors.push_back(
        {.name = "keep",
         .type = "cache",
         .config = pipeline::CacheStepOptions{.replay = prng.chance(0.3)
                                                            ? pipeline::CacheReplay::original_pace
                                                            : pipeline::CacheReplay::at_once}});
    config.processors.push_back(
        {.name = "share", .type = "coalesce", .config = pipeline::CoalesceOptions{.any = true}});
    pipeline::RouteOptions route;
    route.path_prefix = "/v1";
    route.target_llm = "llm";
    route.processors = {prng.chance(0.5) ? "keep" : "share"};
    if (prng.chance(0.2)) {
        route.processors = {"keep", "share"};
    }
    config.routes.push_back(route);
    return config;
}

std::string event_of(uint32_t question, size_t number) {
    return R"(data: {"choices":[{"index":0,"delta":{"content":")" + std::to_string(question) + "." +
           std::to_string(number) + std::string(size_t{20} * question, '.') + "\"}}]}\n\n";
}

std::string stream_of(uint32_t question) {
    std::string text;
    for (size_t i = 0; i < kEvents; ++i) {
        text += event_of(question, i);
    }
    return text + "data: [DONE]\n\n";
}

std::string whole_of(uint32_t question) {
    return R"({"choices":[{"index":0,"message":{"role":"assistant","content":"whole )" +
           std::to_string(question) + R"("},"finish_reason":"stop"}]})";
}

// Even questions ask for streams.
bool is_stream(uint32_t question) {
    return question % 2 == 0;
}

std::string request_of(uint32_t question) {
    const std::string body = R"({"model":"m","stream":)" +
                             std::string(is_stream(question) ? "true" : "false") +
                             R"(,"messages":[{"role":"user","content":"question )" +
                             std::to_string(question) + R"("}]})";
    return "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: " +
           std::to_string(body.size()) + "\r\n\r\n" + body;
}

class Storm {
public:
    explicit Storm(uint64_t seed)
        : world_(seed),
          prng_(world_.prng()),
          is_faulty_(prng_.chance(0.5)),
          config_(config_of(prng_)) {
        world_.profile() = Profile::drawn(prng_, false);
        upstream_ = std::make_unique<UpstreamActor>(
            world_, *net::Address::parse("10.0.0.1", 8000),
            [this](const UpstreamRequest& request) { return answer(request); });
        gateway_ = std::make_unique<SimulatedGateway>(world_, config_, names_);
    }

    void run() {
        for (uint32_t i = 0; i < kClients; ++i) {
            questions_.push_back(prng_.below(kQuestions));
            clients_.push_back(std::make_unique<Client>(world_, script(questions_.back())));
        }
        const bool drains = prng_.chance(0.3);
        if (drains) {
            world_.after(world_.drawn_up_to(ms(500)), [this] { gateway_->drain(kLong); });
        }
        EXPECT_TRUE(world_.run_until([this] { return are_all_done(); }, kLong));
        for (uint32_t i = 0; i < kClients; ++i) {
            judge(*clients_[i], questions_[i], drains);
        }
        if (!is_faulty_ && !drains && !is_small()) {
            EXPECT_EQ(whole_, kClients);
        }
        if (!drains) {
            gateway_->drain(ms(100));
        }
        EXPECT_TRUE(world_.run_until([this] { return gateway_->has_ended(); }, kLong));
        world_.run_for(Duration::seconds(3));
        EXPECT_EQ(gateway_->metric("sluice_exchanges"), 0);
        shared_ = gateway_->metric("sluice_cache_hits_total") +
                  gateway_->metric("sluice_cache_joins_total");
        asked_ = upstream_->requests().size();
        clients_.clear();
        gateway_.reset();
        upstream_.reset();
        world_.check_end();
        for (const std::string& text : world_.violations()) {
            ADD_FAILURE() << text;
        }
    }

    int64_t shared() const { return shared_; }
    size_t asked() const { return asked_; }

private:
    UpstreamAnswer answer(const UpstreamRequest& request) {
        const std::string& body = request.message.body;
        const size_t at = body.find("question ") + 9;
        const auto question = static_cast<uint32_t>(body.at(at) - '0');
        if (is_faulty_ && prng_.chance(0.1)) {
            return json_answer(R"({"error":{"message":"busy"}})", 429);
        }
        UpstreamAnswer answer;
        if (is_stream(question)) {
            std::vector<std::string> events;
            events.reserve(kEvents);
            for (size_t i = 0; i < kEvents; ++i) {
                events.push_back(event_of(question, i));
            }
            events.emplace_back("data: [DONE]\n\n");
            answer = sse_answer(events, Delimiting::chunked, ms(prng_.below(40)));
        } else {
            answer = json_answer(whole_of(question));
            answer.parts.front().pause = ms(prng_.below(200));
        }
        if (is_faulty_ && prng_.chance(0.2)) {
            answer.cut_at_bytes = prng_.below(1500);
            answer.ending =
                prng_.chance(0.5) ? UpstreamAnswer::Ending::close : UpstreamAnswer::Ending::reset;
        }
        return answer;
    }

    ClientScript script(uint32_t question) {
        ClientScript script = {.to = *net::Address::parse("127.0.0.1", 3000),
                               .parts = {{request_of(question), world_.drawn_up_to(ms(800))}},
                               .ends_with_peer = true};
        script.is_satisfied = [counter =
                                   std::make_shared<AnswerCounter>()](std::string_view received) {
            return counter->count(received) >= 1;
        };
        if (is_faulty_ && prng_.chance(0.3)) {
            script.leaves_after = ms(1 + prng_.below(900));
            script.leaves_with_reset = prng_.chance(0.5);
        }
        return script;
    }

    // Who follows a stream beyond the bound may fall behind and be cut off.
    bool is_small() const { return config_.cache.entry_bytes_max == kSmallBytes; }
    bool are_all_done() const {
        for (const auto& client : clients_) {
            if (!client->is_done()) {
                return false;
            }
        }
        return true;
    }

    // A whole answer to its own question, or a beginning of it and an abnormal end, or an error.
    void judge(const Client& client, uint32_t question, bool drains) {
        const HttpRead read = read_response(client.received(), client.saw_end());
        const std::string expected = is_stream(question) ? stream_of(question) : whole_of(question);
        const bool is_own_end = client.has_left() || drains || is_faulty_ || is_small();
        if (read.state == ReadState::complete) {
            const std::string status = read.message.second_word();
            if (status == "200") {
                ++whole_;
                EXPECT_EQ(read.message.body, expected) << "seed " << world_.seed();
            } else {
                EXPECT_TRUE(is_faulty_ || drains) << client.received();
                EXPECT_NE(read.message.body.find("error"), std::string::npos) << client.received();
            }
            return;
        }
        EXPECT_NE(read.state, ReadState::broken) << read.why;
        EXPECT_TRUE(is_own_end) << "seed " << world_.seed() << ": " << client.received();
        if (read.head_is_complete && read.message.second_word() != "200") {
            return;  // The client left in the middle of an error.
        }
        const std::string& body = read.message.body;
        const size_t error = body.find("data: {\"error\"");
        const std::string_view before = std::string_view(body).substr(0, error);
        EXPECT_TRUE(expected.starts_with(before)) << "seed " << world_.seed() << ": " << body;
        // All of it and then an error: the upstream broke off behind its last event.
        EXPECT_TRUE(before.size() < expected.size() || error != body.npos || client.has_left())
            << body;
    }

    World world_;
    Prng& prng_;
    const bool is_faulty_;
    const config::Config config_;
    NameTable names_;
    std::unique_ptr<UpstreamActor> upstream_;
    std::unique_ptr<SimulatedGateway> gateway_;
    std::vector<uint32_t> questions_;
    std::vector<std::unique_ptr<Client>> clients_;
    uint32_t whole_ = 0;
    int64_t shared_ = 0;
    size_t asked_ = 0;
};

TEST(GatewayCacheStorm, EverybodyGetsTheAnswerToTheirQuestion) {
    int64_t shared = 0;
    size_t asked = 0;
    for (uint64_t seed = 1; seed <= kSeeds && !testing::Test::HasFailure(); ++seed) {
        Storm storm(seed);
        storm.run();
        shared += storm.shared();
        asked += storm.asked();
    }
    // Or nothing of it was tried.
    EXPECT_GT(shared, 10 * static_cast<int64_t>(kSeeds));
    EXPECT_LT(asked, 15 * kSeeds);
}

}  // namespace

}  // namespace sluice::sim
