// One loop over the arguments.
#include "server/client_options.h"

#include <algorithm>
#include <cstddef>
#include <expected>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "config/checks.h"
#include "config/nearest.h"
#include "server/cli.h"

namespace sluice::server {

CommandLine asking(const CommandLine& line,
                   std::string_view admin_address,
                   std::string_view config_file) {
    CommandLine asked = line;
    asked.admin_address = admin_address;
    if (!config_file.empty()) {
        asked.config_file = config_file;
    }
    return asked;
}

std::expected<std::vector<std::string_view>, std::string> parse_client_options(
    std::string_view command,
    std::span<const std::string> arguments,
    std::span<const OwnOption> own,
    ClientOptions& options) {
    std::vector<OwnOption> known = {{.name = "--admin", .value = &options.admin_address},
                                    {.name = "--config", .value = &options.config_file},
                                    {.name = "-c", .value = &options.config_file},
                                    {.name = "--json", .flag = &options.json},
                                    {.name = "--help", .flag = &options.wants_help},
                                    {.name = "-h", .flag = &options.wants_help}};
    known.insert(known.end(), own.begin(), own.end());
    const auto wrong = [command](std::string_view text) {
        return std::unexpected(fmt::format("{}: {}", command, text));
    };
    std::vector<std::string_view> words;
    for (size_t i = 0; i < arguments.size(); ++i) {
        const std::string_view text = arguments[i];
        if (text.size() < 2 || !text.starts_with('-')) {
            words.push_back(text);
            continue;
        }
        const size_t equals = text.find('=');
        const std::string_view name = text.substr(0, equals);
        const bool is_inline = equals != std::string_view::npos;
        const auto found = std::ranges::find(known, name, &OwnOption::name);
        if (found == known.end()) {
            std::vector<std::string_view> names;
            std::ranges::transform(known, std::back_inserter(names), &OwnOption::name);
            const std::string hint = config::did_you_mean(name, names);
            return wrong(fmt::format(
                "unknown option {}{}", config::in_quotes(name),
                hint.empty() ? fmt::format("; `sluice {} --help` lists all", command) : hint));
        }
        if (found->flag != nullptr) {
            if (is_inline) {
                return wrong(fmt::format("{}: has no value", name));
            }
            *found->flag = true;
            continue;
        }
        if (!is_inline && i + 1 == arguments.size()) {
            return wrong(fmt::format("{}: the value is missing", name));
        }
        *found->value = is_inline ? text.substr(equals + 1) : std::string_view(arguments[++i]);
    }
    return words;
}

CommandOutput failure_of(std::string_view reason) {
    return {kExitFailure, "", fmt::format("sluice: {}\n", reason)};
}

CommandOutput misuse_of(std::string_view reason) {
    return {kExitUsage, "", fmt::format("sluice: {}\n", reason)};
}

}  // namespace sluice::server
