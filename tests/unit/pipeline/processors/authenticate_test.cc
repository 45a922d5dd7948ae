// Where a key may stand, what becomes of a bad one, and what a good one may do.
#include "pipeline/processors/authenticate.h"

#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include "access/virtual_key.h"
#include "base/error.h"
#include "pipeline/processor.h"
#include "unit/pipeline/processors/keys_fixture.h"

namespace sluice::pipeline {
namespace {

constexpr std::string_view kSecret = "sk-sluice-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

class AuthenticateTest : public KeysTest {
protected:
    void SetUp() override {
        KeysTest::SetUp();
        access::KeyRecord record = key("ci", kSecret);
        record.tenant = "research";
        record.models = {"gpt-*"};
        record.routes = {"/v1"};
        load({record}, {{.name = "research"}});
    }

    // Of on_head and, if that lets it pass, on_request.
    Verdict verdict_of(Asking& asking, const AuthenticateOptions& options = {}) {
        Authenticate step(options);
        const Verdict early = step.on_head(asking.context);
        return early.kind() == Verdict::Kind::proceed ? step.on_request(asking.context) : early;
    }
    std::string refusal_of(Asking& asking, const AuthenticateOptions& options = {}) {
        const Verdict verdict = verdict_of(asking, options);
        if (verdict.kind() != Verdict::Kind::refuse) {
            return "none";
        }
        return std::to_string(verdict.told()->status) + " " + std::string(verdict.told()->code) +
               " " + std::string(asking.record.key_refusal);
    }
    Asking& ask_for(std::string_view model, std::string_view field = "x-api-key") {
        Asking& asking = ask(field, kSecret);
        asking.record.model = model;
        return asking;
    }
};

TEST_F(AuthenticateTest, FindsTheKeyWhereverItsClientPutsIt) {
    const std::string bearer = "Bearer " + std::string(kSecret);
    const std::pair<std::string_view, std::string_view> places[] = {{"authorization", bearer},
                                                                    {"x-api-key", kSecret},
                                                                    {"api-key", kSecret},
                                                                    {"x-goog-api-key", kSecret}};
    for (const auto& [field, value] : places) {
        Asking& asking = ask(field, value);
        asking.record.model = "gpt-4o";
        EXPECT_EQ(refusal_of(asking), "none") << field;
        ASSERT_NE(asking.context.key, nullptr) << field;
        EXPECT_EQ(asking.record.key_name, "ci");
        EXPECT_EQ(asking.record.key_id, "key_ci");
        EXPECT_EQ(asking.record.tenant, "research");
    }
}

TEST_F(AuthenticateTest, AFieldOfOnesOwnHoldsItToo) {
    const AuthenticateOptions options = {.optional = false, .header = "x-team-key"};
    EXPECT_EQ(refusal_of(ask_for("gpt-4o", "x-team-key")), "401 invalid_api_key missing");
    Asking& asking = ask_for("gpt-4o", "X-Team-Key");
    EXPECT_EQ(refusal_of(asking, options), "none");
    EXPECT_TRUE(asking.context.request_fields.removes("x-team-key"));
    EXPECT_EQ(refusal_of(ask_for("gpt-4o"), options), "none");
}

TEST_F(AuthenticateTest, SaysWhyAKeyIsRefused) {
    access::KeyRecord revoked = key("a", "sk-sluice-revoked-0000000");
    revoked.revoked_at_s = 1;
    access::KeyRecord expired = key("b", "sk-sluice-expired-0000000");
    expired.expires_at_s = kMoment.unix_s();
    access::KeyRecord disabled = key("c", "sk-sluice-disabled-000000");
    disabled.is_disabled = true;
    load({revoked, expired, disabled});
    EXPECT_EQ(refusal_of(ask()), "401 invalid_api_key missing");
    EXPECT_EQ(refusal_of(ask("authorization", "Basic abc")), "401 invalid_api_key missing");
    EXPECT_EQ(refusal_of(ask("x-api-key", "sk-other")), "401 invalid_api_key unknown");
    Asking& asking = ask("x-api-key", "sk-sluice-revoked-0000000");
    EXPECT_EQ(refusal_of(asking), "401 invalid_api_key revoked");
    EXPECT_EQ(asking.record.key_name, "a") << "the log says whose it was";
    EXPECT_EQ(asking.context.key, nullptr);
    EXPECT_EQ(refusal_of(ask("x-api-key", "sk-sluice-expired-0000000")),
              "401 invalid_api_key expired");
    EXPECT_EQ(refusal_of(ask("x-api-key", "sk-sluice-disabled-000000")),
              "401 invalid_api_key disabled");
}

TEST_F(AuthenticateTest, NobodyMayPassWhereAKeyIsOptional) {
    const AuthenticateOptions options = {.optional = true, .header = {}};
    Asking& nobody = ask();
    EXPECT_EQ(refusal_of(nobody, options), "none");
    EXPECT_EQ(nobody.context.key, nullptr);
    EXPECT_EQ(refusal_of(ask("x-api-key", "sk-other"), options), "401 invalid_api_key unknown");
}

TEST_F(AuthenticateTest, HoldsAKeyToItsModelsAndRoutes) {
    EXPECT_EQ(refusal_of(ask_for("o3")), "403 model_not_allowed model_not_allowed");
    Asking& unnamed = ask_for("");
    unnamed.context.body.take_text(R"({"messages":[]})");
    EXPECT_EQ(refusal_of(unnamed), "403 model_not_allowed model_not_allowed");
    EXPECT_EQ(refusal_of(ask_for("")), "none") << "a request without a body has no model";
    route_options_.path_prefix = "/other";
    EXPECT_EQ(refusal_of(ask_for("gpt-4o")), "403 route_not_allowed route_not_allowed");
}

TEST_F(AuthenticateTest, RepeatsNoSecret) {
    Asking& asking = ask("x-api-key", "sk-something-that-was-mistyped");
    const Verdict verdict = verdict_of(asking);
    EXPECT_EQ(verdict.error().kind, ErrorKind::unauthorized);
    EXPECT_EQ(verdict.told()->message.find("mistyped"), std::string_view::npos);
}

}  // namespace
}  // namespace sluice::pipeline
