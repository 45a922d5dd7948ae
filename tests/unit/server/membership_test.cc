// Members in a configuration: what targets and upstreams they become, and what hands have changed.
#include "server/membership.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "balance/member.h"
#include "balance/options.h"
#include "balance/pool.h"
#include "config/config.h"
#include "unit/config/helpers.h"
#include "upstream/options.h"

namespace sluice::server {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

config::Config loaded() {
    return config::config_of(config::load(config::with_rest(R"(
[llm.engine]
provider = "vllm"
base_url = "https://engines.example:8443/api/v1"
timeouts = { connect_ms = 77 }

[llm.spare]
provider = "vllm"
base_url = "http://127.0.0.1:9000/v1"

[pool.p]
targets = ["spare"]
discovery = { type = "admin", llm = "engine", model = "m", weight = 3, concurrent_max = 7 }

[pool.q]
targets = ["spare/x"]
)")));
}

std::vector<std::string> names(const config::Config& config, std::string_view pool) {
    std::vector<std::string> all;
    for (const balance::TargetOptions& target : config.find_pool(pool)->targets) {
        all.push_back(target_name(target.llm, target.model));
    }
    return all;
}

Membership found(std::vector<balance::Member> members) {
    return with_found({}, "p", "engine", "m", std::move(members));
}

TEST(Membership, MakesAnUpstreamOfEachMember) {
    config::Config config = loaded();
    const size_t before = config.upstreams.size();
    add_members(config, found({{.address = "10.0.0.1:8000", .instance = "one"},
                               {.address = "[fd00::2]:8000", .weight = 9, .priority = 2}}));
    EXPECT_THAT(names(config, "p"),
                ElementsAre("spare", "engine@10.0.0.1:8000/m", "engine@[fd00::2]:8000/m"));
    ASSERT_EQ(config.upstreams.size(), before + 2);
    const upstream::UpstreamOptions& first = config.upstreams[before];
    EXPECT_EQ(first.name, "engine@10.0.0.1:8000");
    EXPECT_EQ(first.series_name(), "engine");
    EXPECT_EQ(first.instance, "one");
    EXPECT_EQ(first.base_url, "https://10.0.0.1:8000/api/v1");
    EXPECT_EQ(first.tls.server_name, "engines.example");
    EXPECT_EQ(first.timeouts.connect_ms, 77U);
    EXPECT_EQ(config.upstreams[before + 1].base_url, "https://[fd00::2]:8000/api/v1");
    const auto& targets = config.find_pool("p")->targets;
    EXPECT_EQ(targets[1].weight, 3U);
    EXPECT_EQ(targets[1].concurrent_max, 7U);
    EXPECT_EQ(targets[1].instance, "one");
    EXPECT_EQ(targets[2].weight, 9U);
    EXPECT_EQ(targets[2].priority, 2U);
}

TEST(Membership, LeavesOutWhatStandsThereTwiceOrLeadsNowhere) {
    config::Config config = loaded();
    Membership members = found({{.address = "a:1"}, {.address = "a:1", .instance = "other"}});
    members.found["q"] = {{.address = "b:1"}};  // Nobody discovers anything for it.
    members.added = {{.pool = "p", .target = {.llm = "gone"}, .address = "c:1"},
                     {.pool = "gone", .target = {.llm = "spare"}, .address = "c:1"},
                     {.pool = "q", .target = {.llm = "spare"}, .address = "c:1"},
                     {.pool = "q", .target = {.llm = "spare", .model = "x"}}};
    add_members(config, members);
    EXPECT_THAT(names(config, "p"), ElementsAre("spare", "engine@a:1/m"));
    EXPECT_THAT(names(config, "q"), ElementsAre("spare/x", "spare@c:1"));
}

TEST(Membership, RemovesByNameAndInstance) {
    Membership members = found({{.address = "a:1", .instance = "one"}});
    members.removed = {{"p", "engine@a:1/m", "one"}, {"p", "spare", ""}};
    config::Config config = loaded();
    add_members(config, members);
    EXPECT_THAT(names(config, "p"), IsEmpty());
    EXPECT_FALSE(has_target(loaded(), members, "p", "spare"));
    EXPECT_TRUE(has_target(loaded(), members, "q", "spare/x"));
    // Another pod with the address is another target, and the mark of the old one goes with it.
    members = with_found(members, "p", "engine", "m", {{.address = "a:1", .instance = "two"}});
    EXPECT_THAT(members.removed, ElementsAre(RemovedTarget{"p", "spare", ""}));
    EXPECT_TRUE(has_target(loaded(), members, "p", "engine@a:1/m"));
}

TEST(Membership, WhatIsRemovedMakesRoom) {
    std::vector<balance::Member> members(balance::Pool::kTargetsMax);
    for (size_t i = 0; i < members.size(); ++i) {
        members[i].address = "a:" + std::to_string(1 + i);
    }
    Membership full = found(std::move(members));
    full.removed = {{"p", "spare", ""}};
    EXPECT_TRUE(has_target(loaded(), full, "p", "engine@a:4096/m"));
    full.added = {{.pool = "p", .target = {.llm = "engine", .model = "m"}, .address = "b:1"}};
    EXPECT_FALSE(has_target(loaded(), full, "p", "engine@b:1/m")) << "there is no room";
    full.removed.push_back({"p", "engine@a:7/m", ""});
    EXPECT_TRUE(has_target(loaded(), full, "p", "engine@b:1/m"));
}

TEST(Membership, RemembersWhatWasRemovedForAsLongAsItIsFound) {
    Membership members = found({{.address = "a:1"}, {.address = "b:1"}});
    members.removed = {{"p", "engine@a:1/m", ""}};
    members = with_found(members, "p", "engine", "m", {{.address = "a:1"}});
    EXPECT_FALSE(has_target(loaded(), members, "p", "engine@a:1/m"));
    members = with_found(members, "p", "engine", "m", {});
    members = with_found(members, "p", "engine", "m", {{.address = "a:1"}});
    EXPECT_TRUE(has_target(loaded(), members, "p", "engine@a:1/m"));
}

TEST(Membership, TwoPoolsShareAnUpstream) {
    config::Config config = loaded();
    config.pools[1].discovery = config.pools[0].discovery;
    Membership members = found({{.address = "a:1"}});
    members.found["q"] = {{.address = "a:1", .instance = "one"}};
    const size_t before = config.upstreams.size();
    add_members(config, members);
    ASSERT_EQ(config.upstreams.size(), before + 1);
    EXPECT_EQ(config.upstreams.back().instance, "one");
}

}  // namespace
}  // namespace sluice::server
