// The real resolver over the kernel's ring: c-ares on a control shard, a name server on loopback,
// one or two shards that ask. Time limits here are generous; the rules of time are tested on the
// virtual clock in resolver_test.cc.
#include "net/dns_resolver.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <future>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "coro/signal.h"
#include "gtest/gtest.h"
#include "net/resolver.h"
#include "net/shard.h"
#include "net/srv_reply.h"
#include "support/dns_server.h"

namespace sluice::net {
namespace {

using test::DnsRecord;
using test::DnsServer;

constexpr Duration kTurn = Duration::milliseconds(20);
constexpr Duration kPatience = Duration::seconds(20);
constexpr uint16_t kTypeA = 1;

// The control shard with its thread, as the server runs it.
class Control {
public:
    explicit Control(const ResolverOptions& options) {
        std::promise<void> ready;
        thread_ = std::thread([this, &options, &ready] { run(options, ready); });
        ready.get_future().wait();
    }
    ~Control() {
        is_over_ = true;
        thread_.join();
    }
    DnsResolver& resolver() { return *resolver_; }
    uint64_t longest_turn_ns() const { return longest_turn_ns_; }

private:
    void run(const ResolverOptions& options, std::promise<void>& ready) {
        const auto shard = Shard::create(0, {}, 1).value();
        resolver_ = DnsResolver::create(*shard, options).value();
        ready.set_value();
        while (!is_over_) {
            shard->proactor().turn(kTurn);
            longest_turn_ns_ = shard->proactor().counters().longest_turn_ns;
        }
        resolver_->shut_down();
        while (shard->proactor().objects() > 0) {
            shard->proactor().turn(kTurn);
        }
        resolver_.reset();
    }

    std::unique_ptr<DnsResolver> resolver_;
    std::atomic<bool> is_over_ = false;
    std::atomic<uint64_t> longest_turn_ns_ = 0;
    std::thread thread_;
};

// A shard that asks. Everything about it happens on the thread that makes it.
class Asker {
public:
    Asker(DnsResolver& resolver, const ResolverOptions& options)
        : shard_(Shard::create(1, {}, 1).value()),
          source_(*shard_, resolver),
          client_(shard_->proactor(), &source_, options),
          signal_(shard_->proactor().ready()) {}
    ~Asker() {
        client_.close();
        while (client_.outstanding() > 0) {
            shard_->proactor().turn(kTurn);
        }
    }

    std::unique_ptr<Resolution> start(std::string_view host) {
        return std::make_unique<Resolution>(client_, host, 443, signal_);
    }
    // Turns until it is done.
    void finish(Resolution& resolution) {
        const Instant end = shard_->proactor().ring().now() + kPatience;
        while (!resolution.is_done() && shard_->proactor().now() < end) {
            shard_->proactor().turn(kTurn);
        }
        ASSERT_TRUE(resolution.is_done());
    }
    // All hosts, sorted; or the kind of the error.
    std::string ask(std::string_view host) {
        const auto resolution = start(host);
        finish(*resolution);
        if (!resolution->status()) {
            return std::string(error_kind_name(resolution->status().error().kind));
        }
        std::vector<std::string> hosts;
        hosts.reserve(resolution->size());
        for (size_t i = 0; i < resolution->size(); ++i) {
            hosts.push_back(resolution->at(i).host());
        }
        std::ranges::sort(hosts);
        std::string text;
        for (const std::string& one : hosts) {
            text += text.empty() ? one : " " + one;
        }
        return text;
    }
    void pass(Duration time) {
        const Instant end = shard_->proactor().ring().now() + time;
        while (shard_->proactor().ring().now() < end) {
            shard_->proactor().turn(kTurn);
        }
    }
    ResolverClient& client() { return client_; }

private:
    std::unique_ptr<Shard> shard_;
    ShardNameSource source_;
    ResolverClient client_;
    coro::Signal signal_;
};

class DnsResolverTest : public testing::Test {
protected:
    DnsResolverTest() { options_.servers = server_.address(); }
    // After the options were set.
    Asker& begin() {
        control_ = std::make_unique<Control>(options_);
        asker_ = std::make_unique<Asker>(control_->resolver(), options_);
        return *asker_;
    }

    DnsServer server_;
    ResolverOptions options_;
    std::unique_ptr<Control> control_;
    std::unique_ptr<Asker> asker_;
};

TEST_F(DnsResolverTest, FindsAddressesOfBothFamiliesAndCachesThem) {
    server_.set("both.example", {.v4 = {"192.0.2.1", "192.0.2.2"}, .v6 = {"2001:db8::1"}});
    Asker& asker = begin();
    EXPECT_EQ(asker.ask("both.example"), "192.0.2.1 192.0.2.2 2001:db8::1");
    EXPECT_EQ(asker.ask("BOTH.example"), "192.0.2.1 192.0.2.2 2001:db8::1");
    EXPECT_EQ(server_.questions("both.example", kTypeA), 1U);
}

TEST_F(DnsResolverTest, ShardsThatAskAtTheSameTimeShareOneQuery) {
    server_.set("slow.example", {.v4 = {"192.0.2.1"}, .delay_ms = 200});
    Asker& asker = begin();
    const auto mine = asker.start("slow.example");
    std::string theirs;
    std::thread other([&] {
        Asker second(control_->resolver(), options_);
        theirs = second.ask("slow.example");
    });
    asker.finish(*mine);
    other.join();
    EXPECT_EQ(mine->size(), 1U);
    EXPECT_EQ(theirs, "192.0.2.1");
    EXPECT_EQ(server_.questions("slow.example", kTypeA), 1U);
}

TEST_F(DnsResolverTest, SaysThatANameDoesNotExistAndDoesNotAskForItAtOnceAgain) {
    server_.set("empty.example", {});
    Asker& asker = begin();
    EXPECT_EQ(asker.ask("missing.example"), "dns_failed");
    EXPECT_EQ(asker.ask("missing.example"), "dns_failed");
    EXPECT_EQ(asker.ask("empty.example"), "dns_failed") << "a name without any address";
    EXPECT_EQ(server_.questions("missing.example", kTypeA), 1U);
}

TEST_F(DnsResolverTest, FailsWithinTwoSecondsWhenNobodyAnswers) {
    server_.set("silent.example", {.is_silent = true});
    Asker& asker = begin();
    const auto began = std::chrono::steady_clock::now();
    EXPECT_EQ(asker.ask("silent.example"), "dns_failed");
    const auto took = std::chrono::steady_clock::now() - began;
    EXPECT_LE(took, std::chrono::milliseconds(2'000));
    EXPECT_GE(took, std::chrono::milliseconds(1'500)) << "gives up before its time";
    EXPECT_EQ(asker.ask("silent.example"), "dns_failed");
}

TEST_F(DnsResolverTest, RefusalsOfTheServerAreFailures) {
    server_.set("broken.example", {.rcode = 2});
    server_.set("refused.example", {.rcode = 5});
    options_.try_timeout_ms = 200;
    Asker& asker = begin();
    EXPECT_EQ(asker.ask("broken.example"), "dns_failed");
    EXPECT_EQ(asker.ask("refused.example"), "dns_failed");
}

TEST_F(DnsResolverTest, UsesOneFamilyWhenTheOtherIsNeverAnswered) {
    server_.set("half.example", {.v4 = {"192.0.2.9"}, .is_silent_for_v6 = true});
    Asker& asker = begin();
    EXPECT_EQ(asker.ask("half.example"), "192.0.2.9");
}

TEST_F(DnsResolverTest, TakesLongAnswersByTcpAndKeepsSomeOfThem) {
    DnsRecord record;
    for (int i = 0; i < 300; ++i) {
        record.v4.push_back("10.0." + std::to_string(i / 100) + "." + std::to_string(i % 100));
    }
    server_.set("long.example", record);
    Asker& asker = begin();
    const auto resolution = asker.start("long.example");
    asker.finish(*resolution);
    EXPECT_EQ(resolution->size(), 64U);
    EXPECT_GE(server_.tcp_questions(), 1U);
}

TEST_F(DnsResolverTest, HonoursAChangeAndALifetimeOfZero) {
    server_.set("moving.example", {.v4 = {"192.0.2.1"}, .ttl_s = 0});
    Asker& asker = begin();
    EXPECT_EQ(asker.ask("moving.example"), "192.0.2.1");
    server_.set("moving.example", {.v4 = {"192.0.2.2"}, .ttl_s = 0});
    EXPECT_EQ(asker.ask("moving.example"), "192.0.2.1") << "holds for a second even so";
    asker.pass(Duration::milliseconds(1'050));
    EXPECT_EQ(asker.ask("moving.example"), "192.0.2.2");
}

TEST_F(DnsResolverTest, OldAddressesServeOnWhileTheServerIsSilent) {
    server_.set("flaky.example", {.v4 = {"192.0.2.1"}, .ttl_s = 1});
    options_.try_timeout_ms = 100;
    options_.failure_ttl_ms = 100;
    Asker& asker = begin();
    EXPECT_EQ(asker.ask("flaky.example"), "192.0.2.1");
    server_.set("flaky.example", {.is_silent = true});
    asker.pass(Duration::milliseconds(1'100));
    EXPECT_EQ(asker.ask("flaky.example"), "192.0.2.1");
    EXPECT_GE(asker.client().counters().stale_answers, 1U);
    server_.set("flaky.example", {.v4 = {"192.0.2.3"}, .ttl_s = 1});
    asker.pass(Duration::milliseconds(500));
    static_cast<void>(asker.ask("flaky.example"));  // Sets off the question in the background.
    asker.pass(Duration::milliseconds(500));
    EXPECT_EQ(asker.ask("flaky.example"), "192.0.2.3");
}

TEST_F(DnsResolverTest, AWaiterMayLeaveWhileItsAnswerIsUnderWay) {
    server_.set("slow.example", {.v4 = {"192.0.2.1"}, .delay_ms = 100});
    Asker& asker = begin();
    asker.start("slow.example").reset();
    asker.pass(Duration::milliseconds(200));
    EXPECT_EQ(asker.client().outstanding(), 0U);
    EXPECT_EQ(asker.ask("slow.example"), "192.0.2.1");
    EXPECT_EQ(server_.questions("slow.example", kTypeA), 1U);
}

TEST_F(DnsResolverTest, ClosingDoesNotWaitForTheServer) {
    server_.set("silent.example", {.is_silent = true});
    options_.try_timeout_ms = 10'000;
    options_.answer_timeout_ms = 60'000;
    Asker& asker = begin();
    const auto resolution = asker.start("silent.example");
    asker.pass(Duration::milliseconds(50));
    const auto began = std::chrono::steady_clock::now();
    asker.client().close();
    while (asker.client().outstanding() > 0) {
        asker.pass(Duration::milliseconds(1));
    }
    EXPECT_TRUE(resolution->is_done());
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(5));
}

TEST_F(DnsResolverTest, ReadsTheHostsFile) {
    std::ifstream hosts("/etc/hosts");
    std::string line;
    std::string name;
    std::string address;
    while (name.empty() && std::getline(hosts, line)) {
        std::istringstream words(line.substr(0, line.find('#')));
        words >> address >> name;
        if (!Address::parse(address, 0) || name.starts_with("localhost") ||
            name.starts_with("ip6-")) {
            name.clear();
        }
    }
    if (name.empty()) {
        GTEST_SKIP() << "the hosts file of this machine names nothing but localhost";
    }
    EXPECT_NE(begin().ask(name).find(address), std::string::npos);
    EXPECT_EQ(server_.questions(name, kTypeA), 0U);
}

TEST_F(DnsResolverTest, NoTurnOfAnyLoopBlocks) {
    server_.set("silent.example", {.is_silent = true});
    server_.set("slow.example", {.v4 = {"192.0.2.1"}, .delay_ms = 300});
    Asker& asker = begin();
    EXPECT_EQ(asker.ask("slow.example"), "192.0.2.1");
    EXPECT_EQ(asker.ask("silent.example"), "dns_failed");
    // Far below the waits, far above what a busy machine takes from a thread.
    EXPECT_LT(control_->longest_turn_ns(), 250'000'000U);
}

// On the control shard itself, as discovery asks.
class NameLookupTest : public testing::Test {
protected:
    void TearDown() override {
        resolver_->shut_down();
        while (control_->proactor().objects() > 0) {
            control_->proactor().turn(kTurn);
        }
    }
    LookupAnswer ask(const std::string& name, bool for_services = false) {
        answer_.reset();
        for_services ? lookup_.ask_services(name) : lookup_.ask_addresses(name);
        const Instant end = control_->proactor().ring().now() + kPatience;
        while (!answer_ && control_->proactor().now() < end) {
            control_->proactor().turn(kTurn);
        }
        EXPECT_TRUE(answer_.has_value());
        EXPECT_FALSE(lookup_.is_out());
        return answer_.value_or(LookupAnswer());
    }

    DnsServer server_;
    std::unique_ptr<Shard> control_ = Shard::create(0, {}, 1).value();
    std::unique_ptr<DnsResolver> resolver_ =
        DnsResolver::create(*control_, {.servers = server_.address()}).value();
    std::optional<LookupAnswer> answer_;
    NameLookup lookup_{*resolver_,
                       [](void* owner, const LookupAnswer& answer) {
                           static_cast<NameLookupTest*>(owner)->answer_ = answer;
                       },
                       this};
};

TEST_F(NameLookupTest, FindsAllAddressesAndTheirTime) {
    server_.set("fleet.example", {.v4 = {"192.0.2.1", "192.0.2.2"}, .ttl_s = 7});
    const LookupAnswer answer = ask("fleet.example");
    EXPECT_EQ(answer.outcome, NameAnswer::Outcome::found);
    EXPECT_EQ(answer.addresses.size(), 2U);
    EXPECT_EQ(answer.ttl_s, 7U);
    EXPECT_EQ(ask("none.example").outcome, NameAnswer::Outcome::no_such_name);
    server_.set("broken.example", {.rcode = 2});
    EXPECT_EQ(ask("broken.example").outcome, NameAnswer::Outcome::failed);
}

TEST_F(NameLookupTest, FindsServicesAndTheirTime) {
    server_.set("_llm._tcp.example",
                {.services = {{"a.example", 8000, 1, 5}, {"b", 1, 0, 0}}, .ttl_s = 9});
    const LookupAnswer answer = ask("_llm._tcp.example", true);
    EXPECT_EQ(answer.outcome, NameAnswer::Outcome::found);
    EXPECT_EQ(answer.services,
              (std::vector<ServiceRecord>{{"a.example", 8000, 1, 5}, {"b", 1, 0, 0}}));
    EXPECT_EQ(answer.ttl_s, 9U);
    EXPECT_EQ(ask("_none._tcp.example", true).outcome, NameAnswer::Outcome::no_such_name);
}

TEST_F(NameLookupTest, MayLeaveWhileAQuestionIsOut) {
    server_.set("silent.example", {.is_silent = true});
    NameLookup other(
        *resolver_, [](void*, const LookupAnswer&) { FAIL() << "it has left"; }, nullptr);
    other.ask_addresses("silent.example");
    EXPECT_TRUE(other.is_out());
}

TEST(SrvReply, RefusesWhatIsMalformed) {
    const std::string header("\x01\x02\x81\x80\0\0\0\x01\0\0\0\0", 12);
    // The root, SRV, IN, 5 s, 9 bytes: 1, 2, 80, "h".
    const std::string record("\0\0\x21\0\x01\0\0\0\x05\0\x09\0\x01\0\x02\0\x50\x01h\0", 20);
    const auto good = parse_srv_reply(header + record, 10);
    ASSERT_TRUE(good);
    EXPECT_EQ(good->records, (std::vector<ServiceRecord>{{"h", 80, 1, 2}}));
    EXPECT_EQ(good->ttl_s, 5U);
    EXPECT_EQ(parse_srv_reply(header + record, 0)->records.size(), 0U);
    for (size_t size = 0; size < header.size() + record.size(); ++size) {
        EXPECT_FALSE(parse_srv_reply((header + record).substr(0, size), 10)) << size;
    }
    std::string loop = record;
    loop.replace(17, 3, "\xc0\x1d\0", 3);  // A name that points at itself.
    EXPECT_FALSE(parse_srv_reply(header + loop, 10));
    std::string slash = record;
    slash[18] = '/';
    EXPECT_EQ(parse_srv_reply(header + slash, 10)->records.size(), 0U) << "no host has that";
}

TEST_F(DnsResolverTest, RefusesAListOfServersThatIsNone) {
    const auto shard = Shard::create(0, {}, 1).value();
    EXPECT_FALSE(DnsResolver::create(*shard, {.servers = "not an address"}).has_value());
}

}  // namespace
}  // namespace sluice::net
