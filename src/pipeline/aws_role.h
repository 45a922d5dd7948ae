// AwsRole: the temporary keys of the role that the machine or the container has, for one upstream.
//
// They come from the container's endpoint or from the instance metadata service, version 2.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "coro/task.h"
#include "pipeline/credential_keeper.h"
#include "pipeline/fetch.h"
#include "providers/aws_credentials.h"
#include "providers/credential_stage.h"
#include "upstream/options.h"

namespace sluice::pipeline {

class AwsRole final : public CredentialKeeper {
public:
    explicit AwsRole(const upstream::UpstreamOptions& options) : options_(options) {}

    // Not usable before the first ensure() that succeeded.
    const providers::AwsCredentials& credentials() const { return credentials_; }

private:
    providers::CredentialStage stage(int64_t now_s) const override;
    coro::Task<Status> renew(const Source& source) override;
    coro::Task<Result<std::string>> ask_container(const Source& source);
    coro::Task<Result<std::string>> ask_instance(const Source& source);
    // The body of an answer with status 200; all others are failures.
    coro::Task<Result<std::string>> ask(const Source& source, const FetchRequest& request);

    const upstream::UpstreamOptions options_;
    providers::AwsCredentials credentials_;
    int64_t fetched_at_s_ = 0;  // Since 1970.
};

}  // namespace sluice::pipeline
