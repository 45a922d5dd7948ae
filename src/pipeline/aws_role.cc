// One question to a container's endpoint, three to the instance metadata service.
#include "pipeline/aws_role.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/log.h"
#include "base/result.h"
#include "base/text.h"
#include "base/time.h"
#include "coro/task.h"
#include "http/types.h"
#include "http/url.h"
#include "pipeline/fetch.h"
#include "providers/aws_credentials.h"
#include "providers/credential_stage.h"
#include "providers/vendor.h"
#include "upstream/options.h"

namespace sluice::pipeline {

namespace {

using providers::AwsCredentials;
using providers::CredentialStage;
using providers::HeaderLine;

// The services are on the machine or one hop away.
constexpr Duration kFetchTimeout = Duration::seconds(5);
constexpr uint32_t kReplyBytesMax = 64 * 1024;
// Instance metadata replaces keys as late as five minutes before their end, which is after the time
// to renew. The old ones are good until then, so they are used for a minute before asking again.
constexpr int64_t kPauseS = 60;
constexpr int64_t kUnusableS = 10;

constexpr std::string_view kTokenPath = "/latest/api/token";
constexpr std::string_view kRolePath = "/latest/meta-data/iam/security-credentials/";

// A role's name as AWS allows it, so that it can stand in a path.
bool is_role_name(std::string_view text) {
    constexpr size_t kNameBytesMax = 64;
    if (text.empty() || text.size() > kNameBytesMax) {
        return false;
    }
    for (const char c : text) {
        const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        const bool is_digit = c >= '0' && c <= '9';
        if (!is_letter && !is_digit && std::string_view("+=,.@-_").find(c) == text.npos) {
            return false;
        }
    }
    return true;
}

bool can_stand_in_field(std::string_view text) {
    for (const char c : text) {
        if (c <= ' ' || c >= 0x7f) {
            return false;
        }
    }
    return !text.empty();
}

}  // namespace

CredentialStage AwsRole::stage(int64_t now_s) const {
    if (!credentials_.is_usable()) {
        return CredentialStage::stale;
    }
    const CredentialStage stage = credentials_.stage(now_s);
    const bool was_just_fetched = now_s < fetched_at_s_ + kPauseS;
    const bool is_usable = now_s < credentials_.expires_at_s - kUnusableS;
    return stage == CredentialStage::stale && was_just_fetched && is_usable
               ? CredentialStage::ageing
               : stage;
}

coro::Task<Status> AwsRole::renew(const Source& source) {
    std::string body;
    if (options_.vendor.role_source == upstream::RoleSource::container) {
        CO_TRY(body, co_await ask_container(source));
    } else {
        CO_TRY(body, co_await ask_instance(source));
    }
    Arena arena;
    Result<AwsCredentials> found = providers::read_aws_credentials(body, arena);
    explicit_bzero(body.data(), body.size());
    if (!found) {
        SLUICE_LOG(error, "pipeline", "the keys of a role cannot be read",
                   {"upstream", options_.name}, {"reason", found.error().where});
        co_return fail(refused("the keys of a role cannot be read"));
    }
    if (found->expires_at_s != 0 && found->expires_at_s <= source.now_s) {
        co_return fail(refused("the keys of a role have expired"));
    }
    credentials_ = std::move(*found);
    fetched_at_s_ = source.now_s;
    co_return Status();
}

coro::Task<Result<std::string>> AwsRole::ask_container(const Source& source) {
    const HeaderLine lines[] = {{"authorization", options_.vendor.credentials.reveal()}};
    FetchRequest request;
    request.target = options_.vendor.role_target;
    if (!options_.vendor.credentials.empty()) {
        request.headers = lines;
    }
    co_return co_await ask(source, request);
}

coro::Task<Result<std::string>> AwsRole::ask_instance(const Source& source) {
    Arena arena;
    const std::string_view prefix = source.upstream.url().path_prefix;
    const HeaderLine lifetime[] = {{"x-aws-ec2-metadata-token-ttl-seconds", "21600"}};
    FetchRequest request;
    request.method = http::Method::put;
    request.target = http::join_target(arena, prefix, kTokenPath);
    request.headers = lifetime;
    CO_TRY(const std::string token, co_await ask(source, request));
    if (!can_stand_in_field(trim_ows(token))) {
        co_return fail(refused("the metadata service gave no token"));
    }
    const HeaderLine with_token[] = {{"x-aws-ec2-metadata-token", trim_ows(token)}};
    request.method = http::Method::get;
    request.target = http::join_target(arena, prefix, kRolePath);
    request.headers = with_token;
    CO_TRY(const std::string roles, co_await ask(source, request));
    const std::string_view role =
        trim_ows(std::string_view(roles).substr(0, roles.find_first_of("\r\n")));
    if (!is_role_name(role)) {
        co_return fail(refused("the machine has no role"));
    }
    request.target = http::join_target(arena, prefix, arena.join({kRolePath, role}));
    co_return co_await ask(source, request);
}

coro::Task<Result<std::string>> AwsRole::ask(const Source& source, const FetchRequest& request) {
    FetchRequest bounded = request;
    bounded.reply_bytes_max = kReplyBytesMax;
    bounded.timeout = kFetchTimeout;
    CO_TRY(FetchedReply reply,
           co_await fetch(source.proactor, source.patience, source.upstream, bounded));
    if (reply.status != 200) {
        SLUICE_LOG(error, "pipeline", "the keys of a role were refused",
                   {"upstream", options_.name}, {"status", int64_t{reply.status}});
        co_return fail(refused("the keys of a role were refused"));
    }
    co_return std::move(reply.body);
}

}  // namespace sluice::pipeline
