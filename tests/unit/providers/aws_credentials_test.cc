// Credentials of AWS: profiles of both files, the metadata services' JSON, and when to renew.
#include "providers/aws_credentials.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/result.h"

namespace sluice::providers {
namespace {

constexpr std::string_view kCredentials =
    "# keys\n"
    "[default]\r\n"
    "aws_access_key_id = AKID\r\n"
    "aws_secret_access_key=SE/CRET=+ ; not part of it\r\n"
    "\n"
    "[work]\n"
    "aws_access_key_id=AKID2\n"
    "aws_secret_access_key=SECRET#2\n"
    "aws_session_token = TOKEN==\n"
    "[half]\n"
    "aws_access_key_id=AKID3\n";

constexpr std::string_view kConfig =
    "[default]\n"
    "region = eu-central-1\n"
    "s3 =\n"
    "  region = nested\n"
    "[profile work]\n"
    "region=us-west-2\n"
    "aws_access_key_id=OTHER\n"
    "aws_secret_access_key=OTHER\n"
    "[profile half]\n"
    "aws_secret_access_key=SECRET3\n";

TEST(AwsProfile, ReadsBothFiles) {
    const AwsProfile found = read_aws_profile(kCredentials, kConfig, "default");
    EXPECT_EQ(found.credentials.access_key_id, "AKID");
    EXPECT_EQ(found.credentials.secret_access_key.reveal(), "SE/CRET=+");
    EXPECT_TRUE(found.credentials.session_token.empty());
    EXPECT_EQ(found.region, "eu-central-1");
    EXPECT_EQ(found.credentials.stage(1), AwsCredentials::Stage::fresh);

    const AwsProfile work = read_aws_profile(kCredentials, kConfig, "work");
    EXPECT_EQ(work.credentials.access_key_id, "AKID2");
    EXPECT_EQ(work.credentials.secret_access_key.reveal(), "SECRET#2");
    EXPECT_EQ(work.credentials.session_token.reveal(), "TOKEN==");
    EXPECT_EQ(work.region, "us-west-2");
    EXPECT_EQ(read_aws_profile("", kConfig, "work").credentials.access_key_id, "OTHER");
}

TEST(AwsProfile, NeverMixesTwoSets) {
    EXPECT_FALSE(read_aws_profile(kCredentials, kConfig, "half").credentials.is_usable());
    EXPECT_FALSE(read_aws_profile(kCredentials, kConfig, "absent").credentials.is_usable());
    EXPECT_FALSE(read_aws_profile("", "", "default").credentials.is_usable());
    EXPECT_FALSE(read_aws_profile("[", "=\n[\n]\n[default", "default").credentials.is_usable());
}

Result<AwsCredentials> read(std::string_view body) {
    Arena scratch;
    return read_aws_credentials(body, scratch);
}

TEST(AwsCredentials, ReadsTheContainersJson) {
    const auto found = read(R"({"RoleArn":"r","AccessKeyId":"ASIA","SecretAccessKey":"S\/1",)"
                            R"("Token":"T","Expiration":"2026-08-20T12:34:56Z"})");
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->access_key_id, "ASIA");
    EXPECT_EQ(found->secret_access_key.reveal(), "S/1");
    EXPECT_EQ(found->session_token.reveal(), "T");
    EXPECT_EQ(found->expires_at_s, 1'787'229'296);
    using Stage = AwsCredentials::Stage;
    EXPECT_EQ(found->stage(found->expires_at_s - 901), Stage::fresh);
    EXPECT_EQ(found->stage(found->expires_at_s - 900), Stage::ageing);
    EXPECT_EQ(found->stage(found->expires_at_s - 601), Stage::ageing);
    EXPECT_EQ(found->stage(found->expires_at_s - 600), Stage::stale);
    EXPECT_EQ(found->stage(found->expires_at_s + 1), Stage::stale);
}

TEST(AwsCredentials, ReadsTheInstanceMetadata) {
    const auto found = read(R"({"Code":"Success","LastUpdated":"2026-08-20T06:00:00Z",)"
                            R"("Type":"AWS-HMAC","AccessKeyId":"ASIA","SecretAccessKey":"S",)"
                            R"("Token":"T","Expiration":"2026-08-20T12:34:56.789Z"})");
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->expires_at_s, 1'787'229'296);
}

TEST(AwsCredentials, RefusesWhatCannotBeUsed) {
    EXPECT_EQ(read("<html>").error().kind, ErrorKind::invalid_json);
    for (const char* body :
         {"[]", "{}", R"({"AccessKeyId":"A"})", R"({"AccessKeyId":"A","SecretAccessKey":""})",
          R"({"Code":"AssumeRoleUnauthorizedAccess","AccessKeyId":"A","SecretAccessKey":"S"})",
          R"({"AccessKeyId":"A","SecretAccessKey":"S","Expiration":"soon"})",
          R"({"AccessKeyId":"A","SecretAccessKey":"S","Expiration":"2026-02-30T00:00:00Z"})",
          R"({"AccessKeyId":"A","SecretAccessKey":"S","Expiration":"2026-08-20T25:00:00Z"})",
          R"({"AccessKeyId":"A","SecretAccessKey":"S","Expiration":"2026-08-20T12:34:56"})"}) {
        const auto found = read(body);
        ASSERT_FALSE(found.has_value()) << body;
        EXPECT_EQ(found.error().kind, ErrorKind::invalid_field) << body;
    }
}

}  // namespace
}  // namespace sluice::providers
