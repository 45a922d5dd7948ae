// The admin API's table against its description, and the answers of its handlers against both.
#include "server/admin_api.h"

#include <set>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin_description.h"
#include "admin_fixture.h"
#include "base/arena.h"
#include "base/metric_families.h"
#include "base/metrics.h"
#include "base/time.h"
#include "config/diagnostics.h"
#include "http/types.h"
#include "json/tree.h"

namespace sluice::server {

namespace {

using http::Method;
using testing::HasSubstr;

TEST(AdminTable, IsDescribedAndNothingElseIs) {
    Arena arena;
    const Description description(arena);
    std::set<std::string> described;
    for (const json::Value& path : description.paths()) {
        for (const json::Value& operation : path) {
            described.insert(std::string(operation.key().raw) + " " + std::string(path.key().raw));
        }
    }
    std::set<std::string> known;
    for (const AdminEndpoint& endpoint : admin_endpoints()) {
        known.insert(lower_name(endpoint.method) + " " + std::string(endpoint.path));
        const json::Value& operation =
            description.paths()[endpoint.path][lower_name(endpoint.method)];
        EXPECT_EQ(operation["summary"].text().raw, endpoint.summary) << endpoint.path;
    }
    EXPECT_EQ(known, described);
    EXPECT_EQ(known.size(), admin_endpoints().size()) << "an endpoint stands there twice";
}

TEST(AdminTable, FindsByMethodAndPath) {
    EXPECT_EQ(find_admin_endpoint(Method::get, "/v1/status").endpoint->path, "/v1/status");
    EXPECT_NE(find_admin_endpoint(Method::head, "/v1/status").endpoint, nullptr);
    const AdminMatch wrong_method = find_admin_endpoint(Method::post, "/v1/status");
    EXPECT_EQ(wrong_method.endpoint, nullptr);
    EXPECT_EQ(wrong_method.allowed, "GET, HEAD");
    EXPECT_EQ(find_admin_endpoint(Method::head, "/v1/reload").allowed, "POST");
    for (const std::string_view path :
         {"/", "/v1", "/v1/", "/v1/status/", "/v1/status/x", "//v1/status", "/V1/status", "*"}) {
        const AdminMatch none = find_admin_endpoint(Method::get, path);
        EXPECT_TRUE(none.endpoint == nullptr && none.allowed.empty()) << path;
    }
}

class AdminAnswers : public AdminTest {
protected:
    void SetUp() override {
        AdminTest::SetUp();
        config_ = config::config_of(config::load(
            config::with_rest("[admin]\ntoken_env = \"TOKEN\"\n[llm.keyed]\nprovider = \"openai\"\n"
                              "token_env = \"KEY\"\n"),
            {{"TOKEN", "admin-s3cret"}, {"KEY", "upstream-s3cret"}}));
        store_.counter(MetricId::requests_total, {"/v1", "up", "200"}).add(7);
        store_.counter(MetricId::requests_total, {"/v1", "up", "502"}).add(1);
        store_.counter(MetricId::requests_total, {"", "", "404"}).add(2);
        store_.counter(MetricId::request_failures_total, {"/v1", "up"}).add(1);
        store_.counter(MetricId::request_failures_total, {"", ""}).add(2);
        store_.counter(MetricId::tokens_total, {"/v1", "up", "prompt"}).add(100);
        store_.counter(MetricId::model_requests_total, {"m"}).add(8);
        store_.counter(MetricId::model_tokens_total, {"m", "prompt"}).add(100);
        store_.counter(MetricId::model_tokens_total, {"m", "completion"}).add(20);
        store_.gauge(MetricId::exchanges, {"0"}).set(3);
        for (int i = 0; i < 8; ++i) {
            store_.histogram(MetricId::request_duration_seconds, {"/v1", "up"})
                .record(Duration::milliseconds(10));
        }
    }
    void expect_described(Method method, std::string_view path, int status) {
        expect_as_described(ask(method, path), method, path, status);
    }
};

TEST_F(AdminAnswers, AreAsDescribed) {
    expect_described(Method::get, "/v1/status", 200);
    expect_described(Method::get, "/v1/config", 200);
    expect_described(Method::get, "/v1/stats", 200);
    expect_described(Method::get, "/openapi.json", 200);
    report_ = {.is_accepted = true,
               .diagnostics = {{config::Severity::warning, "a.toml", {1, 2}, "llm.x", "unused"}},
               .restart_needed = {"server.port"}};
    expect_described(Method::post, "/v1/reload", 200);
    report_.is_accepted = false;
    report_.diagnostics.push_back({config::Severity::error, "a.toml", {3, 4}, "server", "wrong"});
    expect_described(Method::post, "/v1/reload", 409);
}

TEST_F(AdminAnswers, ShowNoSecret) {
    const AdminAnswer answer = ask(Method::get, "/v1/config");
    EXPECT_THAT(answer.body, HasSubstr("env:TOKEN (set)"));
    EXPECT_THAT(answer.body, HasSubstr("\"has_token\":true"));
    EXPECT_THAT(answer.body, Not(HasSubstr("s3cret")));
}

TEST_F(AdminAnswers, AddUpWhatWasServed) {
    Arena arena;
    const std::string body = ask(Method::get, "/v1/stats").body;
    const json::Value& stats = parse(body, arena);
    EXPECT_EQ(stats["requests"].integer(), 10);
    EXPECT_EQ(stats["failures"].integer(), 3);
    EXPECT_EQ(stats["in_flight"].integer(), 3);
    ASSERT_EQ(stats["upstreams"].size(), 1U);
    const json::Value& upstream = *stats["upstreams"].begin();
    EXPECT_EQ(upstream["requests"].integer(), 8);
    EXPECT_EQ(upstream["error_rate"].number(), 0.125);
    EXPECT_EQ(upstream["tokens"]["prompt"].integer(), 100);
    EXPECT_EQ(upstream["latency_ms"]["average"].number(), 10.0);
    // Inside the bucket that holds 10 ms.
    EXPECT_GT(upstream["latency_ms"]["p50"].number(), 5.0);
    EXPECT_LT(upstream["latency_ms"]["p99"].number(), 15.0);
    EXPECT_EQ(stats["routes"].size(), 1U);
    EXPECT_EQ(stats["models"].begin()->raw(),
              R"({"model":"m","requests":8,"tokens":{"prompt":100,"completion":20}})");
}

TEST_F(AdminAnswers, SayWhichShardsRespond) {
    Arena arena;
    const std::string body = ask(Method::get, "/v1/status").body;
    const json::Value& shards = parse(body, arena)["shards"];
    ASSERT_EQ(shards.size(), kShards);
    for (const json::Value& shard : shards) {
        EXPECT_TRUE(shard["responds"].is_true());
    }
}

TEST(AdminError, IsJsonWhateverTheMessage) {
    const AdminAnswer answer = admin_error(400, "code", "a \"quoted\"\ntext");
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(answer.body, R"({"error":{"message":"a \"quoted\"\ntext","code":"code"}})");
}

}  // namespace

}  // namespace sluice::server
