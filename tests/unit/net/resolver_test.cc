// The rules of the cache, under a virtual clock, with a scripted source of answers.
#include "net/resolver.h"

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "coro/signal.h"
#include "gtest/gtest.h"
#include "sim/sim.h"

namespace sluice::net {
namespace {

constexpr const char* kName = "llm.example";

class ScriptedSource final : public NameSource {
public:
    void ask(ResolverClient& client, std::string_view name) override {
        asked.emplace_back(name);
        if (answers_at_once) {
            client.on_answer(name, *answers_at_once);
        }
    }
    void hurry(ResolverClient& client) override {
        while (!asked.empty()) {
            const std::string name = std::exchange(asked.back(), {});
            asked.pop_back();
            client.on_answer(name, {});
        }
    }

    std::vector<std::string> asked;  // Since the test last cleared it.
    std::optional<NameAnswer> answers_at_once;
};

NameAnswer found(std::initializer_list<const char*> hosts, uint32_t ttl_s) {
    NameAnswer answer{NameAnswer::Outcome::found, {}, ttl_s};
    for (const char* host : hosts) {
        answer.addresses.push_back(*Address::parse(host, 0));
    }
    return answer;
}

NameAnswer no_such_name() {
    return {NameAnswer::Outcome::no_such_name, {}, 0};
}

class ResolverTest : public testing::Test {
protected:
    void SetUp() override {
        proactor_ = Proactor::create({}).value();
        client_ = std::make_unique<ResolverClient>(*proactor_, &source_, options_);
        signal_ = std::make_unique<coro::Signal>(proactor_->ready());
    }
    void restart(const ResolverOptions& options) {
        options_ = options;
        client_ = std::make_unique<ResolverClient>(*proactor_, &source_, options_);
    }
    void pass(Duration time) {
        const Instant end = proactor_->now() + time;
        while (proactor_->now() < end) {
            proactor_->turn(end - proactor_->now());
        }
    }
    std::unique_ptr<Resolution> resolve(std::string_view host) {
        return std::make_unique<Resolution>(*client_, host, 443, *signal_);
    }
    // The host of the first address, "-" while it is not known, "!" when it failed.
    static std::string first(Resolution& resolution) {
        if (!resolution.is_done()) {
            return "-";
        }
        return resolution.status() ? resolution.at(0).host() : "!";
    }
    std::string ask(std::string_view host) { return first(*resolve(host)); }
    void answer(NameAnswer answer) {
        ASSERT_FALSE(source_.asked.empty());
        source_.asked.clear();
        client_->on_answer(kName, std::move(answer));
    }
    // Puts an answer into the cache.
    void learn(std::initializer_list<const char*> hosts, uint32_t ttl_s) {
        const auto resolution = resolve(kName);
        answer(found(hosts, ttl_s));
    }

    sim::World world_{1};
    ScriptedSource source_;
    ResolverOptions options_;
    std::unique_ptr<Proactor> proactor_;
    std::unique_ptr<ResolverClient> client_;
    std::unique_ptr<coro::Signal> signal_;
};

TEST_F(ResolverTest, AnswersLiteralsAndLocalhostAtOnceWithoutASource) {
    ResolverClient alone(*proactor_, nullptr, {});
    const Resolution v4(alone, "10.1.2.3", 443, *signal_);
    EXPECT_EQ(v4.at(0).to_string(), "10.1.2.3:443");
    const Resolution v6(alone, "[fe80::1]", 8443, *signal_);
    EXPECT_EQ(v6.at(0).to_string(), "[fe80::1]:8443");
    for (const char* name : {"localhost", "LocalHost", "localhost.", "a.localhost"}) {
        const Resolution local(alone, name, 1, *signal_);
        ASSERT_EQ(local.size(), 2U) << name;
        EXPECT_EQ(local.at(0).to_string(), "127.0.0.1:1");
        EXPECT_EQ(local.at(1).to_string(), "[::1]:1");
    }
    const Resolution other(alone, kName, 443, *signal_);
    EXPECT_EQ(other.status().error().kind, ErrorKind::dns_failed);
    const Resolution nothing(alone, "", 443, *signal_);
    EXPECT_EQ(nothing.status().error().kind, ErrorKind::dns_failed);
    const Resolution too_long(*client_, std::string(300, 'a'), 443, *signal_);
    EXPECT_EQ(too_long.status().error().kind, ErrorKind::dns_failed);
    EXPECT_TRUE(source_.asked.empty());
}

TEST_F(ResolverTest, AsksOnceForAllWhoWaitAndRaisesTheirSignals) {
    const auto a = resolve(kName);
    const auto b = resolve("LLM.Example");
    EXPECT_EQ(source_.asked, std::vector<std::string>{kName});
    EXPECT_EQ(first(*a), "-");
    answer(found({"10.0.0.1"}, 60));
    EXPECT_EQ(first(*a), "10.0.0.1");
    EXPECT_EQ(first(*b), "10.0.0.1");
    EXPECT_EQ(a->at(0).port(), 443);
    EXPECT_TRUE(signal_->await_ready());
    EXPECT_EQ(ask(kName), "10.0.0.1");
    EXPECT_TRUE(source_.asked.empty());
    EXPECT_EQ(client_->counters().questions, 1U);
    EXPECT_EQ(client_->counters().hits, 1U);
}

TEST_F(ResolverTest, AWaiterMayGoAwayWithoutAWord) {
    auto a = resolve(kName);
    const auto b = resolve(kName);
    a.reset();
    answer(found({"10.0.0.1"}, 60));
    EXPECT_EQ(first(*b), "10.0.0.1");
}

TEST_F(ResolverTest, ASourceMayAnswerBeforeAskReturns) {
    source_.answers_at_once = found({"10.0.0.1"}, 60);
    EXPECT_EQ(ask(kName), "10.0.0.1");
    EXPECT_EQ(client_->outstanding(), 0U);
}

TEST_F(ResolverTest, AsksAgainWhenTheTimeIsOverAndTakesTheChange) {
    learn({"10.0.0.1"}, 10);
    pass(Duration::seconds(7));
    EXPECT_EQ(ask(kName), "10.0.0.1");
    EXPECT_TRUE(source_.asked.empty());
    pass(Duration::seconds(4));
    const auto late = resolve(kName);
    EXPECT_EQ(first(*late), "-") << "an old address is not used before the servers had a chance";
    answer(found({"10.0.0.2"}, 10));
    EXPECT_EQ(first(*late), "10.0.0.2");
}

TEST_F(ResolverTest, RefreshesAheadInTheBackground) {
    learn({"10.0.0.1"}, 100);
    pass(Duration::seconds(81));
    EXPECT_EQ(ask(kName), "10.0.0.1");
    EXPECT_EQ(source_.asked.size(), 1U);
    EXPECT_EQ(ask(kName), "10.0.0.1");
    EXPECT_EQ(source_.asked.size(), 1U) << "one question at a time";
    answer(found({"10.0.0.2"}, 100));
    EXPECT_EQ(ask(kName), "10.0.0.2");
    EXPECT_TRUE(source_.asked.empty());
}

TEST_F(ResolverTest, ClampsTheTimeToLive) {
    learn({"10.0.0.1"}, 0);
    EXPECT_EQ(ask(kName), "10.0.0.1") << "a TTL of 0 still holds for the least time";
    pass(Duration::milliseconds(1'001));
    EXPECT_EQ(first(*resolve(kName)), "-");
    answer(found({"10.0.0.1"}, 1'000'000));
    pass(Duration::seconds(301));
    EXPECT_EQ(first(*resolve(kName)), "-") << "no TTL holds for longer than the most";
    answer(found({"10.0.0.1"}, 10));
}

TEST_F(ResolverTest, FailsWhenNobodyAnswersInTime) {
    const auto a = resolve(kName);
    pass(Duration::milliseconds(1'890));
    EXPECT_EQ(first(*a), "-");
    pass(Duration::milliseconds(20));
    EXPECT_EQ(first(*a), "!");
    EXPECT_EQ(a->status().error().kind, ErrorKind::dns_failed);
    EXPECT_TRUE(signal_->await_ready());
    EXPECT_EQ(ask(kName), "!") << "for a while nobody waits again";
    answer(found({"10.0.0.1"}, 60));
    EXPECT_EQ(ask(kName), "10.0.0.1") << "a late answer is still an answer";
}

TEST_F(ResolverTest, RemembersFailuresOnlyForAWhile) {
    const auto a = resolve(kName);
    answer(no_such_name());
    EXPECT_EQ(first(*a), "!");
    EXPECT_EQ(ask(kName), "!");
    EXPECT_TRUE(source_.asked.empty());
    pass(Duration::milliseconds(2'001));
    const auto b = resolve(kName);
    EXPECT_EQ(first(*b), "-");
    answer(found({"10.0.0.1"}, 60));
    EXPECT_EQ(first(*b), "10.0.0.1");
}

TEST_F(ResolverTest, OldAddressesServeOnWhileNobodyAnswers) {
    learn({"10.0.0.1"}, 1);
    pass(Duration::seconds(2));
    const auto a = resolve(kName);
    EXPECT_EQ(first(*a), "-");
    pass(Duration::milliseconds(310));
    EXPECT_EQ(first(*a), "10.0.0.1");
    EXPECT_EQ(ask(kName), "10.0.0.1") << "the next ones do not wait";
    answer({});
    EXPECT_EQ(ask(kName), "10.0.0.1");
    pass(Duration::milliseconds(2'001));
    EXPECT_EQ(ask(kName), "10.0.0.1");
    EXPECT_EQ(source_.asked.size(), 1U) << "the servers get another chance in the background";
    answer(found({"10.0.0.2"}, 60));
    EXPECT_EQ(ask(kName), "10.0.0.2");
    EXPECT_GE(client_->counters().stale_answers, 3U);
}

TEST_F(ResolverTest, OldAddressesEndAtTheirLimit) {
    restart({.stale_s_max = 10});
    learn({"10.0.0.1"}, 1);
    pass(Duration::seconds(12));
    const auto a = resolve(kName);
    pass(Duration::milliseconds(400));
    EXPECT_EQ(first(*a), "-") << "too old: waits for the full time";
    answer({});
    EXPECT_EQ(first(*a), "!");
}

TEST_F(ResolverTest, ANameThatIsGoneVoidsItsOldAddresses) {
    learn({"10.0.0.1"}, 1);
    pass(Duration::seconds(2));
    const auto a = resolve(kName);
    answer(no_such_name());
    EXPECT_EQ(first(*a), "!");
    EXPECT_EQ(ask(kName), "!");
}

TEST_F(ResolverTest, SpreadsOverAddressesOfEqualRankOnly) {
    learn({"2001:db8::1", "2001:db8::2", "10.0.0.1", "10.0.0.2", "10.0.0.3"}, 60);
    std::vector<std::string> firsts;
    std::vector<std::string> thirds;
    for (int i = 0; i < 6; ++i) {
        const auto resolution = resolve(kName);
        ASSERT_EQ(resolution->size(), 5U);
        std::vector<std::string> all;
        all.reserve(resolution->size());
        for (size_t k = 0; k < resolution->size(); ++k) {
            all.push_back(resolution->at(k).host());
        }
        firsts.push_back(all[0]);
        thirds.push_back(all[2]);
        std::ranges::sort(all);
        EXPECT_EQ(std::ranges::unique(all).size(), 0U) << "each address once";
        EXPECT_EQ(resolution->at(1).family(), AF_INET6);
    }
    EXPECT_NE(firsts[0], firsts[1]);
    EXPECT_EQ(firsts[0], firsts[2]);
    EXPECT_NE(thirds[0], thirds[1]);
    EXPECT_EQ(thirds[0], thirds[3]);
}

TEST_F(ResolverTest, KeepsNoMoreAddressesThanItsLimit) {
    restart({.addresses_max = 2});
    learn({"10.0.0.1", "10.0.0.2", "10.0.0.3"}, 60);
    EXPECT_EQ(resolve(kName)->size(), 2U);
}

TEST_F(ResolverTest, BoundsItsWaiters) {
    restart({.waiters_max = 2});
    auto a = resolve(kName);
    const auto b = resolve(kName);
    const auto c = resolve(kName);
    ASSERT_TRUE(c->is_done());
    EXPECT_EQ(c->status().error().kind, ErrorKind::overloaded);
    a.reset();
    EXPECT_FALSE(resolve(kName)->is_done()) << "one who left makes room";
    answer(found({"10.0.0.1"}, 60));
}

TEST_F(ResolverTest, BoundsItsNamesAndForgetsTheLeastUsed) {
    restart({.names_max = 2});
    source_.answers_at_once = found({"10.0.0.1"}, 300);
    EXPECT_EQ(ask("a.example"), "10.0.0.1");
    pass(Duration::seconds(1));
    EXPECT_EQ(ask("b.example"), "10.0.0.1");
    pass(Duration::seconds(1));
    EXPECT_EQ(ask("a.example"), "10.0.0.1");
    EXPECT_EQ(ask("c.example"), "10.0.0.1");
    source_.asked.clear();
    EXPECT_EQ(ask("a.example"), "10.0.0.1");
    EXPECT_TRUE(source_.asked.empty()) << "a was used last, so b had to go";
    source_.answers_at_once.reset();
    const auto d = resolve("d.example");
    const auto e = resolve("e.example");
    const auto f = resolve("f.example");
    EXPECT_EQ(f->status().error().kind, ErrorKind::overloaded)
        << "both entries are being asked for";
    client_->close();
}

TEST_F(ResolverTest, ClosingEndsWaitsAndCallsQuestionsBack) {
    const auto a = resolve(kName);
    EXPECT_EQ(client_->outstanding(), 1U);
    EXPECT_EQ(proactor_->objects(), 1U);
    client_->close();
    ASSERT_TRUE(a->is_done());
    EXPECT_EQ(a->status().error().kind, ErrorKind::shutting_down);
    EXPECT_EQ(client_->outstanding(), 0U);
    EXPECT_EQ(proactor_->objects(), 0U);
    EXPECT_EQ(resolve(kName)->status().error().kind, ErrorKind::shutting_down);
}

}  // namespace
}  // namespace sluice::net
