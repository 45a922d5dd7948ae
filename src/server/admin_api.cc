// The table of endpoints, and finding one.
#include "server/admin_api.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "http/types.h"
#include "json/writer.h"
#include "server/admin_handlers.h"

namespace sluice::server {

namespace {

using http::Method;

constexpr AdminEndpoint kEndpoints[] = {
    {Method::get, "/healthz", &answer_health, "Whether the control shard answers."},
    {Method::get, "/openapi.json", &answer_openapi, "This interface, as OpenAPI 3.1."},
    {Method::get, "/v1/status", &answer_status, "What runs, and how its shards are."},
    {Method::get, "/v1/config", &answer_config, "The configuration in force."},
    {Method::post, "/v1/reload", &answer_reload, "Reads the configuration and the keys again."},
    {Method::get, "/v1/stats", &answer_stats, "What was served, by route and by upstream."},
    {Method::get, "/v1/histograms", &answer_histograms, "The times of all that was served."},
    {Method::get, "/v1/exchanges", &answer_exchanges, "The last exchanges, phase by phase."},
    {Method::get, "/v1/exchanges/{shard}/{number}", &answer_exchange,
     "One of the last exchanges, with its content where that is kept."},
    {Method::get, "/v1/keys", &answer_keys, "The virtual keys, without their secrets."},
    {Method::post, "/v1/keys", &answer_create_key, "Makes a virtual key; tells its secret once."},
    {Method::get, "/v1/keys/{id}", &answer_key, "One virtual key."},
    {Method::patch, "/v1/keys/{id}", &answer_change_key, "Changes what a virtual key may do."},
    {Method::delete_method, "/v1/keys/{id}", &answer_revoke_key, "Revokes a virtual key for good."},
    {Method::get, "/v1/limits", &answer_limits, "What is left of every limit and budget."},
    {Method::get, "/v1/cache", &answer_cache, "What the response cache holds and does."},
    {Method::post, "/v1/cache/purge", &answer_purge, "Removes answers from the response cache."},
    {Method::get, "/v1/targets", &answer_targets, "The targets of all pools, and how each is."},
    {Method::post, "/v1/targets/{pool}", &answer_add_target, "Adds a target to a pool."},
    {Method::delete_method, "/v1/targets/{pool}/{target}", &answer_remove_target,
     "Removes a target from a pool."},
    {Method::patch, "/v1/targets/{pool}/{target}", &answer_change_target,
     "Drains a target, forces its breaker, changes its weight."},
    {Method::get, "/v1/log", &answer_log, "The level of each room of the log."},
    {Method::patch, "/v1/log", &answer_change_log, "Changes levels of the log."},
    {Method::get, "/v1/usage", &answer_usage, "What the ledger adds up to."},
};

std::string_view take_segment(std::string_view& path) {
    path.remove_prefix(1);  // The slash.
    const std::string_view segment = path.substr(0, path.find('/'));
    path.remove_prefix(segment.size());
    return segment;
}

bool matches(std::string_view pattern, std::string_view path, AdminMatch& match) {
    size_t count = 0;
    while (pattern.starts_with('/') && path.starts_with('/')) {
        const std::string_view wanted = take_segment(pattern);
        const std::string_view given = take_segment(path);
        if (wanted.starts_with('{')) {
            if (given.empty() || count == kAdminParametersMax) {
                return false;
            }
            match.parameters[count++] = given;
        } else if (wanted != given) {
            return false;
        }
    }
    return pattern.empty() && path.empty();
}

}  // namespace

std::span<const AdminEndpoint> admin_endpoints() {
    return kEndpoints;
}

AdminMatch find_admin_endpoint(Method method, std::string_view path) {
    const Method wanted = method == Method::head ? Method::get : method;
    AdminMatch found;
    for (const AdminEndpoint& endpoint : kEndpoints) {
        AdminMatch match;
        if (!matches(endpoint.path, path, match)) {
            continue;
        }
        if (endpoint.method == wanted) {
            match.endpoint = &endpoint;
            return match;
        }
        found.allowed += found.allowed.empty() ? "" : ", ";
        found.allowed +=
            endpoint.method == Method::get ? "GET, HEAD" : method_name(endpoint.method);
    }
    return found;
}

AdminAnswer admin_error(uint16_t status, std::string_view code, std::string_view message) {
    AdminAnswer answer;
    answer.status = status;
    json::StringText text(answer.body);
    json::Writer(text)
        .begin_object()
        .key("error")
        .begin_object()
        .key("message")
        .string(message)
        .key("code")
        .string(code)
        .end_object()
        .end_object();
    text.finish();
    return answer;
}

}  // namespace sluice::server
