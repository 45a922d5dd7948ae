// Targets by the admin API: what is told of them, and that a change is in force when it is
// answered. And the command line that asks for it.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin_description.h"
#include "admin_fixture.h"
#include "balance/options.h"
#include "balance/pool.h"
#include "balance/target.h"
#include "balance/target_state.h"
#include "base/arena.h"
#include "base/error.h"
#include "base/prng.h"
#include "base/time.h"
#include "config/config.h"
#include "json/tree.h"
#include "providers/price_table.h"
#include "server/admin_api.h"
#include "server/pools.h"
#include "server/target_facts.h"
#include "server/targets_command.h"

namespace sluice::server {

namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class AdminTargets : public AdminTest {
protected:
    void SetUp() override {
        AdminTest::SetUp();
        balance::PoolOptions options;
        options.name = "chat";
        options.strategy = balance::Strategy::round_robin;
        options.targets = {{.llm = "a", .model = "m/1", .labels = {"eu"}},
                           {.llm = "b", .labels = {"us"}}};
        auto pools = std::make_shared<Pools>();
        const std::vector<uint32_t> capabilities(2, ~0U);
        pools->push_back(
            std::make_unique<balance::Pool>(options, capabilities, nullptr, kMoment.now, 1));
        pools_ = std::move(pools);
    }
    const balance::Pool& pool() const { return *pools_->front(); }
    balance::TargetState& state(size_t index) { return *pool().targets()[index].state; }

    AdminAnswer change(std::string_view target, std::string_view body) {
        return ask(Method::patch, "/v1/targets/chat/" + std::string(target), body);
    }
    // How many of so many requests go to the first target.
    int first_of(int count) {
        Prng prng(1);
        int first = 0;
        for (int i = 0; i < count; ++i) {
            balance::Selection selection =
                pool().select({.prompt_tokens = 10, .output_tokens = 10}, kMoment.now, prng);
            first += selection && selection.target == 0 ? 1 : 0;
            selection.charge.finish({}, kMoment.now);
        }
        return first;
    }
};

TEST_F(AdminTargets, AreToldAsDescribed) {
    state(1).note_error(static_cast<uint16_t>(ErrorKind::reset), kMoment.now);
    expect_as_described(ask(Method::get, "/v1/targets"), Method::get, "/v1/targets", 200);
    constexpr std::string_view kPath = "/v1/targets/{pool}/{target}";
    expect_as_described(change("b", R"({"weight":3})"), Method::patch, kPath, 200);
    expect_as_described(change("b", "{}"), Method::patch, kPath, 400);
    expect_as_described(change("c", R"({"weight":3})"), Method::patch, kPath, 404);
    EXPECT_EQ(ask(Method::get, "/v1/targets?pool=other").body.find("\"eu\""), std::string::npos);
    EXPECT_EQ(ask(Method::get, "/v1/targets?pol=chat").status, 400);
}

TEST_F(AdminTargets, TellWhatIsWrongWithOne) {
    balance::TargetState& first = state(0);
    first.rest(kMoment.now + Duration::seconds(30));
    first.note_error(static_cast<uint16_t>(ErrorKind::reset), kMoment.now - Duration::seconds(7));
    for (int i = 0; i < 5; ++i) {
        first.breaker.on_fault(pool().options().breaker, kMoment.now, 1);
    }
    Arena arena;
    const std::string body = ask(Method::get, "/v1/targets?pool=chat").body;
    const json::Value& target = *(*parse(body, arena)["pools"].begin())["targets"].begin();
    EXPECT_EQ(target["name"].text().raw, "a/m/1");
    EXPECT_EQ(target["state"].text().raw, "open");
    EXPECT_EQ(target["breaker"]["state"].text().raw, "open");
    EXPECT_TRUE(target["breaker"]["until"].is_string());
    // 1'795'902'330 is 2026-11-28T21:45:30Z.
    EXPECT_EQ(target["resting_until"].text().raw, "2026-11-28T21:46:00Z");
    EXPECT_TRUE(target["ejected_until"].is_nothing());
    EXPECT_EQ(target["last_error"]["kind"].text().raw, error_kind_name(ErrorKind::reset));
    EXPECT_EQ(target["last_error"]["age_seconds"].number(), 7.0);
}

TEST_F(AdminTargets, AreDrainedAndForced) {
    EXPECT_EQ(first_of(10), 5);
    const AdminAnswer answer = change("a%2Fm%2F1", R"({"mode":"drained"})");
    EXPECT_THAT(answer.body, HasSubstr(R"("in_force":true)"));
    EXPECT_THAT(answer.body, HasSubstr(R"("mode":"drained")"));
    EXPECT_EQ(first_of(10), 0);
    change("a%2Fm%2F1", R"({"mode":"forced_open"})");
    EXPECT_EQ(first_of(10), 0);
    change("b", R"({"mode":"drained"})");
    change("a%2Fm%2F1", R"({"mode":"forced_closed"})");
    state(0).set_health(false, kMoment.now);
    EXPECT_EQ(first_of(10), 10);
    change("a%2Fm%2F1", R"({"mode":"active"})");
    EXPECT_EQ(first_of(10), 0);
    EXPECT_EQ(standing_of(pool().targets()[0], pool().options(), kMoment.now),
              TargetStanding::unhealthy);
}

TEST_F(AdminTargets, GetAnotherWeight) {
    change("a%2Fm%2F1", R"({"weight":3})");
    EXPECT_EQ(first_of(40), 30);
    change("b", R"({"weight":7})");
    EXPECT_EQ(first_of(40), 12);
    change("a%2Fm%2F1", R"({"weight":0})");
    change("b", R"({"weight":0})");
    EXPECT_EQ(first_of(40), 20);
}

TEST_F(AdminTargets, RefuseWhatMakesNoSense) {
    for (const std::string_view body :
         {"", "[]", "{}", R"({"mode":"off"})", R"({"mode":1})", R"({"weight":-1})",
          R"({"weight":10001})", R"({"weight":1.5})", R"({"weight":"3"})",
          R"({"weight":3,"wait":1})"}) {
        EXPECT_EQ(change("b", body).status, 400) << body;
    }
    EXPECT_EQ(first_of(10), 5);
}

// --- Membership.

class AdminMembers : public AdminTest {
protected:
    void SetUp() override {
        AdminTest::SetUp();
        config_ = config::config_of(config::load(config::with_rest(
            "[llm.a]\nprovider = \"vllm\"\nbase_url = \"http://h:1/v1\"\n"
            "[llm.b]\nprovider = \"vllm\"\nbase_url = \"http://h:2/v1\"\n"
            "[llm.s]\nprovider = \"simulated\"\n"
            "[pool.chat]\ntargets = [\"a\"]\n"
            "[pool.found]\ndiscovery = { type = \"admin\", llm = \"b\", model = \"m\", "
            "labels = [\"eu\"] }\n")));
        pools_ = std::make_shared<const Pools>(
            make_pools(config_, providers::PriceTable(), nullptr, kMoment.now, 1));
    }
    AdminAnswer add(std::string_view pool, std::string_view body) {
        return ask(Method::post, "/v1/targets/" + std::string(pool), body);
    }
    AdminAnswer remove(std::string_view path) {
        return ask(Method::delete_method, "/v1/targets/" + std::string(path));
    }
    std::vector<std::string> names(size_t pool) const {
        std::vector<std::string> all;
        for (const balance::Target& target : (*pools_)[pool]->targets()) {
            all.push_back(target.name);
        }
        return all;
    }
};

TEST_F(AdminMembers, AreAddedAndRemovedAsDescribed) {
    constexpr std::string_view kPool = "/v1/targets/{pool}";
    constexpr std::string_view kTarget = "/v1/targets/{pool}/{target}";
    EXPECT_EQ(add("chat", R"({"llm":"b","address":"10.0.0.1:80","weight":4})").status, 201);
    expect_as_described(add("found", R"({"address":"10.0.0.2:80"})"), Method::post, kPool, 201);
    EXPECT_THAT(names(0), ElementsAre("a", "b@10.0.0.1:80"));
    EXPECT_EQ((*pools_)[0]->targets()[1].options.weight, 4U);
    EXPECT_THAT(names(1), ElementsAre("b@10.0.0.2:80/m"));
    expect_as_described(add("found", R"({"address":"10.0.0.2:80"})"), Method::post, kPool, 409);
    expect_as_described(add("none", R"({"address":"10.0.0.2:80"})"), Method::post, kPool, 404);
    expect_as_described(add("chat", R"({"address":"10.0.0.2:80"})"), Method::post, kPool, 400);
    expect_as_described(remove("found/b@10.0.0.2:80%2Fm"), Method::delete_method, kTarget, 200);
    expect_as_described(remove("found/b@10.0.0.2:80%2Fm"), Method::delete_method, kTarget, 404);
    EXPECT_THAT(names(1), ElementsAre());
    EXPECT_TRUE(members_.removed.empty()) << "nobody else names it";
}

TEST_F(AdminMembers, StayAwayWhenTheConfigurationHasThem) {
    const std::shared_ptr<balance::TargetState> before = (*pools_)[0]->targets()[0].state;
    remove("chat/a");
    EXPECT_THAT(names(0), ElementsAre());
    EXPECT_EQ(before->mode.load(), balance::Mode::drained) << "old snapshots may yet choose it";
    add("chat", R"({"llm":"b"})");
    EXPECT_THAT(names(0), ElementsAre("b"));
    add("chat", R"({"llm":"a","weight":9})");
    EXPECT_THAT(names(0), ElementsAre("a", "b"));
    EXPECT_EQ((*pools_)[0]->targets()[0].options.weight, 1U) << "as the configuration has it";
    EXPECT_EQ((*pools_)[0]->targets()[0].state->mode.load(), balance::Mode::active);
}

TEST_F(AdminMembers, RefuseWhatMakesNoSense) {
    for (const std::string_view body :
         {"", "[]", "{}", R"({"llm":"x"})", R"({"llm":"s","address":"h:1"})", R"({"llm":1})",
          R"({"llm":"b","address":"h"})", R"({"llm":"b","address":"http://h:1"})",
          R"({"llm":"b","weight":0})", R"({"llm":"b","weight":1.5})", R"({"llm":"b","wait":1})"}) {
        EXPECT_EQ(add("chat", body).status, 400) << body;
    }
    EXPECT_THAT(names(0), ElementsAre("a"));
}

TEST_F(AdminMembers, ATargetThatStaysKeepsItsState) {
    const std::shared_ptr<balance::TargetState> before = (*pools_)[0]->targets()[0].state;
    add("chat", R"({"llm":"b"})");
    EXPECT_EQ((*pools_)[0]->targets()[0].state, before);
    const std::shared_ptr<balance::TargetState> gone = (*pools_)[0]->targets()[1].state;
    remove("chat/b");
    add("chat", R"({"llm":"b"})");
    EXPECT_NE((*pools_)[0]->targets()[1].state, gone) << "whoever comes back begins anew";
}

// --- The command.

TargetsRequest made(const std::vector<std::string>& arguments) {
    const auto request = parse_targets(arguments);
    EXPECT_TRUE(request) << request.error();
    return request.value_or(TargetsRequest());
}

TEST(TargetsCommand, MakesARequest) {
    EXPECT_EQ(made({}).path, "/v1/targets");
    const TargetsRequest weight = made({"chat/a/m", "weight", "5", "--admin=localhost:1"});
    EXPECT_EQ(weight.method, "PATCH");
    EXPECT_EQ(weight.path, "/v1/targets/chat/a%2Fm");
    EXPECT_EQ(weight.body, R"({"weight":5})");
    EXPECT_EQ(weight.admin_address, "localhost:1");
    EXPECT_EQ(made({"chat/a", "drain"}).body, R"({"mode":"drained"})");
    EXPECT_EQ(made({"chat/a", "activate"}).body, R"({"mode":"active"})");
    EXPECT_EQ(made({"chat/a", "force-open"}).body, R"({"mode":"forced_open"})");
    EXPECT_EQ(made({"chat/a", "force-close"}).body, R"({"mode":"forced_closed"})");
    const TargetsRequest added = made({"add", "chat", "10.0.0.1:80", "--llm", "b", "--weight=2"});
    EXPECT_EQ(added.method, "POST");
    EXPECT_EQ(added.path, "/v1/targets/chat");
    EXPECT_EQ(added.body, R"({"llm":"b","address":"10.0.0.1:80","weight":2})");
    const TargetsRequest removed = made({"remove", "chat/b@10.0.0.1:80/m"});
    EXPECT_EQ(removed.method, "DELETE");
    EXPECT_EQ(removed.path, "/v1/targets/chat/b%4010.0.0.1%3A80%2Fm");
    EXPECT_TRUE(made({"--watch"}).watch);
    EXPECT_TRUE(made({"chat", "--help"}).wants_help);
}

TEST(TargetsCommand, NamesWhatIsWrong) {
    for (const auto& [arguments, expected] :
         std::vector<std::pair<std::vector<std::string>, std::string>>{
             {{"chat"}, "\"chat\": expected POOL/TARGET"},
             {{"chat/a"}, "chat/a: expected one of drain, activate"},
             {{"chat/a", "stop"}, "chat/a: expected one of drain, activate"},
             {{"chat/a", "weight"}, "weight: expected a whole number"},
             {{"chat/a", "weight", "x"}, "weight: expected a whole number"},
             {{"chat/a", "drain", "now"}, "unexpected argument \"now\""},
             {{"chat/a", "drain", "--watch"}, "--watch: belongs to the table"},
             {{"add"}, "add: expected POOL"},
             {{"add", "chat", "h:1", "more"}, "add: expected POOL"},
             {{"add", "chat", "--weight", "x"}, "--weight: expected a whole number"},
             {{"remove", "chat"}, "\"chat\": expected POOL/TARGET"},
             {{"remove"}, "remove: expected POOL/TARGET"},
             {{"chat/a", "drain", "--llm", "b"}, "belong to add"},
             {{"--wach"}, "did you mean \"--watch\"?"},
             {{"--admin"}, "--admin: the value is missing"}}) {
        const auto request = parse_targets(arguments);
        ASSERT_FALSE(request) << expected;
        EXPECT_THAT(request.error(), HasSubstr(expected));
    }
}

TEST_F(AdminTargets, AreATable) {
    const auto table = targets_table(ask(Method::get, "/v1/targets").body);
    ASSERT_TRUE(table) << table.error();
    EXPECT_THAT(*table, HasSubstr("pool chat, round_robin, 2 of 2 in service\n"));
    EXPECT_THAT(*table, HasSubstr("\na/m/1                          ok               1    0"));
    const auto changed = targets_table(change("b", R"({"weight":3,"mode":"drained"})").body);
    ASSERT_TRUE(changed) << changed.error();
    EXPECT_EQ(*changed, "b: drained, weight 3\n");
    EXPECT_EQ(targets_table(R"({"in_force":true,"removed":"b","in_flight":2})").value_or(""),
              "b: removed; 2 in flight go on\n");
    EXPECT_FALSE(targets_table("{}"));
    EXPECT_FALSE(targets_table("no JSON"));
}

}  // namespace

}  // namespace sluice::server
