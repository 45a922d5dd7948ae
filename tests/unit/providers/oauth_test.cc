// Token endpoints beyond Google's: Entra ID's form, the identity endpoints' queries, and answers
// that tell lifetimes in their own ways.
#include "providers/oauth.h"

#include <cstdint>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include "base/arena.h"
#include "base/time.h"
#include "providers/entra_auth.h"

namespace sluice::providers {
namespace {

constexpr std::string_view kScope = "https://cognitiveservices.azure.com/.default";

TEST(OAuth, LifetimesAreToldInManyWays) {
    Arena arena;
    constexpr int64_t kNowS = 1'700'000'000;
    for (const auto& [body, lifetime_s] :
         {std::pair(R"({"access_token":"t","expires_in":3599})", 3599),
          std::pair(R"({"access_token":"t","expires_in":"86399"})", 86399),
          std::pair(R"({"access_token":"t","expires_on":"1700000600"})", 600),
          std::pair(R"({"access_token":"t","expires_on":1700000060})", 60),
          std::pair(R"({"access_token":"t","expires_on":"1600000000"})", 0),
          std::pair(R"({"access_token":"t","expires_in":999999999})", 86400),
          std::pair(R"({"access_token":"t"})", 0)}) {
        const auto token = read_oauth_token(body, kNowS, arena);
        ASSERT_TRUE(token.has_value()) << body;
        EXPECT_TRUE(token->is_granted());
        EXPECT_EQ(token->lifetime, Duration::seconds(lifetime_s)) << body;
    }
}

TEST(OAuth, AnApplicationShowsItsSecret) {
    Arena arena;
    EXPECT_EQ(entra_token_path("my tenant", arena), "/my%20tenant/oauth2/v2.0/token");
    EXPECT_EQ(entra_token_request("app", "s&=+", kScope, arena),
              "grant_type=client_credentials&client_id=app&client_secret=s%26%3D%2B&"
              "scope=https%3A%2F%2Fcognitiveservices.azure.com%2F.default");
}

TEST(OAuth, MachinesAreAskedForAResource) {
    Arena arena;
    EXPECT_EQ(instance_identity_target(kScope, {}, arena),
              "/metadata/identity/oauth2/token?api-version=2018-02-01&"
              "resource=https%3A%2F%2Fcognitiveservices.azure.com");
    EXPECT_EQ(service_identity_query("https://ai.azure.com/.default", "id", arena),
              "api-version=2019-08-01&resource=https%3A%2F%2Fai.azure.com&client_id=id");
}

}  // namespace
}  // namespace sluice::providers
