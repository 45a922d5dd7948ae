// Credentials of AWS, as they are found in files and as metadata services hand them out.
//
// Pure: whoever reads the file or asks the service gives the text; renewing in time is decided by
// stage(). See protocols of Bedrock, section 9, for where clients look and in which order.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "base/result.h"
#include "base/secret.h"
#include "providers/credential_stage.h"

namespace sluice::providers {

struct AwsCredentials {
    using Stage = CredentialStage;

    std::string access_key_id = {};
    Secret secret_access_key = {};
    Secret session_token = {};  // Temporary credentials have one.
    int64_t expires_at_s = 0;   // Since 1970; 0 when they do not.

    bool is_usable() const { return !access_key_id.empty() && !secret_access_key.empty(); }
    Stage stage(int64_t now_s) const;
};

struct AwsProfile {
    AwsCredentials credentials;  // Not usable when the files have none for this profile.
    std::string region;
};

// A profile of ~/.aws/credentials and ~/.aws/config, whose texts are given; either may be empty.
// The first of them wins where both say something.
AwsProfile read_aws_profile(std::string_view credentials_file,
                            std::string_view config_file,
                            std::string_view profile);

// What the container endpoint and the instance metadata service (version 2) answer. Fails with
// invalid_json, and with invalid_field when a part is missing or the service reports a failure.
Result<AwsCredentials> read_aws_credentials(std::string_view body, Arena& scratch);

}  // namespace sluice::providers
