// Where a process on AWS finds the keys of its role, by what its environment says.
#pragma once

#include <expected>
#include <optional>
#include <string>

#include "base/secret.h"
#include "config/environment.h"
#include "upstream/options.h"

namespace sluice::config {

struct AwsRoleSource {
    upstream::RoleSource kind = upstream::RoleSource::none;  // None: it was switched off.
    std::string base_url = {};
    std::string target = {};    // Path and query, of a container's endpoint.
    Secret authorization = {};  // Empty when the endpoint wants none.
};

// In the order of AWS's own tools: the container's endpoint, then the instance's metadata. The
// error is a phrase that begins with the variable that is wrong.
std::expected<AwsRoleSource, std::string> find_aws_role(const Environment& environment);

}  // namespace sluice::config
