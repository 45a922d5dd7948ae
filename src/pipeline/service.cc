// From a configuration's words to a vendor's values.
#include "pipeline/service.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "crypto/digest.h"
#include "http/h1_writer.h"
#include "http/header_map.h"
#include "http/header_names.h"
#include "http/url.h"
#include "json/writer.h"
#include "pipeline/aws_role.h"
#include "pipeline/bearer_token.h"
#include "pipeline/client_call.h"
#include "pipeline/credential_keeper.h"
#include "providers/dialect.h"
#include "providers/price_table.h"
#include "providers/translation.h"
#include "providers/vendor.h"
#include "upstream/key_ring.h"
#include "upstream/options.h"

namespace sluice::pipeline {

namespace {

using http::HeaderId;
using providers::AuthScheme;
using providers::Dialect;
using providers::Operation;
using providers::Quirk;
using providers::UnsupportedPolicy;
using providers::Vendor;
using upstream::ReplyHandling;
using upstream::UpstreamOptions;

constexpr std::string_view kGeneric = "openai_compatible";

UnsupportedPolicy policy_of(upstream::UnsupportedParameters setting) {
    switch (setting) {
        case upstream::UnsupportedParameters::warn:
            return UnsupportedPolicy::warn;
        case upstream::UnsupportedParameters::strict:
            return UnsupportedPolicy::strict;
        case upstream::UnsupportedParameters::drop:
            break;
    }
    return UnsupportedPolicy::drop;
}

bool asks_streams_for_usage(upstream::StreamUsage setting, const Vendor& vendor) {
    const bool can = vendor.dialect == Dialect::chat && !vendor.has(Quirk::no_stream_options);
    const bool does = setting == upstream::StreamUsage::by_provider
                          ? vendor.asks_for_usage
                          : setting == upstream::StreamUsage::always;
    return can && does;
}

void set_auth(std::string_view setting, Vendor& vendor) {
    const size_t colon = std::min(setting.find(':'), setting.size());
    const std::string_view scheme = setting.substr(0, colon);
    if (scheme == "bearer") {
        vendor.auth = AuthScheme::bearer;
    } else if (scheme == "header" || scheme == "query") {
        vendor.auth = scheme == "header" ? AuthScheme::header : AuthScheme::query;
        vendor.auth_name = setting.substr(std::min(colon + 1, setting.size()));
    } else if (scheme == "entra") {
        vendor.auth = AuthScheme::entra;
    } else if (scheme == "none") {
        vendor.auth = AuthScheme::none;
    }
}

}  // namespace

Vendor configured_vendor(const UpstreamOptions& options) {
    const Vendor* const row = providers::find_vendor(options.provider);
    Vendor vendor = row != nullptr ? *row : *providers::find_vendor(kGeneric);
    set_auth(options.vendor.auth, vendor);
    for (const std::string& name : options.vendor.quirks) {
        Quirk quirk{};
        if (providers::find_quirk(name, quirk)) {
            vendor.quirks = vendor.quirks | quirk;
        }
    }
    for (const std::string& name : options.vendor.supports) {
        providers::set_capability(vendor.capabilities, name, true);
    }
    for (const std::string& name : options.vendor.lacks) {
        providers::set_capability(vendor.capabilities, name, false);
    }
    const auto normalizes = static_cast<providers::Quirks>(Quirk::normalize_replies);
    if (options.vendor.replies == ReplyHandling::relay) {
        vendor.quirks &= ~normalizes;
    } else if (options.vendor.replies == ReplyHandling::normalize) {
        vendor.quirks |= normalizes;
    }
    return vendor;
}

Service::Service(const UpstreamOptions& options, upstream::KeyRing& keys, const Service* before)
    : options_(options),
      vendor_(configured_vendor(options)),
      price_prefixes_(providers::price_prefixes(vendor_.name)),
      keys_(keys),
      policy_(policy_of(options.vendor.unsupported_parameters)),
      asks_for_usage_(asks_streams_for_usage(options.vendor.stream_usage, vendor_)) {
    if (vendor_.auth == AuthScheme::sigv4 && options.token.empty()) {
        aws_.access_key_id = options.vendor.access_key_id;
        aws_.secret_access_key = options.vendor.secret_access_key;
        aws_.session_token = options.vendor.session_token;
    }
    if (before != nullptr && before->credentials() != nullptr && before->options() == options) {
        bearer_ = before->bearer_;
        aws_role_ = before->aws_role_;
    } else {
        make_keeper();
    }
}

void Service::make_keeper() {
    if (!options_.token.empty()) {
        return;
    }
    if (vendor_.auth == AuthScheme::google || vendor_.auth == AuthScheme::entra) {
        bearer_ = LocalPtr(new BearerToken(options_));
    } else if (vendor_.auth == AuthScheme::sigv4 &&
               options_.vendor.role_source != upstream::RoleSource::none) {
        aws_role_ = LocalPtr(new AwsRole(options_));
    }
}

bool Service::relays(const ClientCall& call) const {
    const bool speaks_openai = vendor_.dialect == Dialect::chat;
    if (!call.is_known) {
        return speaks_openai;
    }
    switch (call.operation) {
        case Operation::chat:
            return call.dialect == vendor_.dialect && vendor_.hosted_version.empty() &&
                   !vendor_.has(Quirk::normalize_replies);
        case Operation::embeddings:
        case Operation::models:
            return speaks_openai;
        case Operation::completions:
            return speaks_openai && vendor_.capabilities.completions;
        case Operation::responses:
            return speaks_openai && vendor_.capabilities.responses;
        case Operation::count_tokens:
            return call.dialect == vendor_.dialect && vendor_.capabilities.count_tokens;
    }
    return false;
}

bool Service::can_serve(const ClientCall& call) const {
    if (relays(call)) {
        return true;
    }
    if (!call.is_known) {
        return false;
    }
    switch (call.operation) {
        case Operation::chat:
        case Operation::completions:
        case Operation::responses:
            return providers::client_dialect(call.dialect) != nullptr &&
                   providers::upstream_dialect(vendor_.dialect) != nullptr;
        case Operation::embeddings:
            return vendor_.capabilities.embeddings;
        case Operation::count_tokens:
        case Operation::models:
            return true;
    }
    return false;
}

bool Service::has_own_paths() const {
    return !options_.vendor.paths.empty() || vendor_.path != providers::openai_path;
}

std::string_view Service::path(Operation operation,
                               std::string_view model,
                               bool is_stream,
                               Arena& arena) const {
    const std::string_view name = operation_name(operation);
    for (const upstream::HeaderOption& path : options_.vendor.paths) {
        if (path.name == name) {
            return path.value;
        }
    }
    constexpr size_t kUsualBytes = 128;
    json::ArenaText text(arena, kUsualBytes);
    const providers::PathContext context = {.operation = operation,
                                            .model = model,
                                            .stream = is_stream,
                                            .base_url = options_.base_url,
                                            .api_version = options_.vendor.api_version,
                                            .project = options_.project,
                                            .location = options_.vendor.location};
    return vendor_.path(context, text) ? text.view() : std::string_view();
}

template <class Add>
void Service::each_field(const upstream::Key* key,
                         const http::HeaderMap* from_client,
                         const Add& add) const {
    for (const providers::HeaderLine& line : vendor_.headers) {
        if (from_client == nullptr || from_client->find(line.name) == nullptr) {
            add(line.name, line.value);
        }
    }
    if (vendor_.auth == AuthScheme::header && key != nullptr) {
        add(vendor_.auth_name, key->token.reveal());
    } else if (bearer_) {
        add("authorization", bearer_->authorization());
    } else if (sends_bearer() && key != nullptr) {
        add("authorization", key->authorization.reveal());
    }
    if (!options_.organization.empty()) {
        add("openai-organization", options_.organization);
    }
    if (!options_.project.empty() && vendor_.auth == AuthScheme::bearer &&
        vendor_.dialect == Dialect::chat) {
        add("openai-project", options_.project);
    }
}

void Service::add_fields(ArenaList<providers::HeaderLine>& to, const upstream::Key* key) const {
    each_field(key, nullptr,
               [&](std::string_view name, std::string_view value) { to.push_back({name, value}); });
}

void Service::write_fields(http::HeadWriter& writer,
                           const upstream::Key* key,
                           const http::HeaderMap* from_client) const {
    each_field(key, from_client,
               [&](std::string_view name, std::string_view value) { writer.field(name, value); });
}

// A key given for a service that takes better ones is a bearer there, too: a token of Google's that
// somebody else renews, a Bedrock API key.
bool Service::sends_bearer() const {
    return vendor_.auth == AuthScheme::bearer || vendor_.auth == AuthScheme::google ||
           vendor_.auth == AuthScheme::entra || vendor_.auth == AuthScheme::sigv4;
}

void Service::write_signature(http::HeadWriter& writer,
                              const Signing& signing,
                              Arena& arena) const {
    each_signature_field(signing, arena, [&](std::string_view name, std::string_view value) {
        writer.field(name, value);
    });
}

void Service::add_signature(ArenaList<providers::HeaderLine>& to,
                            const Signing& signing,
                            Arena& arena) const {
    each_signature_field(signing, arena, [&](std::string_view name, std::string_view value) {
        to.push_back({name, value});
    });
}

template <class Add>
void Service::each_signature_field(const Signing& signing, Arena& arena, const Add& add) const {
    const providers::AwsCredentials& aws = aws_role_ ? aws_role_->credentials() : aws_;
    if (!aws.is_usable()) {
        return;
    }
    const http::PathAndQuery target = http::split_query(signing.target);
    const providers::HeaderLine headers[] = {{"host", signing.host},
                                             {"content-type", "application/json"}};
    const providers::SigV4Signature signature = providers::sign_sigv4(
        {.method = signing.method,
         .path = target.path,
         .query = target.query,
         .headers = headers,
         .body_sha256 = arena.copy(crypto::hex(crypto::sha256(signing.body)))},
        {.region = options_.vendor.location, .service = "bedrock"}, aws, signing.now_s, aws_key_,
        arena);
    add("x-amz-date", signature.date_time);
    if (!signature.security_token.empty()) {
        add("x-amz-security-token", signature.security_token);
    }
    add("authorization", signature.authorization);
}

CredentialKeeper* Service::credentials() const {
    if (bearer_) {
        return bearer_.get();
    }
    return aws_role_.get();
}

providers::Target Service::target(std::string_view model, bool is_stream) const {
    return {.vendor = &vendor_,
            .model = model,
            .max_tokens_default = options_.vendor.tokens_default,
            .is_stream = is_stream,
            .wants_usage = asks_for_usage_};
}

}  // namespace sluice::pipeline
