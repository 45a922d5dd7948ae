// Forms and queries of Entra ID and of Azure's identity endpoints.
#include "providers/entra_auth.h"

#include <string_view>

#include "base/arena.h"
#include "json/writer.h"
#include "providers/oauth.h"
#include "providers/path_text.h"

namespace sluice::providers {

namespace {

constexpr std::string_view kDefault = "/.default";

void append_resource(std::string_view scope, std::string_view client_id, json::TextOutput& to) {
    if (scope.ends_with(kDefault)) {
        scope.remove_suffix(kDefault.size());
    }
    append_form_field(to, "resource", scope);
    if (!client_id.empty()) {
        append_form_field(to, "client_id", client_id);
    }
}

}  // namespace

std::string_view entra_token_path(std::string_view tenant, Arena& arena) {
    json::ArenaText path(arena, 128);
    path.append('/');
    append_path_segment(path, tenant);
    path.append("/oauth2/v2.0/token");
    return path.view();
}

std::string_view entra_token_request(std::string_view client_id,
                                     std::string_view client_secret,
                                     std::string_view scope,
                                     Arena& arena) {
    json::ArenaText form(arena, 512);
    append_form_field(form, "grant_type", "client_credentials");
    append_form_field(form, "client_id", client_id);
    append_form_field(form, "client_secret", client_secret);
    append_form_field(form, "scope", scope);
    return form.view();
}

std::string_view instance_identity_target(std::string_view scope,
                                          std::string_view client_id,
                                          Arena& arena) {
    json::ArenaText target(arena, 256);
    target.append("/metadata/identity/oauth2/token?api-version=2018-02-01");
    append_resource(scope, client_id, target);
    return target.view();
}

std::string_view service_identity_query(std::string_view scope,
                                        std::string_view client_id,
                                        Arena& arena) {
    json::ArenaText query(arena, 256);
    query.append("api-version=2019-08-01");
    append_resource(scope, client_id, query);
    return query.view();
}

}  // namespace sluice::providers
