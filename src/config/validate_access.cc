// Secrets are read, hashed and wiped in one place; what is kept is the hash.
#include "config/validate_access.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <string.h>

#include "access/configured_keys.h"
#include "access/options.h"
#include "access/virtual_key.h"
#include "config/checks.h"
#include "config/nearest.h"
#include "config/read_file.h"
#include "crypto/digest.h"
#include "pipeline/processor_options.h"

namespace sluice::config {

namespace {

using access::KeyOptions;
using access::TenantOptions;

class KeyResolver {
public:
    KeyResolver(const Environment& environment, const Places& places, Diagnostics& diagnostics)
        : environment_(environment), places_(places), diagnostics_(diagnostics) {}

    void resolve(KeyOptions& key) {
        const std::string path = "key." + key.name;
        const int sources = static_cast<int>(!key.sha256.empty()) +
                            static_cast<int>(!key.secret_env.empty()) +
                            static_cast<int>(!key.secret_file.empty());
        if (sources != 1) {
            error(path, fmt::format("has {} of sha256, secret_env and secret_file; expected "
                                    "exactly one",
                                    sources == 0 ? "none" : "more than one"));
        } else if (!key.sha256.empty()) {
            key.hash = key.sha256;
        } else if (!key.secret_env.empty()) {
            from_environment(key, path + ".secret_env");
        } else {
            from_file(key, path + ".secret_file");
        }
    }

private:
    void error(const std::string& path, std::string text) {
        report(diagnostics_, places_, Severity::error, path, std::move(text));
    }

    void from_environment(KeyOptions& key, const std::string& path) {
        std::optional<std::string> value = environment_(key.secret_env);
        if (!value || value->empty()) {
            report(diagnostics_, places_, Severity::warning, path,
                   fmt::format("the environment variable {} is not set; nobody can use this key",
                               key.secret_env));
            return;
        }
        take(key, *value, path, fmt::format("the environment variable {}", key.secret_env));
    }

    void from_file(KeyOptions& key, const std::string& path) {
        auto content = read_file(key.secret_file, access::kSecretBytesMax);
        if (!content) {
            error(path, fmt::format("{} {}", in_quotes(key.secret_file), content.error()));
            return;
        }
        take(key, *content, path, in_quotes(key.secret_file));
    }

    // Leaves the hash of `text`, which is wiped.
    void take(KeyOptions& key,
              std::string& text,
              const std::string& path,
              const std::string& source) {
        std::string_view secret = text;
        while (secret.ends_with('\n') || secret.ends_with('\r')) {
            secret.remove_suffix(1);
        }
        const bool is_sendable =
            std::ranges::all_of(secret, [](char c) { return c > 0x20 && c < 0x7F; });
        if (!is_sendable || secret.size() < access::kSecretBytesMin ||
            secret.size() > access::kSecretBytesMax) {
            error(path, fmt::format("{} is not a key; expected {} to {} characters of printable "
                                    "ASCII without blanks",
                                    source, access::kSecretBytesMin, access::kSecretBytesMax));
        } else {
            key.hash = crypto::hex(access::hash_secret(secret));
            key.display = access::display_of(secret);
        }
        explicit_bzero(text.data(), text.size());
    }

    const Environment& environment_;
    const Places& places_;
    Diagnostics& diagnostics_;
};

// "limits.x must be ..." about "key.a" is said at key.a.limits.x.
void report_problems(const std::vector<std::string>& problems,
                     const std::string& path,
                     const Places& places,
                     Diagnostics& diagnostics) {
    for (const std::string_view problem : problems) {
        const size_t blank = problem.find(' ');
        report(diagnostics, places, Severity::error,
               fmt::format("{}.{}", path, problem.substr(0, blank)),
               std::string(problem.substr(blank + 1)));
    }
}

// "limits.x must be ..." about a processor is said at processor.a.x.
void check_rate_limits(const Config& config, const Places& places, Diagnostics& diagnostics) {
    constexpr std::string_view kGroup = "limits.";
    for (const pipeline::ProcessorOptions& processor : config.processors) {
        const auto* const options = std::get_if<pipeline::RateLimitOptions>(&processor.config);
        if (options == nullptr) {
            continue;
        }
        for (std::string problem : access::problems_of(options->limits, {})) {
            for (size_t at = problem.find(kGroup); at != problem.npos; at = problem.find(kGroup)) {
                problem.erase(at, kGroup.size());
            }
            report_problems({problem}, "processor." + processor.name, places, diagnostics);
        }
    }
}

// Steps that enforce what belongs to a key, where nobody has asked for one.
void check_keyless_steps(const Config& config, const Places& places, Diagnostics& diagnostics) {
    for (size_t i = 0; i < config.routes.size(); ++i) {
        bool has_key = false;
        const std::vector<std::string>& names = config.routes[i].processors;
        for (size_t k = 0; k < names.size(); ++k) {
            const pipeline::ProcessorOptions* const step = config.find_processor(names[k]);
            if (step == nullptr) {
                continue;
            }
            has_key =
                has_key || std::holds_alternative<pipeline::AuthenticateOptions>(step->config);
            const auto* const limit = std::get_if<pipeline::RateLimitOptions>(&step->config);
            const bool wants_key = std::holds_alternative<pipeline::BudgetOptions>(step->config) ||
                                   (limit != nullptr && !limit->has_own_limits());
            if (wants_key && !has_key) {
                report(diagnostics, places, Severity::warning,
                       fmt::format("route[{}].processors[{}]", i, k),
                       fmt::format("{} has no effect, because nothing before it authenticates",
                                   in_quotes(names[k])));
            }
        }
    }
}

// After a restart a budget goes on with what the ledger knows of its period.
void check_retention(const Config& config,
                     const access::BudgetOptions& budget,
                     const std::string& path,
                     const Places& places,
                     Diagnostics& diagnostics) {
    constexpr uint32_t kDaysOfPeriod[] = {1, 1, 7, 31, UINT32_MAX};
    const uint32_t kept_days = config.ledger.retention_days;
    const bool is_limited = budget.hard_picodollars > 0 || budget.soft_picodollars > 0;
    if (is_limited && config.ledger.enabled() && kept_days > 0 &&
        kept_days < kDaysOfPeriod[static_cast<size_t>(budget.period)]) {
        report(diagnostics, places, Severity::warning, path + ".budget.period",
               fmt::format("is longer than the {} {} that the ledger keeps "
                           "(ledger.retention_days): after a restart, what was spent before is "
                           "not known any more",
                           kept_days, kept_days == 1 ? "day" : "days"));
    }
}

}  // namespace

void resolve_key_secrets(Config& config,
                         const Environment& environment,
                         const Places& places,
                         Diagnostics& diagnostics) {
    KeyResolver resolver(environment, places, diagnostics);
    for (KeyOptions& key : config.virtual_keys) {
        resolver.resolve(key);
    }
}

void validate_access(const Config& config, const Places& places, Diagnostics& diagnostics) {
    check_rate_limits(config, places, diagnostics);
    check_keyless_steps(config, places, diagnostics);
    std::vector<std::string_view> tenants;
    for (const TenantOptions& tenant : config.tenants) {
        tenants.emplace_back(tenant.name);
        report_problems(access::problems_of(tenant.limits, access::budget_of(tenant.budget)),
                        "tenant." + tenant.name, places, diagnostics);
        check_retention(config, access::budget_of(tenant.budget), "tenant." + tenant.name, places,
                        diagnostics);
    }
    std::map<std::string_view, std::string_view> by_hash;
    for (const KeyOptions& key : config.virtual_keys) {
        const std::string path = "key." + key.name;
        report_problems(access::problems_of(key.limits, access::budget_of(key.budget)), path,
                        places, diagnostics);
        check_retention(config, access::budget_of(key.budget), path, places, diagnostics);
        const auto at_most = [&](std::string_view list, size_t count, size_t most) {
            if (count > most) {
                report(diagnostics, places, Severity::error, fmt::format("{}.{}", path, list),
                       fmt::format("has {} entries; expected at most {}", count, most));
            }
        };
        at_most("models", key.models.size(), access::kPatternsMax);
        at_most("routes", key.routes.size(), access::kPatternsMax);
        at_most("metadata", key.metadata.size(), access::kMetadataMax);
        if (!key.tenant.empty() && std::ranges::find(tenants, key.tenant) == tenants.end()) {
            report(diagnostics, places, Severity::error, path + ".tenant",
                   fmt::format("there is no [tenant.NAME] called {}{}", in_quotes(key.tenant),
                               did_you_mean(key.tenant, tenants)));
        }
        const auto [other, is_new] = by_hash.emplace(key.hash, key.name);
        if (!is_new && !key.hash.empty()) {
            report(diagnostics, places, Severity::error, path,
                   fmt::format("has the same secret as key.{}; expected another", other->second));
        }
    }
}

}  // namespace sluice::config
