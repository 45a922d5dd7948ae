// Names are those of the tables in providers/.
#include "config/provider_checks.h"

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "config/checks.h"
#include "config/nearest.h"
#include "providers/vendor.h"
#include "upstream/options.h"

namespace sluice::config {

namespace {

constexpr std::string_view kOperations[] = {"chat",      "completions", "embeddings",
                                            "responses", "models",      "count_tokens"};

// "" when `text` is one of the names.
std::string check_name(std::string_view text,
                       std::string_view what,
                       std::span<const std::string_view> names) {
    if (std::ranges::find(names, text) != names.end()) {
        return "";
    }
    return fmt::format("{} is not {}{}; expected one of: {}", in_quotes(text), what,
                       did_you_mean(text, names), fmt::join(names, ", "));
}

bool is_lower_name(std::string_view text) {
    return std::ranges::all_of(
        text, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

}  // namespace

std::string check_provider(std::string_view text) {
    std::vector<std::string_view> names = {upstream::kSimulatedProvider};
    for (const providers::Vendor* vendor : providers::vendors()) {
        names.push_back(vendor->name);
    }
    std::ranges::sort(names);
    return check_name(text, "a provider", names);
}

std::string check_quirk(std::string_view text) {
    return check_name(text, "a quirk", providers::quirk_names());
}

std::string check_capability(std::string_view text) {
    return check_name(text, "a capability", providers::capability_names());
}

std::string check_auth(std::string_view text) {
    const size_t colon = std::min(text.find(':'), text.size());
    const std::string_view scheme = text.substr(0, colon);
    const bool has_name = colon + 1 < text.size();
    const bool is_plain = colon == text.size() && (text.empty() || scheme == "bearer" ||
                                                   scheme == "entra" || scheme == "none");
    const bool is_named = has_name && (scheme == "header" || scheme == "query") &&
                          check_header_value(text.substr(colon + 1)).empty();
    if (is_plain || is_named) {
        return "";
    }
    return fmt::format(
        "{} is not a way to send a key; expected \"bearer\", \"header:NAME\", \"query:NAME\", "
        "\"entra\" or \"none\"",
        in_quotes(text));
}

std::string check_location(std::string_view text) {
    return is_lower_name(text) ? ""
                               : fmt::format(
                                     "{} is not a location; expected one such as "
                                     "\"us-east-1\" or \"europe-west4\"",
                                     in_quotes(text));
}

std::string check_operation_path(std::string_view operation, std::string_view path) {
    if (std::string problem = check_name(operation, "an operation", kOperations);
        !problem.empty()) {
        return problem;
    }
    const bool is_path = path.starts_with('/') && std::ranges::all_of(path, [](char c) {
                             return c > 0x20 && c < 0x7F && c != '#';
                         });
    return is_path ? ""
                   : fmt::format("{} is not a path; expected one that begins with '/'",
                                 in_quotes(path));
}

}  // namespace sluice::config
