// The admin API's table against its description, and the answers of its handlers against both.
#include "server/admin_api.h"

#include <set>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin_fixture.h"
#include "base/arena.h"
#include "base/error.h"
#include "base/metric_families.h"
#include "base/metrics.h"
#include "base/text.h"
#include "base/time.h"
#include "config/diagnostics.h"
#include "http/types.h"
#include "json/tree.h"
#include "server/admin_openapi.h"

namespace sluice::server {

namespace {

using http::Method;
using testing::HasSubstr;

const json::Value& parse(std::string_view text, Arena& arena) {
    const auto value = json::Value::parse(text, arena, ErrorSource::gateway);
    EXPECT_TRUE(value) << text;
    static const json::Value kNone;
    return value ? **value : kNone;
}

std::string lower_name(Method method) {
    std::string name(http::method_name(method));
    for (char& c : name) {
        c = ascii_lower(c);
    }
    return name;
}

class Description {
public:
    explicit Description(Arena& arena) : root_(parse(admin_openapi(), arena)) {}

    const json::Value& paths() const { return root_["paths"]; }
    // The schema of an answer in JSON; absent when there is none.
    const json::Value& schema_of(Method method, std::string_view path, int status) const {
        return paths()[path][lower_name(method)]["responses"][std::to_string(status)]["content"]
                      ["application/json"]["schema"];
    }
    // Follows references.
    const json::Value& resolve(const json::Value& schema) const {
        constexpr std::string_view kPrefix = "#/components/schemas/";
        const std::string_view reference = schema["$ref"].text().raw;
        return reference.starts_with(kPrefix)
                   ? root_["components"]["schemas"][reference.substr(kPrefix.size())]
                   : schema;
    }
    // What the schema names is there, and what is there is named by it.
    void expect_fits(const json::Value& value,
                     const json::Value& unresolved,
                     const std::string& place) {
        const json::Value& schema = resolve(unresolved);
        const json::Value& properties = schema["properties"];
        if (properties.is_present()) {
            std::set<std::string_view> described;
            std::set<std::string_view> present;
            for (const json::Value& property : properties) {
                described.insert(property.key().raw);
                expect_fits(value[property.key().raw], property,
                            place + "/" + std::string(property.key().raw));
            }
            for (const json::Value& member : value) {
                present.insert(member.key().raw);
            }
            EXPECT_EQ(present, described) << place;
        } else if (schema["items"].is_present()) {
            ASSERT_TRUE(value.is_array()) << place;
            EXPECT_GT(value.size(), 0U) << place << ": nothing to compare with";
            for (const json::Value& item : value) {
                expect_fits(item, schema["items"], place + "[]");
            }
        } else {
            EXPECT_TRUE(has_type(value, schema["type"].text().raw)) << place << value.raw();
        }
    }

private:
    static bool has_type(const json::Value& value, std::string_view type) {
        return type == "string"    ? value.is_string()
               : type == "integer" ? value.integer().has_value()
               : type == "number"  ? value.is_number()
               : type == "boolean" ? value.is_boolean()
               : type == "object"  ? value.is_object()
                                   : value.is_present();
    }

    const json::Value& root_;
};

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
        store_.gauge(MetricId::exchanges, {"0"}).set(3);
        for (int i = 0; i < 8; ++i) {
            store_.histogram(MetricId::request_duration_seconds, {"/v1", "up"})
                .record(Duration::milliseconds(10));
        }
    }
    void expect_described(Method method, std::string_view path, int status) {
        const AdminAnswer answer = ask(method, path);
        EXPECT_EQ(answer.status, status);
        Arena arena;
        Description description(arena);
        const json::Value& schema = description.schema_of(method, path, status);
        ASSERT_TRUE(schema.is_present()) << path;
        description.expect_fits(parse(answer.body, arena), schema, std::string(path));
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
