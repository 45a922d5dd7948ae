// BearerToken: the access token of one upstream of Google's or Microsoft's (RFC 6749 section 5).
//
// Who hands it out, and what is asked, goes by the upstream's provider and credentials.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/arena.h"
#include "base/result.h"
#include "base/secret.h"
#include "coro/task.h"
#include "pipeline/credential_keeper.h"
#include "pipeline/fetch.h"
#include "providers/credential_stage.h"
#include "upstream/options.h"

namespace sluice::pipeline {

class BearerToken final : public CredentialKeeper {
public:
    explicit BearerToken(const upstream::UpstreamOptions& options) : options_(options) {}

    // "Bearer ..."
    std::string_view authorization() const { return authorization_.reveal(); }

private:
    providers::CredentialStage stage(int64_t now_s) const override;
    coro::Task<Status> renew(const Source& source) override;
    // What to ask for a new one; in the arena.
    Result<FetchRequest> question(const Source& source, Arena& arena) const;
    Result<FetchRequest> ask_google(const Source& source, Arena& arena) const;
    FetchRequest ask_identity(const Source& source, Arena& arena) const;

    const upstream::UpstreamOptions options_;
    Secret authorization_;
    int64_t renew_at_s_ = 0;  // Seconds since 1970.
    int64_t expires_at_s_ = 0;
};

}  // namespace sluice::pipeline
