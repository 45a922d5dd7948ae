// Which of AWS's variables lead where, and what they may not say.
#include "config/aws_role.h"

#include <map>
#include <string>

#include <gtest/gtest.h>

#include "unit/config/helpers.h"
#include "upstream/options.h"

namespace sluice::config {
namespace {

using upstream::RoleSource;
using Variables = std::map<std::string, std::string>;

auto find(const Variables& variables) {
    return find_aws_role([&](const std::string& name) -> std::optional<std::string> {
        const auto found = variables.find(name);
        return found == variables.end() ? std::nullopt : std::optional(found->second);
    });
}

TEST(AwsRole, IsTheInstancesUnlessSwitchedOff) {
    const auto usual = find({});
    ASSERT_TRUE(usual);
    EXPECT_EQ(usual->kind, RoleSource::instance);
    EXPECT_EQ(usual->base_url, "http://169.254.169.254");
    EXPECT_EQ(find({{"AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://[::1]:1338"}})->base_url,
              "http://[::1]:1338");
    EXPECT_FALSE(find({{"AWS_EC2_METADATA_SERVICE_ENDPOINT", "here"}}));
    EXPECT_EQ(find({{"AWS_EC2_METADATA_DISABLED", "True"}})->kind, RoleSource::none);
}

TEST(AwsRole, IsTheContainersFirst) {
    const auto role = find({{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials?id=1"},
                            {"AWS_CONTAINER_AUTHORIZATION_TOKEN", "Basic abc"},
                            {"AWS_EC2_METADATA_DISABLED", "true"}});
    ASSERT_TRUE(role);
    EXPECT_EQ(role->kind, RoleSource::container);
    EXPECT_EQ(role->base_url, "http://169.254.170.2");
    EXPECT_EQ(role->target, "/v2/credentials?id=1");
    EXPECT_EQ(role->authorization.reveal(), "Basic abc");
    EXPECT_FALSE(find({{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "v2"}}));
    EXPECT_FALSE(find({{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2 "}}));
}

TEST(AwsRole, GoesUnencryptedToTheMachineAndToAgentsOnly) {
    for (const char* good :
         {"http://localhost/x", "http://127.0.0.9:81/x", "http://[::1]/x", "http://169.254.170.2/x",
          "http://169.254.170.23/x", "http://[fd00:ec2::23]/x", "https://elsewhere.example/x"}) {
        const auto role = find({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", good}});
        ASSERT_TRUE(role) << good;
        EXPECT_EQ(role->base_url + role->target, good);
    }
    for (const char* bad : {"http://elsewhere.example/x", "http://169.254.169.254/x",
                            "http://10.0.0.1/x", "ftp://localhost/x", "/x"}) {
        EXPECT_FALSE(find({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", bad}})) << bad;
    }
    EXPECT_EQ(find({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://localhost?a"}})->target, "/?a");
}

TEST(AwsRole, PrefersTheTokensFile) {
    const TemporaryFolder folder;
    Variables variables = {
        {"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://localhost/x"},
        {"AWS_CONTAINER_AUTHORIZATION_TOKEN", "of the environment"},
        {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", folder.write("token", "of the file\n")}};
    EXPECT_EQ(find(variables)->authorization.reveal(), "of the file");
    folder.write("token", "two\nlines\n");
    EXPECT_FALSE(find(variables));
    variables["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = "/nonexistent/token";
    EXPECT_FALSE(find(variables));
}

}  // namespace
}  // namespace sluice::config
