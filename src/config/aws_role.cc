// The variables that container agents and instances set.
#include "config/aws_role.h"

#include <algorithm>
#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <string.h>

#include "base/secret.h"
#include "base/text.h"
#include "config/environment.h"
#include "config/read_file.h"
#include "http/url.h"
#include "upstream/options.h"

namespace sluice::config {

namespace {

using upstream::RoleSource;

constexpr const char* kRelativeUri = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
constexpr const char* kFullUri = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
constexpr const char* kToken = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
constexpr const char* kTokenFile = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
constexpr const char* kMetadataEndpoint = "AWS_EC2_METADATA_SERVICE_ENDPOINT";
constexpr const char* kMetadataDisabled = "AWS_EC2_METADATA_DISABLED";

constexpr std::string_view kContainerHost = "http://169.254.170.2";
constexpr std::string_view kMetadataHost = "http://169.254.169.254";
constexpr size_t kTokenBytesMax = size_t{16} * 1024;

std::unexpected<std::string> wrong(const char* name, std::string_view why) {
    return std::unexpected(fmt::format("{} {}", name, why));
}

// Keys go unencrypted to the machine itself and to the agents of AWS only.
bool may_be_plain(const http::BaseUrl& url) {
    constexpr std::string_view kAgents[] = {"169.254.170.2", "169.254.170.23", "fd00:ec2::23"};
    return url.is_loopback() || std::ranges::find(kAgents, url.host) != std::end(kAgents);
}

bool is_visible(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
}

std::expected<Secret, std::string> authorization(const Environment& environment) {
    std::string text = environment(kToken).value_or("");
    const char* name = kToken;
    if (const std::string path = environment(kTokenFile).value_or(""); !path.empty()) {
        auto content = read_file(path, kTokenBytesMax);
        if (!content) {
            return wrong(kTokenFile, content.error());
        }
        text = std::move(*content);
        name = kTokenFile;
    }
    std::string_view token = text;
    while (token.ends_with('\n') || token.ends_with('\r')) {
        token.remove_suffix(1);
    }
    const bool is_good = std::ranges::all_of(token, [](char c) { return c >= ' ' && c < 0x7f; });
    Secret secret(token);
    explicit_bzero(text.data(), text.size());
    if (!is_good) {
        return wrong(name, "holds what cannot stand in a header field");
    }
    return secret;
}

std::expected<AwsRoleSource, std::string> container(const Environment& environment,
                                                    const char* name,
                                                    std::string_view uri) {
    const size_t scheme = uri.find("://");
    const size_t authority = scheme == uri.npos ? 0 : scheme + 3;
    const size_t end = std::min(uri.find_first_of("/?", authority), uri.size());
    AwsRoleSource role = {.kind = RoleSource::container,
                          .base_url = std::string(uri.substr(0, end)),
                          .target = std::string(uri.substr(end))};
    const auto url = http::parse_base_url(role.base_url);
    if (!url || !is_visible(role.target) || role.target.find('#') != role.target.npos) {
        return wrong(name, "is not a URL");
    }
    if (!url->is_https() && !may_be_plain(*url)) {
        return wrong(name, "must be https, or name this machine or an agent of AWS");
    }
    if (!role.target.starts_with('/')) {
        role.target.insert(0, 1, '/');
    }
    auto token = authorization(environment);
    if (!token) {
        return std::unexpected(token.error());
    }
    role.authorization = std::move(*token);
    return role;
}

}  // namespace

std::expected<AwsRoleSource, std::string> find_aws_role(const Environment& environment) {
    const std::string relative = environment(kRelativeUri).value_or("");
    if (!relative.empty()) {
        if (!relative.starts_with('/')) {
            return wrong(kRelativeUri, "must begin with a slash");
        }
        return container(environment, kRelativeUri, std::string(kContainerHost) + relative);
    }
    if (const std::string full = environment(kFullUri).value_or(""); !full.empty()) {
        return container(environment, kFullUri, full);
    }
    if (equals_ignoring_case(environment(kMetadataDisabled).value_or(""), "true")) {
        return AwsRoleSource();
    }
    std::string endpoint = environment(kMetadataEndpoint).value_or("");
    if (endpoint.empty()) {
        endpoint = kMetadataHost;
    } else if (!http::parse_base_url(endpoint)) {
        return wrong(kMetadataEndpoint, "is not a URL");
    }
    return AwsRoleSource{.kind = RoleSource::instance, .base_url = std::move(endpoint)};
}

}  // namespace sluice::config
