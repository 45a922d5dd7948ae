// Where a process gets tokens of Microsoft Entra ID, by what its environment says.
#pragma once

#include <expected>
#include <string>

#include "base/secret.h"
#include "config/environment.h"
#include "upstream/options.h"

namespace sluice::config {

struct IdentityFound {
    upstream::IdentityOptions options = {};
    std::string base_url = {};  // Of who hands them out.
    Secret secret = {};
};

// In the order of Azure's own tools: an application's secret, the endpoint of a service, the
// instance's metadata. The error is a phrase that begins with the variable that is wrong.
std::expected<IdentityFound, std::string> find_identity(const Environment& environment);

}  // namespace sluice::config
