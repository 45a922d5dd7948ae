// Addresses with a variable part get it from the settings of the same name.
#include "config/provider_defaults.h"

#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "config/checks.h"
#include "config/places.h"
#include "json/writer.h"
#include "providers/path_text.h"
#include "providers/vendor.h"
#include "upstream/options.h"

namespace sluice::config {

namespace {

using providers::Vendor;
using upstream::UpstreamOptions;

void fill(UpstreamOptions& upstream,
          const Vendor& vendor,
          const Environment& environment,
          const Places& places,
          Diagnostics& diagnostics) {
    const std::string path = "llm." + upstream.name;
    if (upstream.base_url.empty() && !vendor.base_url.empty()) {
        const std::string& location = upstream.vendor.location;
        const bool needs_location =
            vendor.base_url.contains("{location}") || vendor.base_url.contains("{region}");
        if (needs_location && location.empty()) {
            report(diagnostics, places, Severity::error, path + ".location",
                   fmt::format("is missing; provider {} needs it for its address",
                               in_quotes(upstream.provider)));
            return;
        }
        std::string url;
        json::StringText text(url);
        providers::expand_base_url(text, vendor.base_url,
                                   {.project = upstream.project, .location = location});
        text.finish();
        upstream.base_url = url;
    }
    // What is a key elsewhere is none of Entra ID's tokens.
    const bool is_silent = !upstream.names_keys() && upstream.vendor.auth != "entra";
    if (is_silent && !vendor.key_env.empty()) {
        const std::optional<std::string> value = environment(std::string(vendor.key_env));
        if (value && !value->empty()) {
            upstream.token_env = vendor.key_env;
        }
    }
}

}  // namespace

void fill_provider_defaults(Config& config,
                            const Environment& environment,
                            const Places& places,
                            Diagnostics& diagnostics) {
    for (UpstreamOptions& upstream : config.upstreams) {
        if (const Vendor* vendor = providers::find_vendor(upstream.provider)) {
            fill(upstream, *vendor, environment, places, diagnostics);
        }
    }
}

}  // namespace sluice::config
