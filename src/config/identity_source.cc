// The variables that Azure's tools read and its services set.
#include "config/identity_source.h"

#include <algorithm>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <string.h>

#include "base/secret.h"
#include "config/environment.h"
#include "http/url.h"
#include "upstream/options.h"

namespace sluice::config {

namespace {

using upstream::IdentitySource;

constexpr const char* kTenant = "AZURE_TENANT_ID";
constexpr const char* kClient = "AZURE_CLIENT_ID";
constexpr const char* kSecret = "AZURE_CLIENT_SECRET";
constexpr const char* kAuthority = "AZURE_AUTHORITY_HOST";
constexpr const char* kEndpoint = "IDENTITY_ENDPOINT";
constexpr const char* kHeader = "IDENTITY_HEADER";
constexpr const char* kInstance = "AZURE_POD_IDENTITY_AUTHORITY_HOST";

std::unexpected<std::string> wrong(const char* name, std::string_view why) {
    return std::unexpected(fmt::format("{} {}", name, why));
}

// The value of a variable that may be left out, as a base URL.
std::expected<std::string, std::string> url_of(const Environment& environment,
                                               const char* name,
                                               std::string_view otherwise) {
    std::string url = environment(name).value_or("");
    if (url.empty()) {
        return std::string(otherwise);
    }
    if (url.find("://") == url.npos) {
        url.insert(0, "https://");  // Azure's tools take a host alone.
    }
    while (url.ends_with('/')) {
        url.pop_back();
    }
    if (!http::parse_base_url(url)) {
        return wrong(name, "is not a URL");
    }
    return url;
}

// An application's secret goes to a service of the network, never in the clear.
bool may_have_secret(std::string_view url) {
    const auto parsed = http::parse_base_url(url);
    return parsed && (parsed->is_https() || parsed->is_loopback());
}

std::expected<Secret, std::string> secret_of(const Environment& environment, const char* name) {
    std::string text = environment(name).value_or("");
    const bool is_good = std::ranges::all_of(text, [](char c) { return c >= ' ' && c < 0x7f; });
    Secret secret(text);
    explicit_bzero(text.data(), text.size());
    if (!is_good) {
        return wrong(name, "holds what no secret of Azure's does");
    }
    return secret;
}

}  // namespace

std::expected<IdentityFound, std::string> find_identity(const Environment& environment) {
    IdentityFound found;
    found.options.client_id = environment(kClient).value_or("");
    found.options.tenant = environment(kTenant).value_or("");
    auto secret = secret_of(environment, kSecret);
    if (!secret) {
        return std::unexpected(secret.error());
    }
    const char* where = kInstance;
    std::string_view usual = "http://169.254.169.254";
    if (!secret->empty()) {
        if (found.options.tenant.empty() || found.options.client_id.empty()) {
            return wrong(kSecret, fmt::format("is set, but not both {} and {}", kTenant, kClient));
        }
        found.options.source = IdentitySource::application;
        where = kAuthority;
        usual = "https://login.microsoftonline.com";
    } else if (!environment(kEndpoint).value_or("").empty()) {
        found.options.source = IdentitySource::service;
        where = kEndpoint;
        secret = secret_of(environment, kHeader);
        if (!secret) {
            return std::unexpected(secret.error());
        }
    } else {
        found.options.source = IdentitySource::instance;
    }
    auto url = url_of(environment, where, usual);
    if (!url) {
        return std::unexpected(url.error());
    }
    if (found.options.source == IdentitySource::application && !may_have_secret(*url)) {
        return wrong(where, "must be https, or name this machine");
    }
    found.base_url = std::move(*url);
    found.secret = std::move(*secret);
    return found;
}

}  // namespace sluice::config
