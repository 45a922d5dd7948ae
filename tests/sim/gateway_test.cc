// Single stories of a simulated gateway, each once a fault that the seeds had found.
#include <cerrno>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "config/config.h"
#include "gtest/gtest.h"
#include "net/address.h"
#include "pipeline/options.h"
#include "sim/actors.h"
#include "sim/http_text.h"
#include "sim/sim.h"
#include "sim/simulated_gateway.h"
#include "sim/simulated_names.h"
#include "sim/upstream_actor.h"
#include "upstream/options.h"

namespace sluice::sim {

namespace {

// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): gtest deletes it as its base.
class GatewayStory : public testing::Test {
protected:
    GatewayStory() {
        config_.server.host = "127.0.0.1";
        config_.server.port = 3000;
        config_.server.shards = 1;
        upstream::UpstreamOptions upstream;
        upstream.name = "llm";
        upstream.base_url = "http://10.0.0.1:8000/v1";
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
    void start(UpstreamActor::Script script) {
        upstream_ = std::make_unique<UpstreamActor>(world_, *net::Address::parse("10.0.0.1", 8000),
                                                    std::move(script));
        gateway_ = std::make_unique<SimulatedGateway>(world_, config_, names_);
    }
    static std::string post(std::string_view path) {
        const std::string body = R"({"model":"m","stream":true})";
        return "POST " + std::string(path) +
               " HTTP/1.1\r\nhost: a\r\ncontent-length: " + std::to_string(body.size()) +
               "\r\n\r\n" + body;
    }
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

// The options that an exchange goes by were those of a snapshot that nobody held yet.
TEST_F(GatewayStory, AReloadWhileAHeadArrivesLeavesTheExchangeItsOptions) {
    start([](const UpstreamRequest&) { return json_answer(R"({"ok":true})"); });
    const std::string text = post("/v1/chat/completions");
    Client client(world_,
                  {.to = at(),
                   .parts = {{text.substr(0, 10), {}}, {text.substr(10), Duration::seconds(2)}},
                   .half_closes = true});
    world_.run_for(Duration::seconds(1));
    gateway_->reload(config_);
    ASSERT_TRUE(run_until_done(client));
    EXPECT_NE(client.received().find(R"({"ok":true})"), std::string::npos) << client.received();
}

// With the upstream's length in the head, the error event came after the end of the message: the
// stream looked whole, and the event was read as the beginning of the next answer.
TEST_F(GatewayStory, AnEventStreamOfKnownLengthWithoutItsEndLooksCut) {
    for (const std::vector<std::string>& events :
         {std::vector<std::string>{"data: {\"n\":0}\n\n"}, std::vector<std::string>{}}) {
        if (gateway_ == nullptr) {
            start(nullptr);
        }
        upstream_.reset();
        upstream_ = std::make_unique<UpstreamActor>(
            world_, *net::Address::parse("10.0.0.1", 8000), [&](const UpstreamRequest&) {
                return sse_answer(events, Delimiting::content_length, Duration());
            });
        Client client(world_, {.to = at(), .parts = {{post("/v1/chat/completions"), {}}}});
        ASSERT_TRUE(run_until_done(client));
        const HttpRead read = read_response(client.received(), client.saw_end());
        EXPECT_EQ(read.state, ReadState::incomplete) << client.received();
        EXPECT_NE(read.message.body.find("stream_truncated"), std::string::npos);
    }
}

// The close reset the connection, because requests behind this one were unread, and the reset took
// the error event with it.
TEST_F(GatewayStory, AnErrorEventReachesAClientThatHasSentMoreRequests) {
    world_.profile().receive_queue_bytes = 64;
    config_.server.sockets.queue_low_bytes = 512;
    config_.server.sockets.queue_high_bytes = 1024;
    start([](const UpstreamRequest&) {
        UpstreamAnswer answer = sse_answer({"data: {\"n\":0}\n\n", "data: {\"n\":1}\n\n"},
                                           Delimiting::chunked, Duration::milliseconds(10));
        answer.parts.pop_back();
        answer.ending = UpstreamAnswer::Ending::close;
        return answer;
    });
    std::string text;
    for (int i = 0; i < 20; ++i) {
        text += post("/v1/chat/completions");
    }
    Client client(world_, {.to = at(), .parts = {{text, {}}}, .ends_with_peer = true});
    ASSERT_TRUE(run_until_done(client));
    const HttpRead read = read_response(client.received(), client.saw_end());
    EXPECT_EQ(read.state, ReadState::incomplete) << client.received();
    EXPECT_NE(read.message.body.find("stream_truncated"), std::string::npos) << client.received();
}

// A body that only the end of the connection ends was cut by an orderly one.
TEST_F(GatewayStory, ACutAtTheDrainsDeadlineDoesNotLookWholeInHttp10) {
    start([](const UpstreamRequest&) {
        UpstreamAnswer answer = json_answer(R"({"ok":true,"more":"and more"})");
        answer.cut_at_bytes = answer.parts.front().bytes.size() - 8;
        answer.ending = UpstreamAnswer::Ending::stall;
        answer.parts.front().bytes.replace(answer.parts.front().bytes.find("content-length: 29"),
                                           18, "connection: close");
        return answer;
    });
    Client client(world_,
                  {.to = at(), .parts = {{"GET /v1/models HTTP/1.0\r\nhost: a\r\n\r\n", {}}}});
    world_.run_for(Duration::seconds(1));
    EXPECT_NE(client.received().find("more"), std::string::npos) << client.received();
    gateway_->drain(Duration::milliseconds(100));
    ASSERT_TRUE(run_until_done(client));
    EXPECT_FALSE(client.saw_end());
    EXPECT_EQ(client.error(), ECONNRESET);
}

}  // namespace

}  // namespace sluice::sim
