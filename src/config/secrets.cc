// resolve_secrets: environment or file, trimmed, checked, wiped behind us.
#include "config/secrets.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <string.h>

#include "base/secret.h"
#include "config/checks.h"
#include "config/read_file.h"
#include "ledger/options.h"
#include "trace/options.h"
#include "upstream/key_ring.h"

namespace sluice::config {

namespace {

using upstream::UpstreamOptions;

constexpr size_t kSecretBytesMax =
    size_t{16} * 1024;  // Longer than any token; fits into a request head.

std::string_view without_line_end(std::string_view text) {
    while (text.ends_with('\n') || text.ends_with('\r')) {
        text.remove_suffix(1);
    }
    return text;
}

class Resolver {
public:
    Resolver(const Environment& environment, const Places& places, Diagnostics& diagnostics)
        : environment_(environment), places_(places), diagnostics_(diagnostics) {}

    void resolve(server::AdminOptions& admin) {
        constexpr std::string_view kConsequence = "expected the token that opens the admin API";
        if (!admin.token_env.empty() && !admin.token_file.empty()) {
            report(diagnostics_, places_, Severity::error, "admin.token_file",
                   "token_env is set as well; expected one of the two");
        } else if (!admin.token_env.empty()) {
            admin.token =
                from_environment(admin.token_env, "admin.token_env", Severity::error, kConsequence);
        } else if (!admin.token_file.empty()) {
            admin.token = from_file(admin.token_file, "admin.token_file");
        }
    }

    void resolve(UpstreamOptions& upstream) {
        const std::string path = "llm." + upstream.name;
        if (!names_one_source(upstream, path)) {
            return;
        }
        if (!upstream.token_env.empty()) {
            upstream.token =
                from_environment(upstream.token_env, path + ".token_env", Severity::warning,
                                 "requests to this upstream go out without a key");
        } else if (!upstream.token_file.empty()) {
            upstream.token = from_file(upstream.token_file, path + ".token_file");
        }
        for (size_t i = 0; i < upstream.token_envs.size(); ++i) {
            const std::string place = fmt::format("{}.token_envs[{}]", path, i);
            keep(upstream,
                 from_environment(upstream.token_envs[i], place, Severity::warning,
                                  "requests to this upstream go out without this key"),
                 place);
        }
        for (size_t i = 0; i < upstream.token_files.size(); ++i) {
            const std::string place = fmt::format("{}.token_files[{}]", path, i);
            keep(upstream, from_file(upstream.token_files[i], place), place);
        }
    }

    // A password may hold what a header may not.
    void resolve(ledger::LedgerOptions& ledger) {
        std::string text;
        if (!ledger.password_env.empty() && !ledger.password_file.empty()) {
            report(diagnostics_, places_, Severity::error, "ledger.password_file",
                   "password_env is set as well; expected one of the two");
        } else if (!ledger.password_env.empty()) {
            text = environment_(ledger.password_env).value_or("");
            if (text.empty()) {
                report(diagnostics_, places_, Severity::warning, "ledger.password_env",
                       fmt::format("the environment variable {} is not set; the database is "
                                   "called without a password",
                                   ledger.password_env));
            }
        } else if (!ledger.password_file.empty()) {
            auto content = read_file(ledger.password_file, kSecretBytesMax);
            if (!content) {
                report(diagnostics_, places_, Severity::error, "ledger.password_file",
                       fmt::format("{} {}", in_quotes(ledger.password_file), content.error()));
                return;
            }
            text = std::move(*content);
        }
        ledger.password = Secret(without_line_end(text));
        explicit_bzero(text.data(), text.size());
    }

    // What a header carries may hold blanks, as "Bearer TOKEN" does.
    void resolve(trace::TraceOptions& traces) {
        for (const auto& [name, variable] : traces.header_envs) {
            const std::string path = fmt::format("traces.header_envs.{}", name);
            std::string text = environment_(variable).value_or("");
            const std::string_view value = without_line_end(text);
            if (value.empty()) {
                report(diagnostics_, places_, Severity::warning, path,
                       fmt::format("the environment variable {} is not set; traces are sent "
                                   "without this header",
                                   variable));
            } else if (const std::string problem = check_header_value(value); !problem.empty()) {
                report(diagnostics_, places_, Severity::error, path,
                       fmt::format("the environment variable {} {}", variable, problem));
            } else {
                traces.secret_headers.emplace_back(name, Secret(value));
            }
            explicit_bzero(text.data(), text.size());
        }
    }

private:
    bool names_one_source(const UpstreamOptions& upstream, const std::string& path) {
        const std::pair<std::string_view, bool> sources[] = {
            {"token_env", !upstream.token_env.empty()},
            {"token_file", !upstream.token_file.empty()},
            {"token_envs", !upstream.token_envs.empty()},
            {"token_files", !upstream.token_files.empty()}};
        std::string_view first;
        for (const auto& [name, is_set] : sources) {
            if (is_set && !first.empty()) {
                report(diagnostics_, places_, Severity::error, fmt::format("{}.{}", path, name),
                       fmt::format("{} is set as well; expected one of the two", first));
                return false;
            }
            first = is_set ? name : first;
        }
        if (upstream.token_envs.size() + upstream.token_files.size() >
            upstream::KeyRing::kKeysMax) {
            report(diagnostics_, places_, Severity::error, fmt::format("{}.{}", path, first),
                   fmt::format("names more than {} keys", upstream::KeyRing::kKeysMax));
            return false;
        }
        return true;
    }

    // `when_not_set`: how bad it is that the variable is not set, and what follows from it. What
    // could not be read is empty.
    Secret from_environment(const std::string& variable,
                            const std::string& path,
                            Severity when_not_set,
                            std::string_view consequence) {
        std::optional<std::string> value = environment_(variable);
        if (!value || without_line_end(*value).empty()) {
            report(
                diagnostics_, places_, when_not_set, path,
                fmt::format("the environment variable {} is not set; {}", variable, consequence));
            return {};
        }
        return take(*value, path, fmt::format("the environment variable {}", variable));
    }

    Secret from_file(const std::string& file, const std::string& path) {
        auto content = read_file(file, kSecretBytesMax);
        if (!content) {
            report(diagnostics_, places_, Severity::error, path,
                   fmt::format("{} {}", in_quotes(file), content.error()));
            return {};
        }
        return take(*content, path, in_quotes(file));
    }

    // Moves the key out of `text`, which is wiped.
    Secret take(std::string& text, const std::string& path, const std::string& source) {
        Secret token;
        const std::string_view key = without_line_end(text);
        const auto bad = std::ranges::find_if(key, [](char c) { return c <= 0x20 || c >= 0x7F; });
        if (key.empty()) {
            report(diagnostics_, places_, Severity::error, path,
                   fmt::format("{} is empty; expected a key", source));
        } else if (bad != key.end()) {
            report(diagnostics_, places_, Severity::error, path,
                   fmt::format("{} holds something that cannot be sent as a key; expected "
                               "printable ASCII without blanks (byte {} is not)",
                               source, bad - key.begin() + 1));
        } else {
            token = Secret(key);
        }
        explicit_bzero(text.data(), text.size());
        return token;
    }

    void keep(UpstreamOptions& upstream, Secret key, const std::string& path) {
        const auto& siblings = upstream.sibling_tokens;
        if (key.empty()) {
            return;
        }
        if (upstream.token.empty()) {
            upstream.token = std::move(key);
        } else if (key == upstream.token || std::ranges::find(siblings, key) != siblings.end()) {
            report(diagnostics_, places_, Severity::warning, path,
                   "is the same key as one before it, and is left out");
        } else {
            upstream.sibling_tokens.push_back(std::move(key));
        }
    }

    const Environment& environment_;
    const Places& places_;
    Diagnostics& diagnostics_;
};

}  // namespace

void resolve_secrets(Config& config,
                     const Environment& environment,
                     const Places& places,
                     Diagnostics& diagnostics) {
    Resolver resolver(environment, places, diagnostics);
    if (!config.admin.is_off()) {
        resolver.resolve(config.admin);
    }
    for (UpstreamOptions& upstream : config.upstreams) {
        resolver.resolve(upstream);
    }
    resolver.resolve(config.ledger);
    if (config.traces.enabled()) {
        resolver.resolve(config.traces);
    }
}

}  // namespace sluice::config
