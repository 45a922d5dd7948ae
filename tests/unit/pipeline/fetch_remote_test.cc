// Fetching over a simulated network: at every hop, only public addresses are called.
#include "pipeline/fetch_remote.h"

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/local_ptr.h"
#include "base/metrics.h"
#include "base/result.h"
#include "base/time.h"
#include "coro/scope.h"
#include "coro/signal.h"
#include "coro/task.h"
#include "crypto/base64.h"
#include "gtest/gtest.h"
#include "net/address.h"
#include "net/proactor.h"
#include "net/resolver.h"
#include "net/tls_blocks.h"
#include "pipeline/options.h"
#include "pipeline/remote_hosts.h"
#include "providers/canonical.h"
#include "sim/sim.h"
#include "upstream/options.h"
#include "upstream/patience.h"
#include "upstream/upstream.h"

namespace sluice::pipeline {

namespace {

using providers::PartType;

// Gives the answers for a name one after the other, the last one again and again, each for an
// instant only: a name whose owner changes its mind.
class Names final : public net::NameSource {
public:
    void ask(net::ResolverClient& client, std::string_view name) override {
        net::NameAnswer answer{.outcome = net::NameAnswer::Outcome::no_such_name};
        if (auto& addresses = known[std::string(name)]; !addresses.empty()) {
            answer = {.outcome = net::NameAnswer::Outcome::found,
                      .addresses = {net::Address::parse(addresses.front(), 0).value()}};
            if (addresses.size() > 1) {
                addresses.erase(addresses.begin());
            }
        }
        client.on_answer(name, answer);
    }
    void hurry(net::ResolverClient& /*client*/) override {}

    std::map<std::string, std::vector<std::string>> known;
};

class TestPatience final : public upstream::Patience {
public:
    explicit TestPatience(coro::ReadyQueue& ready) : signal_(ready) {}
    coro::Signal& signal() override { return signal_; }
    std::optional<Error> reason_to_stop() override { return std::nullopt; }

private:
    coro::Signal signal_;
};

class FetchRemoteTest : public testing::Test, protected RemoteHosts {
protected:
    void SetUp() override {
        proactor_ = net::Proactor::create({}).value();
        world_.add_shard(*proactor_);
        resolver_ =
            std::make_unique<net::ResolverClient>(*proactor_, &names_, net::ResolverOptions());
        options_.allow_http = true;
    }
    void TearDown() override {
        resolver_->close();
        resolver_.reset();
        EXPECT_TRUE(world_.run_until([&] { return proactor_->objects() == 0; }, kPatience));
        proactor_->turn(Duration());
        proactor_.reset();
    }

    LocalPtr<upstream::Upstream> open(const upstream::UpstreamOptions& options,
                                      upstream::Reach reach) override {
        const upstream::Surroundings surroundings = {.proactor = *proactor_,
                                                     .resolver = *resolver_,
                                                     .tls_blocks = tls_blocks_,
                                                     .sockets = {},
                                                     .limits = {}};
        return LocalPtr(new upstream::Upstream(surroundings, options, {},
                                               {.ok = ok_, .failed = failed_}, reach));
    }

    // Whoever connects to `host` gets `answer`, without being asked what he wants.
    void serve(const char* host, std::string answer) {
        world_.network().actor_listen(net::Address::parse(host, 80).value(),
                                      [this, host, text = std::move(answer)](sim::Socket& socket) {
                                          called_.emplace_back(host);
                                          world_.network().write(socket, text);
                                      });
    }
    void redirect(const char* host, const std::string& location) {
        serve(host,
              "HTTP/1.1 302 Found\r\nLocation: " + location + "\r\nContent-Length: 0\r\n\r\n");
    }
    void serve_image(const char* host) {
        serve(host, "HTTP/1.1 200 OK\r\nContent-Type: image/gif\r\nContent-Length: 4\r\n\r\nGIF8");
    }

    static coro::Task<void> run(RemoteFetch& fetch,
                                PartType type,
                                std::string_view url,
                                std::optional<Result<RemoteFile>>& to) {
        to = co_await fetch.run(type, url, kBytesMax);
    }
    // What came of it: base64, or why not.
    std::string fetch(std::string_view url, PartType type = PartType::image) {
        TestPatience patience(proactor_->ready());
        RemoteFetch remote(*proactor_, *this, options_, patience);
        std::optional<Result<RemoteFile>> file;
        coro::TaskScope scope(proactor_->ready());
        scope.spawn(run(remote, type, url, file));
        world_.wake_shard(*proactor_);
        EXPECT_TRUE(world_.run_until([&] { return file.has_value(); }, kPatience));
        if (!file) {
            return "nothing";
        }
        return *file ? (*file)->base64 : RemoteFetch::reason(file->error());
    }

    static constexpr Duration kPatience = Duration::seconds(60);
    static constexpr uint64_t kBytesMax = 1024;
    static constexpr std::string_view kOutOfReach = "its host is unknown or has no public address";

    sim::World world_{1};
    std::unique_ptr<net::Proactor> proactor_;
    Names names_;
    std::unique_ptr<net::ResolverClient> resolver_;
    net::TlsBlocks tls_blocks_;
    Counter ok_;
    Counter failed_;
    RemoteContentOptions options_;
    std::vector<std::string> called_;
};

TEST_F(FetchRemoteTest, APublicHostIsAsked) {
    names_.known["files.example"] = {"1.2.3.4"};
    serve_image("1.2.3.4");
    EXPECT_EQ(fetch("http://files.example/x"), crypto::base64("GIF8"));
}

TEST_F(FetchRemoteTest, ANameThatMeansAPrivateAddressIsNot) {
    names_.known["inside.example"] = {"10.0.0.1"};
    serve_image("10.0.0.1");
    EXPECT_EQ(fetch("http://inside.example/x"), kOutOfReach);
    EXPECT_EQ(fetch("http://unknown.example/x"), kOutOfReach);
    EXPECT_TRUE(called_.empty());
    options_.allow_private_addresses = true;
    EXPECT_EQ(fetch("http://inside.example/x"), crypto::base64("GIF8"));
}

TEST_F(FetchRemoteTest, ARedirectLeadsToNoPrivateAddress) {
    names_.known["inside.example"] = {"10.0.0.1"};
    serve_image("10.0.0.1");
    serve_image("169.254.169.254");
    serve_image("127.0.0.1");
    const char* const hosts[] = {"1.2.3.4", "1.2.3.5", "1.2.3.6", "1.2.3.7"};
    const char* const locations[] = {"http://inside.example/", "http://169.254.169.254/latest",
                                     "//localhost/", "http://[::ffff:127.0.0.1]/"};
    for (size_t i = 0; i < std::size(hosts); ++i) {
        redirect(hosts[i], locations[i]);
        EXPECT_EQ(fetch(std::string("http://") + hosts[i] + "/"), kOutOfReach) << locations[i];
        EXPECT_EQ(called_, std::vector<std::string>{hosts[i]});
        called_.clear();
    }
}

TEST_F(FetchRemoteTest, ANameThatChangesItsMindGetsNowhere) {
    names_.known["files.example"] = {"1.2.3.4", "127.0.0.1"};
    serve_image("1.2.3.4");
    serve_image("127.0.0.1");
    EXPECT_EQ(fetch("http://files.example/x"), crypto::base64("GIF8"));
    world_.run_for(Duration::seconds(5));
    EXPECT_EQ(fetch("http://files.example/x"), kOutOfReach);
    EXPECT_EQ(called_, std::vector<std::string>{"1.2.3.4"});
}

TEST_F(FetchRemoteTest, WhatIsFoundMustBeOfTheKindThatIsWanted) {
    constexpr std::string_view kRefused =
        "its content type is not one of those that are taken here";
    const std::string rest = "\r\nContent-Length: 1\r\n\r\nx";
    serve("1.2.3.4", "HTTP/1.1 200 OK\r\nContent-Type: Application/PDF ; a=b" + rest);
    serve("1.2.3.5", "HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg" + rest);
    EXPECT_EQ(fetch("http://1.2.3.4/", PartType::file), "eA==");
    EXPECT_EQ(fetch("http://1.2.3.5/", PartType::audio), "eA==");
    EXPECT_EQ(fetch("http://1.2.3.4/", PartType::image), kRefused);
    EXPECT_EQ(fetch("http://1.2.3.4/", PartType::audio), kRefused);
    EXPECT_EQ(fetch("http://1.2.3.5/", PartType::file), kRefused);
}

TEST_F(FetchRemoteTest, AllHopsShareOneTime) {
    options_.timeout_ms = 1'000;
    world_.profile().connect_silent = 1;
    const Instant began = world_.now();
    EXPECT_EQ(fetch("http://1.2.3.4/"), "it took too long");
    EXPECT_LT((world_.now() - began).ms(), 1'500);
}

TEST_F(FetchRemoteTest, WhatIsTheGatewaysOwnTroubleIsNotTheClients) {
    EXPECT_FALSE(RemoteFetch::concerns_client({.kind = ErrorKind::out_of_fds}));
    EXPECT_FALSE(RemoteFetch::concerns_client({.kind = ErrorKind::cancelled}));
    EXPECT_TRUE(RemoteFetch::concerns_client({.kind = ErrorKind::reset}));
}

}  // namespace

}  // namespace sluice::pipeline
