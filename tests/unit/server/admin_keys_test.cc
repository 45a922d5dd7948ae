// Keys, limits, the cache and usage by the admin API: answers as they are described, what changes
// and what may not, and no secret but in the answer to its making.
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "access/admission.h"
#include "access/budget.h"
#include "access/key_table.h"
#include "access/virtual_key.h"
#include "admin_description.h"
#include "admin_fixture.h"
#include "base/arena.h"
#include "base/time.h"
#include "cache/cache_key.h"
#include "cache/reply.h"
#include "coro/signal.h"
#include "crypto/digest.h"
#include "json/tree.h"
#include "ledger/report.h"
#include "server/restore_budgets.h"
#include "server/usage_desk.h"
#include "unit/config/helpers.h"

namespace sluice::server {

namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kConfiguredSecret = "sk-ada-0123456789-0123456789";

class AdminKeys : public AdminTest {
protected:
    void SetUp() override {
        AdminTest::SetUp();
        use_file(folder_.path("keys.json"));
    }
    void use_file(const std::string& file) {
        config_.keys.file = file;
        config_.virtual_keys.clear();
        access::KeyOptions& key = config_.virtual_keys.emplace_back();
        key.name = "ada";
        key.hash = crypto::hex(access::hash_secret(kConfiguredSecret));
        key.models = {"m"};
        key.routes = {"/v1"};
        key.limits.requests_per_day = 10;
        config_.tenants = {{.name = "research", .limits = {.tokens_per_day = 100}, .budget = {}}};
        ASSERT_TRUE(access_.load(config_, kMoment));
    }
    std::string code_of(const AdminAnswer& answer) {
        return std::string(parse(answer.body, arena_)["error"]["code"].text().raw);
    }
    // The id and the secret of a new key.
    std::pair<std::string, std::string> create(std::string_view body) {
        const AdminAnswer answer = ask(Method::post, "/v1/keys", body);
        EXPECT_EQ(answer.status, 201) << answer.body;
        const json::Value& made = parse(answer.body, arena_);
        return {std::string(made["key"]["id"].text().raw), std::string(made["secret"].text().raw)};
    }
    std::string path_of(const std::string& id) { return "/v1/keys/" + id; }
    access::AccessReason use(std::string_view secret) {
        return access::authenticate(*access_.keys().table(), secret, kMoment.unix_s(), "", "")
            .reason;
    }

    Arena arena_;
    config::TemporaryFolder folder_;
};

TEST_F(AdminKeys, AreAsDescribed) {
    const std::string_view body =
        R"({"name":"ci","models":["m"],"routes":["/v1"],"limits":{"requests_per_minute":5}})";
    const AdminAnswer made = ask(Method::post, "/v1/keys", body);
    expect_as_described(made, Method::post, "/v1/keys", 201);
    const std::string id(parse(made.body, arena_)["key"]["id"].text().raw);
    expect_as_described(ask(Method::get, "/v1/keys"), Method::get, "/v1/keys", 200);
    expect_as_described(ask(Method::get, path_of(id)), Method::get, "/v1/keys/{id}", 200);
    expect_as_described(ask(Method::patch, path_of(id), R"({"disabled":true})"), Method::patch,
                        "/v1/keys/{id}", 200);
    expect_as_described(ask(Method::delete_method, path_of(id)), Method::delete_method,
                        "/v1/keys/{id}", 200);
    expect_as_described(ask(Method::post, "/v1/keys", "{"), Method::post, "/v1/keys", 400);
    expect_as_described(ask(Method::get, "/v1/keys/none"), Method::get, "/v1/keys/{id}", 404);
}

TEST_F(AdminKeys, OneIsMadeChangedAndRevoked) {
    const auto [id, secret] = create(R"({"name":"ci","tenant":"research"})");
    EXPECT_EQ(use(secret), access::AccessReason::granted);
    EXPECT_EQ(ask(Method::patch, path_of(id), R"({"disabled":true})").status, 200);
    EXPECT_EQ(use(secret), access::AccessReason::disabled);
    EXPECT_EQ(ask(Method::patch, path_of(id), R"({"disabled":false,"models":["x"]})").status, 200);
    EXPECT_EQ(use(secret), access::AccessReason::granted);
    EXPECT_THAT(access_.keys().find(id)->record.models, testing::ElementsAre("x"));
    EXPECT_EQ(access_.keys().find(id)->record.tenant, "research");
    EXPECT_EQ(ask(Method::delete_method, path_of(id)).status, 200);
    EXPECT_EQ(use(secret), access::AccessReason::revoked);
    // A restart knows it still.
    AccessControl again(kMoment);
    ASSERT_TRUE(again.load(config_, kMoment));
    EXPECT_NE(again.keys().find(id)->record.revoked_at_s, 0);
}

TEST_F(AdminKeys, ASecretIsToldOnceAndAHashNever) {
    const auto [id, secret] = create(R"({"name":"ci"})");
    const std::string hash = crypto::hex(access::hash_secret(secret));
    std::ifstream file(config_.keys.file);
    const std::string stored((std::istreambuf_iterator<char>(file)), {});
    EXPECT_THAT(stored, HasSubstr(hash));
    EXPECT_THAT(stored, Not(HasSubstr(secret)));
    for (const AdminAnswer& answer : {ask(Method::get, "/v1/keys"), ask(Method::get, path_of(id)),
                                      ask(Method::patch, path_of(id), R"({"name":"c"})"),
                                      ask(Method::delete_method, path_of(id))}) {
        EXPECT_EQ(answer.status, 200);
        EXPECT_THAT(answer.body, Not(HasSubstr(secret)));
        EXPECT_THAT(answer.body, Not(HasSubstr(hash)));
    }
}

TEST_F(AdminKeys, ThoseOfTheConfigurationAreReadOnly) {
    EXPECT_EQ(ask(Method::get, "/v1/keys/ada").status, 200);
    for (const Method method : {Method::patch, Method::delete_method}) {
        const AdminAnswer refused = ask(method, "/v1/keys/ada", "{}");
        EXPECT_EQ(refused.status, 409);
        EXPECT_EQ(code_of(refused), "configured_key");
        EXPECT_THAT(refused.body, HasSubstr("[key.ada]"));
    }
}

TEST_F(AdminKeys, WithoutAFileNothingCanBeMade) {
    use_file("");
    const AdminAnswer refused = ask(Method::post, "/v1/keys", R"({"name":"ci"})");
    EXPECT_EQ(refused.status, 409);
    EXPECT_EQ(code_of(refused), "no_key_file");
    EXPECT_THAT(refused.body, HasSubstr("keys.file"));
}

TEST_F(AdminKeys, AFileThatCannotBeWrittenChangesNothing) {
    use_file(folder_.path("no/such/folder/keys.json"));
    const AdminAnswer refused = ask(Method::post, "/v1/keys", R"({"name":"ci"})");
    EXPECT_EQ(refused.status, 500);
    EXPECT_EQ(code_of(refused), "not_stored");
    EXPECT_EQ(access_.keys().table()->keys().size(), 1U);
}

TEST_F(AdminKeys, EverythingThatIsWrongIsNamed) {
    for (const auto& [body, expected] :
         {std::pair{"[]", "a key must be an object"},
          {"{}", "name must be"},
          {R"({"name":"a","limits":{"requests_per_day":-1},"expires_at":"x"})", "expires_at must"},
          {R"({"name":"a","limits":{"requests_per_day":-1}})", "limits.requests_per_day must"},
          {R"({"name":"a","sha256":"0"})", "sha256 is not a member that is known"}}) {
        const AdminAnswer refused = ask(Method::post, "/v1/keys", body);
        EXPECT_EQ(refused.status, 400) << body;
        EXPECT_THAT(refused.body, HasSubstr(expected)) << body;
    }
    EXPECT_EQ(code_of(ask(Method::patch, "/v1/keys/%zz", "{}")), "no_such_key");
    EXPECT_EQ(code_of(ask(Method::get, "/v1/keys?limit=1001")), "invalid_parameter");
    EXPECT_EQ(code_of(ask(Method::get, "/v1/keys?lim=1")), "invalid_parameter");
}

TEST_F(AdminKeys, AreListedByPages) {
    for (int i = 0; i < 3; ++i) {
        create(R"({"name":"k","tenant":"research"})");
    }
    const std::string body = ask(Method::get, "/v1/keys?tenant=research&limit=2&offset=1").body;
    const json::Value& page = parse(body, arena_);
    EXPECT_EQ(page["keys"].size(), 2U);
    EXPECT_EQ(page["total"].integer(), 3);
}

// --- Limits.

TEST_F(AdminKeys, LimitsTellWhatIsLeft) {
    const auto [id, secret] =
        create(R"({"name":"ci","limits":{"requests_per_day":7,"concurrency_max":2},)"
               R"("budget":{"usd":1.5,"period":"day"}})");
    expect_as_described(ask(Method::get, "/v1/limits"), Method::get, "/v1/limits", 200);
    access::ScopeLimits* const scopes[] = {access_.keys().find(id)->limits.get()};
    access::Admission admission;
    ASSERT_FALSE(admission.admit(scopes, {.now = kMoment.now,
                                          .unix_s = kMoment.unix_s(),
                                          .tokens = 0,
                                          .cost_picodollars = 250'000'000'000}));
    const std::string body = ask(Method::get, "/v1/limits?scope=key&name=" + id).body;
    EXPECT_THAT(body, HasSubstr(R"("name":"requests_per_day","limit":7,"remaining":6)"));
    EXPECT_THAT(body, HasSubstr(R"("in_flight":1,"concurrency_max":2)"));
    EXPECT_THAT(body, HasSubstr(R"("reserved_usd":0.25,"remaining_usd":1.25,"period":"day")"));
    EXPECT_EQ(parse(body, arena_)["total"].integer(), 1);
    const std::string all = ask(Method::get, "/v1/limits?limit=1").body;
    EXPECT_EQ(parse(all, arena_)["scopes"].size(), 1U);
    EXPECT_EQ(parse(all, arena_)["total"].integer(), 3) << "two keys and a tenant";
    admission.cancel();
}

// --- The cache.

class AdminCache : public AdminKeys {
protected:
    crypto::Sha256 store(std::string_view tenant, std::string_view model) {
        Arena arena;
        const json::Value& body = parse(R"({"messages":[]})", arena);
        cache::KeyRef key = keys_.make(
            {.operation = "chat", .target = "t", .tenant = tenant, .model = model, .variant = ""},
            body);
        const std::string_view parts[] = {"answer"};
        const crypto::Sha256 digest = key->digest();
        caches_.front()->store(std::move(key), cache::Reply::make({}, parts, {}),
                               Duration::seconds(100));
        run_for(Duration::milliseconds(10));
        return digest;
    }
    int64_t purge(std::string_view body) {
        const std::string answer = ask(Method::post, "/v1/cache/purge", body).body;
        EXPECT_TRUE(parse(answer, arena_)["complete"].is_true()) << answer;
        return parse(answer, arena_)["removed"].integer().value_or(-1);
    }

    cache::KeyMaker keys_{"0123456789abcdef0123456789abcdef"};
};

TEST_F(AdminCache, IsPurgedByWhatIsAsked) {
    expect_as_described(ask(Method::get, "/v1/cache"), Method::get, "/v1/cache", 200);
    expect_as_described(ask(Method::post, "/v1/cache/purge", R"({"all":true})"), Method::post,
                        "/v1/cache/purge", 200);
    const crypto::Sha256 one = store("a", "m1");
    store("a", "m2");
    store("b", "m1");
    store("b", "m2");
    store("", "m3");
    EXPECT_EQ(cache_group_.statistics().entries, 5U);
    EXPECT_EQ(purge(R"({"digest":")" + crypto::hex(one) + R"("})"), 1);
    EXPECT_EQ(purge(R"({"tenant":"a","model":"m1"})"), 0);
    EXPECT_EQ(purge(R"({"model":"m2"})"), 2);
    EXPECT_EQ(purge(R"({"tenant":""})"), 1);
    EXPECT_EQ(purge(R"({"all":true})"), 1);
    EXPECT_EQ(cache_group_.statistics().entries, 0U);
    const std::string counts = ask(Method::get, "/v1/cache").body;
    EXPECT_EQ(parse(counts, arena_)["invalidations"].integer(), 5);
}

TEST_F(AdminCache, NothingIsPurgedByMistake) {
    store("a", "m1");
    for (const std::string_view body :
         {"", "{}", "[]", R"({"all":false})", R"({"all":true,"model":"m"})", R"({"modell":"m"})",
          R"({"model":1})", R"({"digest":"ab"})"}) {
        const AdminAnswer refused = ask(Method::post, "/v1/cache/purge", body);
        EXPECT_EQ(refused.status, 400) << body;
        EXPECT_EQ(code_of(refused), "invalid_scope") << body;
    }
    EXPECT_EQ(cache_group_.statistics().entries, 1U);
}

// --- Usage.

// Has the same answer for every question.
class KnowingDesk final : public UsageDesk {
public:
    explicit KnowingDesk(UsageAnswer answer) : answer_(std::move(answer)) {}

    std::unique_ptr<UsageQuestion> ask(ledger::ReportQuery query, coro::Signal& signal) override {
        asked = std::move(query);
        signal.raise();
        return is_busy ? nullptr : std::make_unique<Question>(answer_);
    }

    bool is_busy = false;
    ledger::ReportQuery asked;

private:
    class Question final : public UsageQuestion {
    public:
        explicit Question(const UsageAnswer& answer) : answer_(answer) {}
        std::optional<UsageAnswer>& answer() override { return answer_; }

    private:
        std::optional<UsageAnswer> answer_;
    };

    UsageAnswer answer_;
};

TEST_F(AdminKeys, UsageIsAskedForInWords) {
    EXPECT_EQ(ask(Method::get, "/v1/usage").status, 503);
    ledger::Report report = {.by = {ledger::GroupBy::key}, .rows = {}, .total = {}};
    report.rows.push_back({.group = {"ci"}, .totals = {.requests = 2}});
    report.rows.push_back({.group = {"cj"}, .totals = {.requests = 1}});
    report.total.requests = 3;
    KnowingDesk desk(report);
    usage_ = &desk;
    const AdminAnswer answer =
        ask(Method::get, "/v1/usage?by=key&since=2026-11-28&model=gpt%2D4&limit=1");
    expect_as_described(answer, Method::get, "/v1/usage", 200);
    EXPECT_EQ(desk.asked.by, std::vector{ledger::GroupBy::key});
    EXPECT_EQ(desk.asked.since_ns, 1'795'824'000'000'000'000);
    EXPECT_EQ(desk.asked.model, "gpt-4");
    const json::Value& body = parse(answer.body, arena_);
    EXPECT_EQ(body["rows_total"].integer(), 2);
    EXPECT_EQ(body["report"]["rows"].size(), 1U);
    EXPECT_EQ(body["report"]["total"]["requests"].integer(), 3);
    for (const std::string_view path : {"/v1/usage?by=nothing", "/v1/usage?since=yesterday"}) {
        EXPECT_EQ(code_of(ask(Method::get, path)), "invalid_parameter") << path;
    }
    desk.is_busy = true;
    EXPECT_EQ(code_of(ask(Method::get, "/v1/usage")), "busy");
}

TEST_F(AdminKeys, ABudgetThatComesIntoForceGetsItsHistory) {
    const auto [id, secret] = create(R"({"name":"ci"})");
    EXPECT_EQ(budget_changes_, 0U);
    ASSERT_EQ(ask(Method::patch, path_of(id), R"({"budget":{"usd":5,"period":"day"}})").status,
              200);
    EXPECT_EQ(budget_changes_, 1U);
    ledger::Report report = {.by = {ledger::GroupBy::key}, .rows = {}, .total = {}};
    report.rows.push_back({.group = {id}, .totals = {.cost_pico = 2'000'000'000'000}});
    report.rows.push_back({.group = {"another"}, .totals = {.cost_pico = 1}});
    KnowingDesk desk(report);
    BudgetHistory history(control_->proactor(), access_, desk);
    history.look(kMoment);
    EXPECT_TRUE(world_.run_until([&] { return history.is_idle(); }, Duration::seconds(10)));
    EXPECT_EQ(desk.asked.until_ns, kMoment.unix_ms * 1'000'000);
    access::Budget& budget = access_.keys().find(id)->limits->budget();
    EXPECT_EQ(budget.status(kMoment.unix_s()).spent_picodollars, 2'000'000'000'000);
    // Once.
    history.look(kMoment);
    EXPECT_TRUE(history.is_idle());
}

// What it spends is counted as it comes; the ledger would bring it a second time.
TEST_F(AdminKeys, AKeyThatIsMadeWithABudgetHasNoHistory) {
    const auto [id, secret] = create(R"({"name":"ci","budget":{"usd":5,"period":"day"}})");
    KnowingDesk desk(ledger::Report{.by = {ledger::GroupBy::key},
                                    .rows = {{.group = {id}, .totals = {.cost_pico = 7}}},
                                    .total = {}});
    BudgetHistory history(control_->proactor(), access_, desk);
    history.look(kMoment);
    EXPECT_TRUE(history.is_idle());
    EXPECT_EQ(access_.keys().find(id)->limits->budget().status(kMoment.unix_s()).spent_picodollars,
              0);
}

TEST_F(AdminKeys, ALedgerThatCannotBeReadIsSaid) {
    KnowingDesk desk(std::unexpected("it is away"));
    usage_ = &desk;
    const AdminAnswer answer = ask(Method::get, "/v1/usage");
    EXPECT_EQ(answer.status, 503);
    EXPECT_THAT(answer.body, HasSubstr("it is away"));
}

}  // namespace

}  // namespace sluice::server
