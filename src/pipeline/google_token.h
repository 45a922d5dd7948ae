// GoogleToken: the access token of one upstream of Google's (RFC 7523, RFC 6749 section 5).
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "coro/task.h"
#include "pipeline/credential_keeper.h"
#include "providers/credential_stage.h"
#include "upstream/options.h"

namespace sluice::pipeline {

class GoogleToken final : public CredentialKeeper {
public:
    explicit GoogleToken(const upstream::UpstreamOptions& options) : options_(options) {}

    // "Bearer ..."
    std::string_view authorization() const { return authorization_.reveal(); }

private:
    providers::CredentialStage stage(int64_t now_s) const override;
    coro::Task<Status> renew(const Source& source) override;

    const upstream::UpstreamOptions& options_;
    Secret authorization_;
    int64_t renew_at_s_ = 0;  // Seconds since 1970.
    int64_t expires_at_s_ = 0;
};

}  // namespace sluice::pipeline
