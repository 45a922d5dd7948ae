// The order in which the vendors' own tools look.
#include "config/cloud_credentials.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <string.h>

#include "base/arena.h"
#include "base/secret.h"
#include "config/aws_role.h"
#include "config/checks.h"
#include "config/identity_source.h"
#include "config/places.h"
#include "config/read_file.h"
#include "http/url.h"
#include "providers/aws_credentials.h"
#include "providers/google_auth.h"
#include "providers/vendor.h"
#include "upstream/options.h"

namespace sluice::config {

namespace {

using providers::AuthScheme;
using upstream::UpstreamOptions;

constexpr size_t kFileBytesMax = size_t{256} * 1024;
// Not a name that a configuration can have, so that it meets no other.
constexpr std::string_view kTokenSuffix = "/token";
// Roles are handed out on the machine itself or one hop away; where there is nobody, packets
// vanish.
constexpr uint32_t kRoleConnectMs = 1'000;

class Resolver {
public:
    Resolver(Config& config,
             const Environment& environment,
             const Places& places,
             Diagnostics& diagnostics)
        : config_(config), environment_(environment), places_(places), diagnostics_(diagnostics) {}

    void run() {
        for (UpstreamOptions& upstream : config_.upstreams) {
            const providers::Vendor* const vendor = providers::find_vendor(upstream.provider);
            if (vendor == nullptr || !upstream.token.empty()) {
                continue;
            }
            if (upstream.vendor.auth == "entra") {
                entra(upstream);
            }
            if (!upstream.vendor.auth.empty()) {
                continue;
            }
            if (vendor->auth == AuthScheme::google) {
                google(upstream);
            } else if (vendor->auth == AuthScheme::sigv4) {
                aws(upstream);
            }
        }
        for (UpstreamOptions& made : made_) {
            config_.upstreams.push_back(std::move(made));
        }
    }

private:
    std::string variable(const char* name) const { return environment_(name).value_or(""); }

    void error(const UpstreamOptions& upstream, std::string_view key, std::string text) {
        report(diagnostics_, places_, Severity::error, fmt::format("llm.{}.{}", upstream.name, key),
               std::move(text));
    }
    void warning(const UpstreamOptions& upstream, std::string_view key, std::string text) {
        report(diagnostics_, places_, Severity::warning,
               fmt::format("llm.{}.{}", upstream.name, key), std::move(text));
    }

    void google(UpstreamOptions& upstream) {
        std::string path = upstream.vendor.credentials_file;
        if (path.empty()) {
            path = variable("GOOGLE_APPLICATION_CREDENTIALS");
        }
        if (path.empty()) {
            warning(upstream, "credentials_file",
                    "is missing, and GOOGLE_APPLICATION_CREDENTIALS is not set; requests to this "
                    "upstream go out without a token");
            return;
        }
        auto text = read_file(path, kFileBytesMax);
        if (!text) {
            error(upstream, "credentials_file",
                  fmt::format("{} {}", in_quotes(path), text.error()));
            return;
        }
        Arena arena;
        const auto credentials = providers::read_google_credentials(*text, arena);
        if (!credentials) {
            error(upstream, "credentials_file",
                  fmt::format("{}: {}", in_quotes(path), credentials.error().where));
        } else if (!http::parse_base_url(credentials->token_uri)) {
            error(upstream, "credentials_file",
                  fmt::format("{}: token_uri is not a URL", in_quotes(path)));
        } else {
            upstream.vendor.credentials = Secret(*text);
            if (upstream.project.empty()) {
                upstream.project = credentials->project_id;
            }
            add_token_upstream(upstream, credentials->token_uri);
        }
        explicit_bzero(text->data(), text->size());
    }

    void entra(UpstreamOptions& upstream) {
        auto found = find_identity(environment_);
        if (!found) {
            error(upstream, "auth", std::move(found.error()));
            return;
        }
        upstream.vendor.identity = std::move(found->options);
        upstream.vendor.credentials = std::move(found->secret);
        UpstreamOptions& made = add_token_upstream(upstream, found->base_url);
        if (upstream.vendor.identity.source != upstream::IdentitySource::application) {
            made.timeouts.connect_ms = std::min(made.timeouts.connect_ms, kRoleConnectMs);
        }
    }

    UpstreamOptions& add_token_upstream(UpstreamOptions& upstream, std::string_view url) {
        UpstreamOptions made;
        made.name = upstream.name + std::string(kTokenSuffix);
        made.base_url = url;
        made.timeouts = upstream.timeouts;
        made.tls = upstream.tls;
        upstream.vendor.token_upstream = made.name;
        return made_.emplace_back(std::move(made));
    }

    void aws(UpstreamOptions& upstream) {
        upstream::ProviderOptions& to = upstream.vendor;
        std::string secret = variable("AWS_SECRET_ACCESS_KEY");
        to.access_key_id = variable("AWS_ACCESS_KEY_ID");
        if (!to.access_key_id.empty() && !secret.empty()) {
            to.secret_access_key = Secret(secret);
            to.session_token = Secret(variable("AWS_SESSION_TOKEN"));
            explicit_bzero(secret.data(), secret.size());
            return;
        }
        const auto of = [&](const char* name, std::string_view file) {
            const std::string given = variable(name);
            const std::string path = given.empty() ? variable("HOME") + std::string(file) : given;
            return read_file(path, kFileBytesMax).value_or("");
        };
        std::string profile = to.profile.empty() ? variable("AWS_PROFILE") : to.profile;
        if (profile.empty()) {
            profile = "default";
        }
        const providers::AwsProfile found =
            providers::read_aws_profile(of("AWS_SHARED_CREDENTIALS_FILE", "/.aws/credentials"),
                                        of("AWS_CONFIG_FILE", "/.aws/config"), profile);
        if (!found.credentials.is_usable()) {
            aws_role(upstream, profile);
            return;
        }
        to.access_key_id = found.credentials.access_key_id;
        to.secret_access_key = found.credentials.secret_access_key;
        to.session_token = found.credentials.session_token;
    }

    void aws_role(UpstreamOptions& upstream, std::string_view profile) {
        auto role = find_aws_role(environment_);
        if (!role) {
            error(upstream, "profile",
                  fmt::format("{}, and there are no other keys of AWS", role.error()));
            return;
        }
        if (role->kind == upstream::RoleSource::none) {
            warning(
                upstream, "profile",
                fmt::format("neither the environment nor profile {} holds keys of AWS; requests "
                            "to this upstream go out without a signature",
                            in_quotes(profile)));
            return;
        }
        upstream.vendor.role_source = role->kind;
        upstream.vendor.role_target = role->target;
        upstream.vendor.credentials = std::move(role->authorization);
        UpstreamOptions& made = add_token_upstream(upstream, role->base_url);
        made.timeouts.connect_ms = std::min(made.timeouts.connect_ms, kRoleConnectMs);
    }

    Config& config_;
    const Environment& environment_;
    const Places& places_;
    Diagnostics& diagnostics_;
    std::vector<UpstreamOptions> made_;
};

}  // namespace

void resolve_cloud_credentials(Config& config,
                               const Environment& environment,
                               const Places& places,
                               Diagnostics& diagnostics) {
    Resolver(config, environment, places, diagnostics).run();
}

}  // namespace sluice::config
