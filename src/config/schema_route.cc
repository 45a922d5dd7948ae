// The settings of [[route]]: which requests a route takes, and what it does with them.
#include <array>
#include <string_view>

#include "base/priority.h"
#include "config/checks.h"
#include "config/schema_table.h"
#include "config/setting.h"
#include "pipeline/options.h"

namespace sluice::config {

template <>
struct ChoiceNames<Priority> {
    static constexpr auto kNames = kPriorityNames;
};

template <>
struct ChoiceNames<pipeline::PriorityHeader> {
    static constexpr std::string_view kNames[] = {"ignore", "lower", "any"};
};

namespace {

using pipeline::RouteOptions;

constexpr auto kRouteSettings = std::to_array<Setting>({
    setting<&RouteOptions::path_prefix>(
        "path_prefix",
        "Takes this path and all below it, by whole segments. The longest one that matches wins.")
        .check(check_path_prefix)
        .required(),
    setting<&RouteOptions::models>(
        "models",
        "Takes only these models: names, or prefixes that end in '*'. A name wins over a prefix, "
        "a long prefix over a short one. Empty takes every model.")
        .check(check_model),
    setting<&RouteOptions::model_aliases>(
        "model_aliases",
        "Model names that the route takes and rewrites, as { alias = \"upstream's name\" }.")
        .check_each(check_model_alias),
    setting<&RouteOptions::target_llm>("target_llm",
                                       "Name of the [llm.NAME] or [pool.NAME] that answers.")
        .required(),
    setting<&RouteOptions::allow_streaming>(
        "allow_streaming", "Whether requests with \"stream\": true are taken; 400 otherwise."),
    setting<&RouteOptions::allow_non_streaming>(
        "allow_non_streaming", "Whether requests without it are taken; 400 otherwise."),
    setting<&RouteOptions::processors>("processors",
                                       "Names of the [processor.NAME] to run, in this order."),
    setting<&RouteOptions::priority>(
        "priority",
        "How urgent its requests are while they wait in the queue of a pool; a key may say "
        "otherwise for its own."),
    setting<&RouteOptions::priority_header>(
        "priority_header",
        "What x-sluice-priority does in a request: lower may make it less urgent than its key or "
        "this route says, any may make it more urgent as well."),
    setting<&RouteOptions::request_body_bytes_max>(
        "request_body_bytes_max",
        "Largest request body on this route. 0 takes server.http.request_body_bytes_max.")
        .range(0, 1'024 * kGiB),
    setting<&RouteOptions::cors_allowed_origins>(
        "cors_allowed_origins",
        "Web origins for this route. Empty takes server.cors_allowed_origins.")
        .check(check_origin),
});

}  // namespace

SectionTable route_section() {
    return {"[[route]]", kRouteSettings, &defaults<RouteOptions>};
}

}  // namespace sluice::config
