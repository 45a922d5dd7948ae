// Which route a path and a model lead to: the longest prefix, then the closest model.
#include "pipeline/route_table.h"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "pipeline/options.h"
#include "pipeline/service.h"
#include "upstream/key_ring.h"
#include "upstream_fixture.h"

namespace sluice::pipeline {

namespace {

class RouteTableTest : public UpstreamTest {
protected:
    // Call for all routes before the first question.
    void add(const RouteOptions& options) {
        options_.push_back(std::make_unique<RouteOptions>(options));
    }
    // The path prefix that takes `path`; "-" when there is none.
    std::string prefix_of(std::string_view path) {
        const PathRoutes* found = table().find(path);
        return found == nullptr ? "-" : std::string(found->prefix);
    }
    // The target of the route for `model` on /v1; "-" when there is none.
    std::string target_of(std::string_view model) {
        const Route* found = table().find("/v1")->find(model);
        return found == nullptr ? "-" : found->options->target_llm;
    }
    const Service* service() {
        if (service_ == nullptr) {
            service_ = std::make_unique<Service>(upstream_->options(), keys_);
        }
        return service_.get();
    }
    const RouteTable& table() {
        if (table_ == nullptr) {
            pool_.targets = {{.name = "llm", .upstream = upstream_, .service = service()}};
            for (const auto& options : options_) {
                routes_.push_back({.options = options.get(),
                                   .pool = &pool_,
                                   .chain = nullptr,
                                   .index = static_cast<uint32_t>(routes_.size())});
            }
            table_ = std::make_unique<RouteTable>(routes_);
        }
        return *table_;
    }
    const Route& route(size_t index) {
        table();
        return routes_[index];
    }
    void TearDown() override {
        table_.reset();
        routes_.clear();
        pool_.targets.clear();
        UpstreamTest::TearDown();
    }

private:
    std::vector<std::unique_ptr<RouteOptions>> options_;
    upstream::KeyRing keys_{{}, nullptr};
    std::unique_ptr<Service> service_;
    TargetPool pool_;
    std::vector<Route> routes_;
    std::unique_ptr<RouteTable> table_;
};

TEST_F(RouteTableTest, TheLongestPrefixWinsInWhicheverOrder) {
    add({.path_prefix = "/v1"});
    add({.path_prefix = "/v1/chat/completions"});
    add({.path_prefix = "/v1/chat"});
    EXPECT_EQ(prefix_of("/v1"), "/v1");
    EXPECT_EQ(prefix_of("/v1/models"), "/v1");
    EXPECT_EQ(prefix_of("/v1/chat"), "/v1/chat");
    EXPECT_EQ(prefix_of("/v1/chat/other"), "/v1/chat");
    EXPECT_EQ(prefix_of("/v1/chat/completions"), "/v1/chat/completions");
    EXPECT_EQ(prefix_of("/v1/chat/completions/7"), "/v1/chat/completions");
}

TEST_F(RouteTableTest, PrefixesEndAtSegments) {
    add({.path_prefix = "/v1/chat"});
    EXPECT_EQ(prefix_of("/v1/chat/"), "/v1/chat");
    EXPECT_EQ(prefix_of("/v1/chatter"), "-");
    EXPECT_EQ(prefix_of("/v1/cha"), "-");
    EXPECT_EQ(prefix_of("/v2/v1/chat"), "-");
    EXPECT_EQ(prefix_of(""), "-");
}

TEST_F(RouteTableTest, AShorterPrefixTakesWhatALongerOneLeaves) {
    add({.path_prefix = "/v1/chat"});
    add({.path_prefix = "/"});
    EXPECT_EQ(prefix_of("/v1/chatter"), "/");
    EXPECT_EQ(prefix_of("/v1/chat"), "/v1/chat");
    EXPECT_EQ(prefix_of("/"), "/");
}

TEST_F(RouteTableTest, ThePathIsComparedAsWritten) {
    add({.path_prefix = "/v1"});
    EXPECT_EQ(prefix_of("/V1/chat"), "-");
    EXPECT_EQ(prefix_of("/%76%31/chat"), "-");
}

TEST_F(RouteTableTest, AnExactModelBeatsPrefixesAndTheLongestPrefixTheOthers) {
    add({.path_prefix = "/v1", .target_llm = "all"});
    add({.path_prefix = "/v1", .models = {"gpt-*"}, .target_llm = "short"});
    add({.path_prefix = "/v1", .models = {"gpt-4o-*", "x"}, .target_llm = "long"});
    add({.path_prefix = "/v1", .models = {"gpt-4o-mini"}, .target_llm = "exact"});
    EXPECT_EQ(target_of("gpt-4o-mini"), "exact");
    EXPECT_EQ(target_of("gpt-4o-mini-2"), "long");
    EXPECT_EQ(target_of("gpt-4o-"), "long");
    EXPECT_EQ(target_of("gpt-4o"), "short");
    EXPECT_EQ(target_of("x"), "long");
    EXPECT_EQ(target_of("xx"), "all");
    EXPECT_EQ(target_of("GPT-4o-mini"), "all");
    EXPECT_EQ(target_of(""), "all");
}

TEST_F(RouteTableTest, TheStarAloneTakesAllButLessGladlyThanAnyOtherPrefix) {
    add({.path_prefix = "/v1", .models = {"*"}, .target_llm = "star"});
    add({.path_prefix = "/v1", .models = {"a*"}, .target_llm = "a"});
    EXPECT_EQ(target_of("abc"), "a");
    EXPECT_EQ(target_of("bcd"), "star");
}

TEST_F(RouteTableTest, AnAliasCountsAsAnExactName) {
    add({.path_prefix = "/v1", .models = {"fast*"}, .target_llm = "prefix"});
    add({.path_prefix = "/v1",
         .models = {"other"},
         .model_aliases = {{.alias = "fast", .model = "gpt-4o-mini"}},
         .target_llm = "alias"});
    EXPECT_EQ(target_of("fast"), "alias");
    EXPECT_EQ(target_of("faster"), "prefix");
    EXPECT_EQ(target_of("other"), "alias");
    // What an alias stands for is no name of the route's own.
    EXPECT_EQ(target_of("gpt-4o-mini"), "-");
}

TEST_F(RouteTableTest, WithoutAModelOnlyARouteForAllWillDo) {
    add({.path_prefix = "/v1", .models = {"a"}, .target_llm = "a"});
    EXPECT_EQ(target_of(""), "-");
    EXPECT_EQ(target_of("b"), "-");
}

TEST_F(RouteTableTest, TheFirstOfEqualRoutesIsTaken) {
    add({.path_prefix = "/v1", .target_llm = "first"});
    add({.path_prefix = "/v1", .target_llm = "second"});
    EXPECT_EQ(target_of("m"), "first");
}

TEST_F(RouteTableTest, ModelsAreRewrittenByTheRouteThenByTheUpstream) {
    make_upstream(
        {.name = "u",
         .base_url = "http://127.0.0.1:1",
         .models = {{.alias = "fast", .model = "of-upstream"}, {.alias = "big", .model = "huge"}}});
    add({.path_prefix = "/v1", .model_aliases = {{.alias = "fast", .model = "of-route"}}});
    EXPECT_EQ(route(0).model_for("fast"), "of-route");
    EXPECT_EQ(route(0).model_for("big"), "huge");
    EXPECT_EQ(route(0).model_for("plain"), "plain");
}

TEST_F(RouteTableTest, TheBodyIsReadFirstWhereSomethingDependsOnIt) {
    add({.path_prefix = "/plain"});
    add({.path_prefix = "/models", .models = {"a"}});
    add({.path_prefix = "/alias", .model_aliases = {{.alias = "a", .model = "b"}}});
    add({.path_prefix = "/stream", .allow_streaming = false});
    add({.path_prefix = "/whole", .allow_non_streaming = false});
    add({.path_prefix = "/two"});
    add({.path_prefix = "/two", .models = {"a"}});
    EXPECT_FALSE(table().find("/plain")->depends_on_body());
    for (const std::string_view path : {"/models", "/alias", "/stream", "/whole", "/two"}) {
        EXPECT_TRUE(table().find(path)->depends_on_body()) << path;
    }
}

TEST_F(RouteTableTest, AnUpstreamThatRenamesModelsNeedsTheBodyToo) {
    make_upstream(
        {.name = "u", .base_url = "http://127.0.0.1:1", .models = {{.alias = "a", .model = "b"}}});
    add({.path_prefix = "/v1"});
    EXPECT_TRUE(table().find("/v1")->depends_on_body());
}

TEST_F(RouteTableTest, TheLargestBodyOfAPathCounts) {
    add({.path_prefix = "/a"});
    add({.path_prefix = "/b", .request_body_bytes_max = 10});
    add({.path_prefix = "/c", .models = {"x"}, .request_body_bytes_max = 10});
    add({.path_prefix = "/c"});
    EXPECT_EQ(table().find("/a")->body_bytes_max(100), 100U);
    EXPECT_EQ(table().find("/b")->body_bytes_max(100), 10U);
    EXPECT_EQ(table().find("/c")->body_bytes_max(100), 100U);
}

}  // namespace

}  // namespace sluice::pipeline
