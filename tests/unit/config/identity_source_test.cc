// Which of Azure's variables lead where, and what they may not say.
#include "config/identity_source.h"

#include <map>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "upstream/options.h"

namespace sluice::config {
namespace {

using upstream::IdentitySource;
using Variables = std::map<std::string, std::string>;

auto find(const Variables& variables) {
    return find_identity([&](const std::string& name) -> std::optional<std::string> {
        const auto found = variables.find(name);
        return found == variables.end() ? std::nullopt : std::optional(found->second);
    });
}

Variables application(std::string authority = {}) {
    return {{"AZURE_TENANT_ID", "t"},
            {"AZURE_CLIENT_ID", "c"},
            {"AZURE_CLIENT_SECRET", "s"},
            {"AZURE_AUTHORITY_HOST", std::move(authority)},
            {"IDENTITY_ENDPOINT", "http://localhost:42/msi"}};
}

TEST(IdentitySource, AnApplicationComesFirst) {
    const auto found = find(application());
    ASSERT_TRUE(found) << found.error();
    EXPECT_EQ(found->options.source, IdentitySource::application);
    EXPECT_EQ(found->options.tenant, "t");
    EXPECT_EQ(found->options.client_id, "c");
    EXPECT_EQ(found->secret.reveal(), "s");
    EXPECT_EQ(found->base_url, "https://login.microsoftonline.com");
    EXPECT_EQ(find(application("login.chinacloudapi.cn/"))->base_url,
              "https://login.chinacloudapi.cn");
    EXPECT_EQ(find(application("http://127.0.0.1:81/"))->base_url, "http://127.0.0.1:81");
}

TEST(IdentitySource, ASecretIsNotShownInTheClear) {
    const auto found = find(application("http://login.example"));
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error(), "AZURE_AUTHORITY_HOST must be https, or name this machine");
}

TEST(IdentitySource, AnApplicationNeedsAllThree) {
    const auto found = find({{"AZURE_CLIENT_SECRET", "s"}, {"AZURE_CLIENT_ID", "c"}});
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error(),
              "AZURE_CLIENT_SECRET is set, but not both AZURE_TENANT_ID and AZURE_CLIENT_ID");
}

TEST(IdentitySource, ElseTheServiceOrTheMachine) {
    const auto service = find(
        {{"IDENTITY_ENDPOINT", "http://169.254.129.2:8081/msi/token"}, {"IDENTITY_HEADER", "h"}});
    ASSERT_TRUE(service) << service.error();
    EXPECT_EQ(service->options.source, IdentitySource::service);
    EXPECT_EQ(service->base_url, "http://169.254.129.2:8081/msi/token");
    EXPECT_EQ(service->secret.reveal(), "h");
    const auto machine = find({{"AZURE_CLIENT_ID", "c"}});
    ASSERT_TRUE(machine) << machine.error();
    EXPECT_EQ(machine->options.source, IdentitySource::instance);
    EXPECT_EQ(machine->options.client_id, "c");
    EXPECT_EQ(machine->base_url, "http://169.254.169.254");
    EXPECT_FALSE(find({{"IDENTITY_ENDPOINT", "http://a b"}}));
    EXPECT_FALSE(find({{"IDENTITY_ENDPOINT", "http://h/"}, {"IDENTITY_HEADER", "a\r\nb"}}));
}

}  // namespace
}  // namespace sluice::config
