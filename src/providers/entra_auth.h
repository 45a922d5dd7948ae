// Access tokens of Microsoft Entra ID: what is asked for them, and where.
//
// An application has a secret (client credentials, RFC 6749 section 4.4); a machine in Azure has an
// identity that a service on it, or one hop away, vouches for. Answers are those of oauth.h.
#pragma once

#include <string_view>

#include "base/arena.h"

namespace sluice::providers {

// Below https://login.microsoftonline.com or another authority.
std::string_view entra_token_path(std::string_view tenant, Arena& arena);
// The form that is posted there.
std::string_view entra_token_request(std::string_view client_id,
                                     std::string_view client_secret,
                                     std::string_view scope,
                                     Arena& arena);

// Path and query of the instance metadata service. The scope's "/.default" is not part of what it
// calls the resource. `client_id` names one of several identities; empty for the machine's own.
std::string_view instance_identity_target(std::string_view scope,
                                          std::string_view client_id,
                                          Arena& arena);
// The query of the identity endpoint of App Service and Container Apps, without its '?'.
std::string_view service_identity_query(std::string_view scope,
                                        std::string_view client_id,
                                        Arena& arena);

}  // namespace sluice::providers
