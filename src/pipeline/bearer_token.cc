// The exchange with the token's address.
#include "pipeline/bearer_token.h"

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/result.h"
#include "base/secret.h"
#include "base/time.h"
#include "coro/task.h"
#include "http/types.h"
#include "http/url.h"
#include "pipeline/fetch.h"
#include "providers/credential_stage.h"
#include "providers/entra_auth.h"
#include "providers/google_auth.h"
#include "providers/oauth.h"
#include "providers/vendor.h"
#include "upstream/options.h"

namespace sluice::pipeline {

namespace {

using providers::CredentialStage;
using providers::HeaderLine;
using upstream::IdentitySource;

// So long before its end a token is renewed, and so long it is no longer used.
constexpr int64_t kRenewAheadS = 300;
constexpr int64_t kUnusableS = 30;

constexpr std::string_view kForm = "application/x-www-form-urlencoded";

std::span<const HeaderLine> one_field(const HeaderLine& line, Arena& arena) {
    const std::span<HeaderLine> lines = arena.allocate_array<HeaderLine>(1);
    lines[0] = line;
    return lines;
}

}  // namespace

CredentialStage BearerToken::stage(int64_t now_s) const {
    if (authorization_.empty() || now_s >= expires_at_s_ - kUnusableS) {
        return CredentialStage::stale;
    }
    return now_s < renew_at_s_ ? CredentialStage::fresh : CredentialStage::ageing;
}

Result<FetchRequest> BearerToken::ask_google(const Source& source, Arena& arena) const {
    if (options_.vendor.credentials.empty()) {
        return fail(refused("no credentials are configured for the upstream"));
    }
    TRY(const providers::GoogleCredentials credentials,
        providers::read_google_credentials(options_.vendor.credentials.reveal(), arena));
    FetchRequest request;
    TRY(request.body, providers::google_token_request(credentials, source.now_s, arena));
    const std::string_view path = source.upstream.url().path_prefix;
    request.method = http::Method::post;
    request.target = path.empty() ? "/" : path;
    request.content_type = kForm;
    return request;
}

// Of Entra ID, or of the machine.
FetchRequest BearerToken::ask_identity(const Source& source, Arena& arena) const {
    const upstream::IdentityOptions& identity = options_.vendor.identity;
    const std::string_view prefix = source.upstream.url().path_prefix;
    const std::string_view secret = options_.vendor.credentials.reveal();
    FetchRequest request;
    if (identity.source == IdentitySource::application) {
        request.method = http::Method::post;
        request.target =
            http::join_target(arena, prefix, providers::entra_token_path(identity.tenant, arena));
        request.content_type = kForm;
        request.body = providers::entra_token_request(identity.client_id, secret,
                                                      options_.vendor.token_scope, arena);
    } else if (identity.source == IdentitySource::service) {
        const std::string_view path = prefix.empty() ? "/" : prefix;
        request.target = arena.join({path, "?",
                                     providers::service_identity_query(options_.vendor.token_scope,
                                                                       identity.client_id, arena)});
        request.headers = one_field({"x-identity-header", secret}, arena);
    } else {
        request.target =
            http::join_target(arena, prefix,
                              providers::instance_identity_target(options_.vendor.token_scope,
                                                                  identity.client_id, arena));
        request.headers = one_field({"metadata", "true"}, arena);
    }
    return request;
}

Result<FetchRequest> BearerToken::question(const Source& source, Arena& arena) const {
    if (options_.vendor.identity.source == IdentitySource::none) {
        return ask_google(source, arena);
    }
    return ask_identity(source, arena);
}

coro::Task<Status> BearerToken::renew(const Source& source) {
    Arena arena;
    CO_TRY(const FetchRequest request, question(source, arena));
    CO_TRY(FetchedReply reply,
           co_await fetch(source.proactor, source.patience, source.upstream, request));
    CO_TRY(const providers::OAuthToken token,
           providers::read_oauth_token(reply.body, source.now_s, arena));
    if (!token.is_granted()) {
        SLUICE_LOG(error, "pipeline", "an access token was refused", {"upstream", options_.name},
                   {"error", token.error}, {"description", token.error_description});
        co_return fail(refused("an access token was refused"));
    }
    std::string text = "Bearer ";
    text += token.access_token;
    authorization_ = Secret(text);
    explicit_bzero(text.data(), text.size());
    explicit_bzero(reply.body.data(), reply.body.size());
    expires_at_s_ = source.now_s + token.lifetime.ms() / 1000;
    renew_at_s_ = expires_at_s_ - std::min(kRenewAheadS, token.lifetime.ms() / 2000);
    co_return Status();
}

}  // namespace sluice::pipeline
