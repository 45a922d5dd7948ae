// The exchange of a service account's claim for a token, as recorded.
#include "providers/google_auth.h"

#include <cstdint>
#include <string>
#include <string_view>

#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/time.h"
#include "crypto/base64.h"
#include "json/tree.h"
#include "json/unescape.h"
#include "providers/oauth.h"
#include "unit/providers/vector_case.h"

namespace sluice::providers::test {
namespace {

constexpr int64_t kNow = 1'755'000'000;

bssl::UniquePtr<EVP_PKEY> make_key() {
    const bssl::UniquePtr<RSA> rsa(RSA_new());
    const bssl::UniquePtr<BIGNUM> exponent(BN_new());
    bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
    EXPECT_EQ(BN_set_word(exponent.get(), RSA_F4), 1);
    EXPECT_EQ(RSA_generate_key_ex(rsa.get(), 2048, exponent.get(), nullptr), 1);
    EXPECT_EQ(EVP_PKEY_set1_RSA(key.get(), rsa.get()), 1);
    return key;
}

std::string pem_of(EVP_PKEY* key) {
    const bssl::UniquePtr<BIO> pem(BIO_new(BIO_s_mem()));
    EXPECT_EQ(PEM_write_bio_PKCS8PrivateKey(pem.get(), key, nullptr, nullptr, 0, nullptr, nullptr),
              1);
    const uint8_t* data = nullptr;
    size_t size = 0;
    EXPECT_EQ(BIO_mem_contents(pem.get(), &data, &size), 1);
    return {reinterpret_cast<const char*>(data), size};
}

bool verifies(EVP_PKEY* key, std::string_view text, std::string_view signature) {
    const bssl::ScopedEVP_MD_CTX context;
    auto* const state = const_cast<EVP_MD_CTX*>(context.get());
    return EVP_DigestVerifyInit(state, nullptr, EVP_sha256(), nullptr, key) == 1 &&
           EVP_DigestVerify(state, reinterpret_cast<const uint8_t*>(signature.data()),
                            signature.size(), reinterpret_cast<const uint8_t*>(text.data()),
                            text.size()) == 1;
}

std::string file_with(std::string_view pem, Arena& arena) {
    return R"({"type":"service_account","project_id":"project","private_key_id":"1",)"
           R"("client_email":"svc@project.iam.gserviceaccount.com","private_key":)" +
           std::string(json::quote(pem, arena)) +
           R"(,"token_uri":"https://oauth2.googleapis.com/token"})";
}

TEST(GoogleAuth, AServiceAccountSignsItsClaim) {
    Arena arena;
    const VectorCase recorded("jwt/service-account.json");
    const bssl::UniquePtr<EVP_PKEY> key = make_key();
    const std::string file = file_with(pem_of(key.get()), arena);
    const auto credentials = read_google_credentials(file, arena);
    ASSERT_TRUE(credentials.has_value()) << credentials.error().where;
    EXPECT_EQ(credentials->project_id, "project");

    const std::string signing_input = recorded.text(recorded["signing_input"]);
    EXPECT_EQ(google_signing_input(*credentials, kNow, arena), signing_input);

    const auto request = google_token_request(*credentials, kNow, arena);
    ASSERT_TRUE(request.has_value());
    std::string expected = recorded.text(recorded["token_request"]["body"]);
    expected.resize(expected.find("<jwt>"));
    ASSERT_TRUE(request->starts_with(expected)) << *request;
    const std::string_view assertion = request->substr(expected.size());
    ASSERT_TRUE(assertion.starts_with(signing_input + "."));
    const auto signature = crypto::decode_base64(assertion.substr(signing_input.size() + 1));
    ASSERT_TRUE(signature.has_value());
    EXPECT_TRUE(verifies(key.get(), signing_input, *signature));
}

TEST(GoogleAuth, AnswersOfTheTokenEndpoint) {
    Arena arena;
    const VectorCase recorded("jwt/service-account.json");
    const std::string grant = recorded.text(recorded["token_response"]["body_utf8"]);
    const auto token = read_oauth_token(grant, 0, arena);
    ASSERT_TRUE(token.has_value());
    EXPECT_TRUE(token->is_granted());
    EXPECT_EQ(token->access_token, "<GOOGLE_ACCESS_TOKEN>");
    EXPECT_EQ(token->lifetime, Duration::seconds(3599));
    const std::string no = recorded.text(recorded["token_error_response"]["body_utf8"]);
    const auto refusal = read_oauth_token(no, 0, arena);
    ASSERT_TRUE(refusal.has_value());
    EXPECT_FALSE(refusal->is_granted());
    EXPECT_EQ(refusal->error, "invalid_grant");
    EXPECT_EQ(refusal->error_description, "Invalid JWT Signature.");
    for (const std::string_view body : {"", "<html>", "{}", "[]", R"({"access_token":7})"}) {
        EXPECT_FALSE(read_oauth_token(body, 0, arena).has_value()) << body;
    }
}

TEST(GoogleAuth, AUserRefreshes) {
    Arena arena;
    const auto credentials = read_google_credentials(
        R"({"type":"authorized_user","client_id":"i","client_secret":"s/+","refresh_token":"r"})",
        arena);
    ASSERT_TRUE(credentials.has_value());
    EXPECT_EQ(credentials->token_uri, "https://oauth2.googleapis.com/token");
    EXPECT_EQ(google_token_request(*credentials, kNow, arena),
              "grant_type=refresh_token&client_id=i&client_secret=s%2F%2B&refresh_token=r");
}

TEST(GoogleAuth, FilesThatAreNoCredentials) {
    Arena arena;
    for (const std::string_view wrong :
         {"", "{}", "[]", R"({"type":"service_account","client_email":"e"})",
          R"({"type":"authorized_user"})", R"({"type":"external_account"})"}) {
        EXPECT_FALSE(read_google_credentials(wrong, arena).has_value()) << wrong;
    }
    const std::string file = file_with("no key", arena);
    const auto credentials = read_google_credentials(file, arena);
    ASSERT_TRUE(credentials.has_value());
    EXPECT_FALSE(google_token_request(*credentials, kNow, arena).has_value());
}

}  // namespace
}  // namespace sluice::providers::test
