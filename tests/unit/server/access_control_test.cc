// What a load hands to shards, and what stays counted over the next one.
#include "server/access_control.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "access/admission.h"
#include "access/limit_book.h"
#include "access/options.h"
#include "access/scope_limits.h"
#include "access/scope_set.h"
#include "access/virtual_key.h"
#include "base/time.h"
#include "config/config.h"
#include "crypto/digest.h"
#include "pipeline/processors/rate_limit.h"

namespace sluice::server {
namespace {

constexpr access::Moment kMoment = {Instant::from_ns(8'640'000'000'000'000), 1'795'902'330'000};

config::Config config_with(const pipeline::RateLimitOptions& options) {
    config::Config config;
    config.processors.push_back({.name = "limits", .type = "rate_limit", .config = options});
    access::KeyOptions& key = config.virtual_keys.emplace_back();
    key.name = "ada";
    key.hash = crypto::hex(access::hash_secret("sk-ada-0123456789-0123456789"));
    key.limits.requests_per_day = 10;
    return config;
}

int64_t left(access::ScopeLimits& scope, access::LimitName name) {
    return scope.rate(name).peek(kMoment.now, 0).remaining;
}

void use(access::ScopeLimits& scope) {
    access::Admission admission;
    access::ScopeLimits* const scopes[] = {&scope};
    EXPECT_FALSE(
        admission.admit(scopes, {.now = kMoment.now, .unix_s = kMoment.unix_s(), .tokens = 0}));
}

TEST(AccessControl, KeepsWhatWasUsedOverALoad) {
    AccessControl control(kMoment);
    pipeline::RateLimitOptions options;
    options.limits.requests_per_hour = 5;
    options.per = pipeline::LimitPer::model;
    const AccessTables before = control.load(config_with(options), kMoment).value();
    access::ScopeLimits& scope = before.scopes.at("limits")->scope("m", kMoment);
    use(scope);
    use(*before.keys->keys().front()->limits);

    options.limits.requests_per_hour = 7;
    const AccessTables after = control.load(config_with(options), kMoment).value();
    EXPECT_EQ(&after.scopes.at("limits")->scope("m", kMoment), &scope);
    EXPECT_EQ(left(scope, access::LimitName::requests_per_hour), 6);
    EXPECT_EQ(left(*after.keys->keys().front()->limits, access::LimitName::requests_per_day), 9);

    options.per = pipeline::LimitPer::upstream;
    const AccessTables changed = control.load(config_with(options), kMoment).value();
    EXPECT_NE(changed.scopes.at("limits"), after.scopes.at("limits"));
    EXPECT_EQ(changed.scopes.at("limits")->kind(), access::ScopeKind::provider);
}

TEST(AccessControl, MakesRoomForModelsThatAreKnown) {
    AccessControl control(kMoment);
    pipeline::RateLimitOptions options;
    options.limits.requests_per_hour = 5;
    options.per = pipeline::LimitPer::model;
    options.scopes_max = 2;
    config::Config config = config_with(options);
    config.routes.push_back({.path_prefix = "/v1", .models = {"known", "more-*"}});
    const AccessTables tables = control.load(config, kMoment).value();
    access::ScopeSet& set = *tables.scopes.at("limits");
    EXPECT_EQ(set.size(), 1U);
    EXPECT_EQ(set.scope("invented", kMoment).name(), "invented");
    EXPECT_EQ(set.scope("invented-too", kMoment).name(), "others");
    EXPECT_EQ(set.scope("known", kMoment).name(), "known");
}

TEST(AccessControl, ABadFileOfKeysChangesNothing) {
    AccessControl control(kMoment);
    pipeline::RateLimitOptions options;
    options.limits.requests_per_hour = 5;
    const AccessTables before = control.load(config_with(options), kMoment).value();
    config::Config config = config_with({});
    config.keys.file = "/dev/null/keys.json";
    const auto loaded = control.load(config, kMoment);
    ASSERT_FALSE(loaded);
    EXPECT_NE(loaded.error().find("/dev/null/keys.json"), std::string::npos) << loaded.error();
    EXPECT_EQ(control.keys().table(), before.keys);
    size_t scopes = 0;
    control.for_each_scope([&](access::ScopeLimits&, std::string_view) { ++scopes; });
    EXPECT_EQ(scopes, 2U);
}

}  // namespace
}  // namespace sluice::server
