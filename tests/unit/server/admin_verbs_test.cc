// Verbs of the command line: which request they make, which mistakes they name, which tables come
// of answers.
#include "server/admin_verbs.h"

#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::server {

namespace {

using testing::HasSubstr;
using Arguments = std::vector<std::string>;

VerbRequest made(std::string_view noun, const Arguments& arguments) {
    const auto request = parse_verb(noun, arguments);
    EXPECT_TRUE(request) << request.error();
    return request.value_or(VerbRequest());
}

TEST(AdminVerbs, MakeARequest) {
    const VerbRequest create = made("keys", {"create",
                                             "ci \"one\"",
                                             "--tenant=t",
                                             "--models",
                                             "a, b*",
                                             "--limit",
                                             "requests_per_minute=5",
                                             "--limit=tokens_per_day=0",
                                             "--budget",
                                             "2.5",
                                             "--period",
                                             "week",
                                             "--expires",
                                             "2027-01-31",
                                             "--metadata",
                                             "owner=Ada=B",
                                             "--disable",
                                             "--admin",
                                             "localhost:1",
                                             "--json"});
    EXPECT_EQ(create.method, "POST");
    EXPECT_EQ(create.path, "/v1/keys");
    EXPECT_EQ(create.body,
              R"({"tenant":"t","models":["a","b*"],"expires_at":"2027-01-31T00:00:00Z",)"
              R"("disabled":true,"name":"ci \"one\"","limits":{"requests_per_minute":5,)"
              R"("tokens_per_day":0},"budget":{"usd":2.5,"period":"week"},)"
              R"("metadata":{"owner":"Ada=B"}})");
    EXPECT_EQ(create.admin_address, "localhost:1");
    EXPECT_TRUE(create.json);
    EXPECT_EQ(made("keys", {"revoke", "a/b"}).path, "/v1/keys/a%2Fb");
    EXPECT_EQ(made("keys", {"update", "x", "--models", ""}).body, R"({"models":[]})");
    EXPECT_EQ(made("limits", {"--name", "a b"}).path, "/v1/limits?limit=1000&name=a%20b");
    EXPECT_EQ(made("cache", {"purge", "--all"}).body, R"({"all":true})");
    EXPECT_EQ(made("cache", {"stats"}).method, "GET");
    EXPECT_TRUE(made("keys", {"create", "--help"}).wants_help);
}

TEST(AdminVerbs, NameWhatIsWrong) {
    for (const auto& [noun, arguments, expected] :
         std::vector<std::tuple<std::string_view, Arguments, std::string>>{
             {"keys", {}, "keys: expected one of list, show, create, update, revoke"},
             {"keys", {"lst"}, "keys: unknown verb \"lst\""},
             {"keys", {"create"}, "keys: create: expected a name"},
             {"keys", {"show", "a", "b"}, "keys: unexpected argument \"b\""},
             {"keys", {"list", "--tenent", "x"}, "did you mean \"--tenant\"?"},
             {"keys", {"create", "a", "--limit", "x"}, "--limit: expected NAME=N"},
             {"keys", {"create", "a", "--limit", "x=1.5"}, "--limit: expected NAME=N"},
             {"keys", {"create", "a", "--budget", "much"}, "\"much\" is no sum of dollars"},
             {"keys", {"create", "a", "--budget"}, "--budget: the value is missing"},
             {"keys", {"create", "a", "--metadata", "x"}, "--metadata: expected NAME=TEXT"},
             {"keys", {"create", "a", "--enable=1"}, "--enable: has no value"},
             {"cache", {"purge", "--limit", "1"}, "cache: unknown option \"--limit\""}}) {
        const auto request = parse_verb(noun, arguments);
        ASSERT_FALSE(request) << expected;
        EXPECT_THAT(request.error(), HasSubstr(expected));
    }
}

std::string table(std::string_view method, std::string_view json) {
    VerbRequest request;
    request.method = method;
    const auto text = verb_table(request, json);
    EXPECT_TRUE(text) << json;
    return text.value_or("");
}

TEST(AdminVerbs, ShowTables) {
    EXPECT_THAT(table("GET", R"({"keys":[{"id":"k","name":"ci\u001b","tenant":"","prefix":"p",)"
                             R"("revoked_at":null,"disabled":true,"expires_at":null,)"
                             R"("limits":{"requests_per_day":3},"budget":{}}],"total":4})"),
                HasSubstr("k   ci?   -       p       disabled  -        requests_per_day=3  -\n"
                          "1 of 4; --offset shows others\n"));
    EXPECT_THAT(
        table("GET",
              R"({"scopes":[{"scope":"key","name":"k","processor":"","rates":[],)"
              R"("in_flight":1,"concurrency_max":4,"budget":{"usd":2,"soft_usd":null,)"
              R"("spent_usd":0.5,"remaining_usd":1.5,"period":"day","period_ends_at":"z"}}],)"
              R"("total":1})"),
        testing::AllOf(HasSubstr("concurrency  4   3 "), HasSubstr("usd per day  2   1.5")));
    EXPECT_EQ(table("POST", R"({"removed":3,"complete":false})"),
              "3 removed; a shard has not answered yet\n");
    EXPECT_EQ(table("POST", R"({"secret":"s","key":{"id":"k","models":[]},"in_force":true})"),
              "secret  s\n\nid      k\nmodels  []\n");
    EXPECT_FALSE(verb_table({}, "no JSON"));
}

}  // namespace

}  // namespace sluice::server
