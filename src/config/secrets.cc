// resolve_secrets: environment or file, trimmed, checked, wiped behind us.
#include "config/secrets.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <string.h>

#include "config/checks.h"
#include "config/read_file.h"
#include "ledger/options.h"
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

    void resolve(UpstreamOptions& upstream) {
        const std::string path = "llm." + upstream.name;
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
                return;
            }
            first = is_set ? name : first;
        }
        if (upstream.token_envs.size() + upstream.token_files.size() >
            upstream::KeyRing::kKeysMax) {
            report(diagnostics_, places_, Severity::error, fmt::format("{}.{}", path, first),
                   fmt::format("names more than {} keys", upstream::KeyRing::kKeysMax));
            return;
        }
        if (!upstream.token_env.empty()) {
            from_environment(upstream, upstream.token_env, path + ".token_env");
        } else if (!upstream.token_file.empty()) {
            from_file(upstream, upstream.token_file, path + ".token_file");
        }
        for (size_t i = 0; i < upstream.token_envs.size(); ++i) {
            from_environment(upstream, upstream.token_envs[i],
                             fmt::format("{}.token_envs[{}]", path, i));
        }
        for (size_t i = 0; i < upstream.token_files.size(); ++i) {
            from_file(upstream, upstream.token_files[i],
                      fmt::format("{}.token_files[{}]", path, i));
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

private:
    void from_environment(UpstreamOptions& upstream,
                          const std::string& name,
                          const std::string& path) {
        std::optional<std::string> value = environment_(name);
        if (!value || without_line_end(*value).empty()) {
            report(diagnostics_, places_, Severity::warning, path,
                   fmt::format("the environment variable {} is not set; {}", name,
                               upstream.token_envs.empty()
                                   ? "requests to this upstream go out without a key"
                                   : "requests to this upstream go out without this key"));
            return;
        }
        take(upstream, *value, path, fmt::format("the environment variable {}", name));
    }

    void from_file(UpstreamOptions& upstream, const std::string& name, const std::string& path) {
        auto content = read_file(name, kSecretBytesMax);
        if (!content) {
            report(diagnostics_, places_, Severity::error, path,
                   fmt::format("{} {}", in_quotes(name), content.error()));
            return;
        }
        take(upstream, *content, path, in_quotes(name));
    }

    // Moves the key out of `text`, which is wiped.
    void take(UpstreamOptions& upstream,
              std::string& text,
              const std::string& path,
              const std::string& source) {
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
            keep(upstream, Secret(key), path);
        }
        explicit_bzero(text.data(), text.size());
    }

    void keep(UpstreamOptions& upstream, Secret key, const std::string& path) {
        const auto& siblings = upstream.sibling_tokens;
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
    for (UpstreamOptions& upstream : config.upstreams) {
        resolver.resolve(upstream);
    }
    resolver.resolve(config.ledger);
}

}  // namespace sluice::config
