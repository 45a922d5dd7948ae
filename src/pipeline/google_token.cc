// The exchange with the token's address.
#include "pipeline/google_token.h"

#include <algorithm>
#include <cstdint>
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
#include "pipeline/fetch.h"
#include "providers/credential_stage.h"
#include "providers/google_auth.h"

namespace sluice::pipeline {

namespace {

using providers::CredentialStage;

// So long before its end a token is renewed, and so long it is no longer used.
constexpr int64_t kRenewAheadS = 300;
constexpr int64_t kUnusableS = 30;

}  // namespace

CredentialStage GoogleToken::stage(int64_t now_s) const {
    if (authorization_.empty() || now_s >= expires_at_s_ - kUnusableS) {
        return CredentialStage::stale;
    }
    return now_s < renew_at_s_ ? CredentialStage::fresh : CredentialStage::ageing;
}

coro::Task<Status> GoogleToken::renew(const Source& source) {
    if (options_.vendor.credentials.empty()) {
        co_return fail(refused("no credentials are configured for the upstream"));
    }
    Arena arena;
    CO_TRY(const providers::GoogleCredentials credentials,
           providers::read_google_credentials(options_.vendor.credentials.reveal(), arena));
    CO_TRY(const std::string_view form,
           providers::google_token_request(credentials, source.now_s, arena));
    const std::string_view path = source.upstream.url().path_prefix;
    FetchRequest request;
    request.method = http::Method::post;
    request.target = path.empty() ? "/" : path;
    request.content_type = "application/x-www-form-urlencoded";
    request.body = form;
    CO_TRY(FetchedReply reply,
           co_await fetch(source.proactor, source.patience, source.upstream, request));
    CO_TRY(const providers::GoogleToken token, providers::read_google_token(reply.body, arena));
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
