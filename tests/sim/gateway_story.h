// GatewayStory: one simulated gateway, one upstream and what clients get, for single stories.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"
#include "base/time.h"
#include "config/config.h"
#include "gtest/gtest.h"
#include "net/address.h"
#include "pipeline/options.h"
#include "sim/actors.h"
#include "sim/gateway_judge.h"
#include "sim/http_text.h"
#include "sim/sim.h"
#include "sim/simulated_gateway.h"
#include "sim/simulated_names.h"
#include "sim/upstream_actor.h"
#include "upstream/options.h"

namespace sluice::sim {

// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): gtest deletes it as its base.
class GatewayStory : public testing::Test {
protected:
    GatewayStory() {
        config_.server.host = "127.0.0.1";
        config_.server.port = 3000;
        config_.server.shards = 1;
        upstream::UpstreamOptions upstream;
        upstream.name = "llm";
        upstream.provider = "openai";  // Whose replies are relayed.
        upstream.base_url = "http://10.0.0.1:8000/v1";
        upstream.retry.retries_max = 0;  // A story is about one attempt, unless it says otherwise.
        config_.upstreams.push_back(upstream);
        pipeline::RouteOptions route;
        route.path_prefix = "/v1";
        route.target_llm = "llm";
        config_.routes.push_back(route);
    }

public:
    ~GatewayStory() override {
        if (gateway_ != nullptr) {
            gateway_->drain(Duration::milliseconds(100));
            EXPECT_TRUE(world_.run_until([&] { return gateway_->has_ended(); }, kLong));
            world_.run_for(Duration::seconds(3));
            gateway_.reset();
        }
        upstream_.reset();
        world_.check_end();
        for (const std::string& text : world_.violations()) {
            ADD_FAILURE() << text;
        }
    }

protected:
    // Once the gateway is there, only the upstream is replaced.
    void start(UpstreamActor::Script script) {
        upstream_.reset();
        upstream_ = std::make_unique<UpstreamActor>(world_, *net::Address::parse("10.0.0.1", 8000),
                                                    std::move(script));
        if (gateway_ == nullptr) {
            gateway_ = std::make_unique<SimulatedGateway>(world_, config_, names_);
        }
    }
    static std::string post(std::string_view path,
                            std::string_view body = R"({"model":"m","stream":true})",
                            std::string_view fields = {}) {
        return "POST " + std::string(path) + " HTTP/1.1\r\nhost: a\r\n" + std::string(fields) +
               "content-length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
    }
    static std::string get(std::string_view path) {
        return "GET " + std::string(path) + " HTTP/1.1\r\nhost: a\r\n\r\n";
    }
    static std::string chunk(std::string_view bytes) {
        std::string text(16, '\0');
        text.resize(write_hex(bytes.size(), text.data()));
        text += "\r\n";
        text += bytes;
        return text + "\r\n";
    }
    // An event stream of these pieces, each a chunk, which `ending` cuts unless it is to be kept.
    static UpstreamAnswer streamed(const std::vector<TimedBytes>& pieces,
                                   UpstreamAnswer::Ending ending = UpstreamAnswer::Ending::keep) {
        UpstreamAnswer answer = sse_answer({}, Delimiting::chunked, {});
        answer.parts.pop_back();
        for (const TimedBytes& piece : pieces) {
            answer.parts.push_back({chunk(piece.bytes), piece.pause});
        }
        if (ending == UpstreamAnswer::Ending::keep) {
            answer.parts.push_back({"0\r\n\r\n", {}});
        }
        answer.ending = ending;
        return answer;
    }
    // The first answer that is none of the interim ones.
    static HttpRead answer_to(const Client& client) {
        std::string_view rest = client.received();
        HttpRead read = read_response(rest, client.saw_end());
        while (read.state == ReadState::complete && read.message.second_word().starts_with('1')) {
            rest.remove_prefix(read.used_bytes);
            read = read_response(rest, client.saw_end());
        }
        return read;
    }
    static std::function<bool(std::string_view)> wants_answers(uint32_t count) {
        return [count, counted = std::make_shared<AnswerCounter>()](std::string_view received) {
            return counted->count(received) >= count;
        };
    }
    pipeline::RouteOptions& route() { return config_.routes.front(); }
    upstream::UpstreamOptions& llm() { return config_.upstreams.front(); }
    net::Address at() const { return *net::Address::parse("127.0.0.1", 3000); }
    bool run_until_done(const Client& client) {
        return world_.run_until([&] { return client.is_done(); }, kLong);
    }

    static constexpr Duration kLong = Duration::seconds(3600);
    World world_{1};
    config::Config config_;
    NameTable names_;
    std::unique_ptr<UpstreamActor> upstream_;
    std::unique_ptr<SimulatedGateway> gateway_;
};

}  // namespace sluice::sim
