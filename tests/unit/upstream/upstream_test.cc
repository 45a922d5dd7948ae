// Leasing: the address, the connection, the wait for one, and every way in which that ends.
#include "upstream/upstream.h"

#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/arena.h"
#include "base/error.h"
#include "base/local_ptr.h"
#include "base/metrics.h"
#include "base/result.h"
#include "base/slice.h"
#include "base/time.h"
#include "coro/scope.h"
#include "coro/signal.h"
#include "coro/task.h"
#include "gtest/gtest.h"
#include "http/client_connection.h"
#include "http/header_map.h"
#include "http/types.h"
#include "net/address.h"
#include "net/resolver.h"
#include "net/tls_blocks.h"
#include "shard_fixture.h"
#include "sim/sim.h"
#include "upstream/options.h"
#include "upstream/patience.h"

namespace sluice::upstream {

namespace {

// Answers at once with what it was given; a name that it was not given is one it never answers.
class Names final : public net::NameSource {
public:
    void ask(net::ResolverClient& client, std::string_view name) override {
        asked = std::string(name);
        if (answer) {
            client.on_answer(name, *answer);
            asked.clear();
        }
    }
    void hurry(net::ResolverClient& client) override {
        if (!asked.empty()) {
            client.on_answer(asked, {});
        }
    }
    std::optional<net::NameAnswer> answer;
    std::string asked;
};

class TestPatience final : public Patience {
public:
    explicit TestPatience(coro::ReadyQueue& ready) : signal_(ready) {}
    coro::Signal& signal() override { return signal_; }
    std::optional<Error> reason_to_stop() override { return reason_; }
    void stop(ErrorKind kind) {
        reason_ = Error{.kind = kind, .source = ErrorSource::client};
        signal_.raise();
    }

private:
    coro::Signal signal_;
    std::optional<Error> reason_;
};

// One exchange that wants a connection.
struct Asker {
    explicit Asker(coro::ReadyQueue& ready) : patience(ready), scope(ready) {}
    TestPatience patience;
    bool is_done = false;
    Lease lease;
    Error error{.kind = ErrorKind::none};
    coro::TaskScope scope;
};

class UpstreamTest : public ShardTest {
protected:
    void SetUp() override {
        ShardTest::SetUp();
        resolver_ =
            std::make_unique<net::ResolverClient>(*proactor_, &names_, net::ResolverOptions());
        make({});
    }
    void TearDown() override {
        askers_.clear();
        EXPECT_EQ(upstream_->pool().connections(), upstream_->pool().idle());
        upstream_->pool().retire();
        EXPECT_EQ(upstream_->pool().connections(), 0U);
        upstream_ = {};
        resolver_->close();
        resolver_.reset();
        ShardTest::TearDown();
    }

    void make(UpstreamOptions options, Reach reach = Reach::any) {
        options.name = "u";
        options.base_url = "http://llm.example:80";
        upstream_ = LocalPtr(new Upstream({.proactor = *proactor_,
                                           .resolver = *resolver_,
                                           .tls_blocks = tls_blocks_,
                                           .sockets = {},
                                           .limits = {}},
                                          options, {}, {.ok = ok_, .failed = failed_}, reach));
    }
    void resolve_to(std::initializer_list<const char*> hosts) {
        net::NameAnswer answer{.outcome = net::NameAnswer::Outcome::found, .ttl_s = 60};
        for (const char* host : hosts) {
            answer.addresses.push_back(net::Address::parse(host, 0).value_or(net::Address()));
        }
        names_.answer = answer;
    }
    sim::Socket& listen_on(const char* host) {
        return listen(net::Address::parse(host, 80).value_or(net::Address()));
    }

    static coro::Task<void> ask_for(Upstream& upstream, Asker& asker, bool fresh) {
        Result<Lease> got = co_await upstream.lease(asker.patience, fresh);
        if (got) {
            asker.lease = std::move(*got);
        } else {
            asker.error = got.error();
        }
        asker.is_done = true;
    }
    Asker& ask(bool fresh = false) {
        askers_.push_back(std::make_unique<Asker>(proactor_->ready()));
        Asker& asker = *askers_.back();
        asker.scope.spawn(ask_for(*upstream_, asker, fresh));
        world_.wake_shard(*proactor_);
        return asker;
    }
    bool ends(Asker& asker) {
        return run_until([&] { return asker.is_done; });
    }
    // One exchange over `lease`, after which the connection may serve again.
    void exchange(Lease& lease) {
        http::ClientConnection& connection = *lease;
        connection.begin_request(http::Method::get, Slice::unowned("GET / HTTP/1.1\r\n\r\n"));
        world_.network().write(*far_.back(), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        ASSERT_TRUE(run_until([&] { return !connection.stream().received().empty(); }));
        Arena arena;
        std::vector<http::HeaderField> scratch(8);
        ASSERT_TRUE(connection.read_head(arena, scratch).value());
        lease.give_back(true);
    }

    Names names_;
    std::unique_ptr<net::ResolverClient> resolver_;
    net::TlsBlocks tls_blocks_;
    Counter ok_;
    Counter failed_;
    LocalPtr<Upstream> upstream_;
    std::vector<std::unique_ptr<Asker>> askers_;
};

TEST_F(UpstreamTest, KnowsItsHostAndModels) {
    make({.models = {{.alias = "a", .model = "b"}}});
    EXPECT_EQ(upstream_->host_field(), "llm.example");
    EXPECT_EQ(upstream_->model_for("a"), "b");
    EXPECT_EQ(upstream_->model_for("b"), "b");
}

TEST_F(UpstreamTest, ConnectsToTheAddressOfItsName) {
    resolve_to({"10.0.0.1"});
    listen_on("10.0.0.1");
    Asker& asker = ask();
    ASSERT_TRUE(ends(asker));
    ASSERT_TRUE(asker.lease);
    EXPECT_EQ(far_.size(), 1U);
    EXPECT_EQ(upstream_->pool().connections(), 1U);
    EXPECT_EQ(ok_.value(), 1U);
    EXPECT_EQ(failed_.value(), 0U);
}

TEST_F(UpstreamTest, AConnectionThatIsGivenBackServesAgain) {
    resolve_to({"10.0.0.1"});
    listen_on("10.0.0.1");
    Asker& first = ask();
    ASSERT_TRUE(ends(first));
    exchange(first.lease);
    EXPECT_EQ(upstream_->pool().idle(), 1U);
    Asker& second = ask();
    ASSERT_TRUE(ends(second));
    EXPECT_EQ(far_.size(), 1U);
    second.lease.give_back(true);
    EXPECT_EQ(upstream_->pool().connections(), 1U) << "its last exchange was whole";
    EXPECT_EQ(ok_.value(), 1U);
}

TEST_F(UpstreamTest, AHalfExchangeLeavesNothingToServeAgain) {
    resolve_to({"10.0.0.1"});
    listen_on("10.0.0.1");
    Asker& first = ask();
    ASSERT_TRUE(ends(first));
    first.lease->begin_request(http::Method::get, Slice::unowned("GET / HTTP/1.1\r\n\r\n"));
    first.lease.give_back(true);
    EXPECT_EQ(upstream_->pool().connections(), 0U);
    EXPECT_TRUE(run_until([&] { return far_[0]->fin_received || far_[0]->is_over(); }));
}

TEST_F(UpstreamTest, AFreshOneIsNoIdleOne) {
    resolve_to({"10.0.0.1"});
    listen_on("10.0.0.1");
    Asker& first = ask();
    ASSERT_TRUE(ends(first));
    exchange(first.lease);
    Asker& second = ask(true);
    ASSERT_TRUE(ends(second));
    EXPECT_EQ(far_.size(), 2U);
    EXPECT_EQ(upstream_->pool().idle(), 1U);
}

TEST_F(UpstreamTest, ARefusedAddressMakesWayForTheNext) {
    resolve_to({"10.0.0.1", "10.0.0.2", "10.0.0.3"});
    listen_on("10.0.0.3");
    Asker& asker = ask();
    ASSERT_TRUE(ends(asker));
    EXPECT_TRUE(asker.lease);
    EXPECT_EQ(ok_.value(), 1U);
    EXPECT_EQ(failed_.value(), 2U);
}

TEST_F(UpstreamTest, AddressesOutOfReachAreNotTried) {
    make({}, Reach::public_only);
    resolve_to({"10.0.0.1", "::1", "1.2.3.4"});
    listen_on("10.0.0.1");
    listen_on("1.2.3.4");
    Asker& asker = ask();
    ASSERT_TRUE(ends(asker));
    ASSERT_TRUE(asker.lease);
    EXPECT_EQ(far_.size(), 1U);
    EXPECT_EQ(ok_.value(), 1U);
    EXPECT_EQ(failed_.value(), 0U);
    asker.lease.drop();
}

TEST_F(UpstreamTest, WithoutAPublicAddressNobodyIsCalled) {
    make({}, Reach::public_only);
    resolve_to({"127.0.0.1", "::ffff:10.0.0.1"});
    listen_on("127.0.0.1");
    Asker& asker = ask();
    ASSERT_TRUE(ends(asker));
    EXPECT_EQ(asker.error.kind, ErrorKind::dns_failed);
    EXPECT_EQ(asker.error.where, std::string_view("the upstream's name has no public address"));
    EXPECT_TRUE(far_.empty());
}

TEST_F(UpstreamTest, WhenAllRefuseSoDoWe) {
    resolve_to({"10.0.0.1", "10.0.0.2"});
    Asker& asker = ask();
    ASSERT_TRUE(ends(asker));
    EXPECT_EQ(asker.error.kind, ErrorKind::connect_refused);
    EXPECT_EQ(asker.error.retry, Retry::safe);
    EXPECT_EQ(upstream_->pool().connections(), 0U);
    EXPECT_EQ(failed_.value(), 2U);
}

TEST_F(UpstreamTest, EachAddressGetsItsConnectTimeout) {
    make({.timeouts = {.connect_ms = 1'000}});
    resolve_to({"10.0.0.1", "10.0.0.2"});
    world_.profile().connect_silent = 1;
    Asker& asker = ask();
    const Instant began = world_.now();
    run_for(Duration::milliseconds(1'900));
    EXPECT_FALSE(asker.is_done);
    ASSERT_TRUE(ends(asker));
    EXPECT_EQ(asker.error.kind, ErrorKind::connect_timeout);
    EXPECT_LT((world_.now() - began).ns(), Duration::milliseconds(2'100).ns());
    EXPECT_EQ(upstream_->pool().connections(), 0U);
    EXPECT_EQ(failed_.value(), 2U);
}

TEST_F(UpstreamTest, ASilentAddressMakesWayForTheNext) {
    make({.timeouts = {.connect_ms = 1'000}});
    resolve_to({"10.0.0.1", "10.0.0.2"});
    listen_on("10.0.0.2");
    world_.profile().connect_silent = 1;
    Asker& asker = ask();
    run_for(Duration::milliseconds(500));
    world_.profile().connect_silent = 0;
    ASSERT_TRUE(ends(asker));
    EXPECT_TRUE(asker.lease);
    EXPECT_EQ(failed_.value(), 1U);
}

TEST_F(UpstreamTest, ANameThatDoesNotExistFails) {
    names_.answer = net::NameAnswer{.outcome = net::NameAnswer::Outcome::no_such_name};
    Asker& asker = ask();
    ASSERT_TRUE(ends(asker));
    EXPECT_EQ(asker.error.kind, ErrorKind::dns_failed);
    EXPECT_EQ(upstream_->pool().connections(), 0U);
    EXPECT_EQ(failed_.value(), 0U) << "no attempt to connect was begun";
}

TEST_F(UpstreamTest, WhoLeavesStopsWaitingForTheName) {
    Asker& asker = ask();
    run_for(Duration::milliseconds(10));
    EXPECT_FALSE(asker.is_done);
    asker.patience.stop(ErrorKind::cancelled);
    world_.wake_shard(*proactor_);
    run_for(Duration::milliseconds(1));
    EXPECT_EQ(asker.error.kind, ErrorKind::cancelled);
    EXPECT_EQ(upstream_->pool().connections(), 0U);
}

TEST_F(UpstreamTest, WhoLeavesWhileConnectingTriesNoOtherAddressAndCountsAsNoFailure) {
    resolve_to({"10.0.0.1", "10.0.0.2"});
    listen_on("10.0.0.2");
    world_.profile().connect_silent = 1;
    Asker& asker = ask();
    run_for(Duration::milliseconds(10));
    world_.profile().connect_silent = 0;
    asker.patience.stop(ErrorKind::cancelled);
    world_.wake_shard(*proactor_);
    run_for(Duration::milliseconds(10));
    EXPECT_EQ(asker.error.kind, ErrorKind::cancelled);
    EXPECT_TRUE(far_.empty());
    EXPECT_EQ(upstream_->pool().connections(), 0U);
    EXPECT_EQ(failed_.value(), 0U);
}

TEST_F(UpstreamTest, AtTheLimitExchangesWaitForEachOther) {
    make({.pool = {.connections_max = 1}});
    resolve_to({"10.0.0.1"});
    listen_on("10.0.0.1");
    Asker& first = ask();
    ASSERT_TRUE(ends(first));
    Asker& second = ask();
    Asker& third = ask();
    run_for(Duration::milliseconds(100));
    EXPECT_FALSE(second.is_done);
    EXPECT_EQ(upstream_->pool().waiting(), 2U);
    exchange(first.lease);
    world_.wake_shard(*proactor_);
    ASSERT_TRUE(ends(second));
    EXPECT_EQ(far_.size(), 1U) << "the connection passed on";
    EXPECT_FALSE(third.is_done);
    second.lease.drop();
    world_.wake_shard(*proactor_);
    ASSERT_TRUE(ends(third));
    ASSERT_TRUE(third.lease);
    EXPECT_EQ(far_.size(), 2U);
}

TEST_F(UpstreamTest, TheWaitForAConnectionHasAnEnd) {
    make({.pool = {.connections_max = 1, .waiters_max = 2, .wait_timeout_ms = 500}});
    resolve_to({"10.0.0.1"});
    listen_on("10.0.0.1");
    Asker& first = ask();
    ASSERT_TRUE(ends(first));
    Asker& second = ask();
    Asker& third = ask();
    Asker& refused = ask();
    EXPECT_EQ(refused.error.kind, ErrorKind::overloaded) << "the queue is full";
    third.patience.stop(ErrorKind::cancelled);
    world_.wake_shard(*proactor_);
    run_for(Duration::milliseconds(10));
    EXPECT_EQ(third.error.kind, ErrorKind::cancelled);
    EXPECT_EQ(upstream_->pool().waiting(), 1U);
    run_for(Duration::milliseconds(550));
    EXPECT_EQ(second.error.kind, ErrorKind::overloaded);
    EXPECT_EQ(upstream_->pool().waiting(), 0U);
    EXPECT_EQ(upstream_->pool().connections(), 1U);
}

TEST_F(UpstreamTest, ALeaseThatIsMovedOrDroppedIsCountedOnce) {
    resolve_to({"10.0.0.1"});
    listen_on("10.0.0.1");
    Asker& asker = ask();
    ASSERT_TRUE(ends(asker));
    Lease lease = std::move(asker.lease);
    EXPECT_FALSE(asker.lease);
    asker.lease.drop();
    EXPECT_EQ(upstream_->pool().connections(), 1U);
    Lease other;
    other = std::move(lease);
    EXPECT_TRUE(other);
    other.drop();
    other.drop();
    EXPECT_EQ(upstream_->pool().connections(), 0U);
}

}  // namespace

}  // namespace sluice::upstream
