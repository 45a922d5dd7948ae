// resolve_secrets: environment or file, trimmed, checked, wiped behind us.
#include "config/secrets.h"

#include <algorithm>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <string.h>

#include "config/checks.h"
#include "config/read_file.h"

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
        if (!upstream.token_env.empty() && !upstream.token_file.empty()) {
            report(diagnostics_, places_, Severity::error, path + ".token_file",
                   "token_env is set as well; expected one of the two");
        } else if (!upstream.token_env.empty()) {
            from_environment(upstream, path + ".token_env");
        } else if (!upstream.token_file.empty()) {
            from_file(upstream, path + ".token_file");
        }
    }

private:
    void from_environment(UpstreamOptions& upstream, const std::string& path) {
        std::optional<std::string> value = environment_(upstream.token_env);
        if (!value || without_line_end(*value).empty()) {
            report(diagnostics_, places_, Severity::warning, path,
                   fmt::format("the environment variable {} is not set; requests to this "
                               "upstream go out without a key",
                               upstream.token_env));
            return;
        }
        take(upstream, *value, path,
             fmt::format("the environment variable {}", upstream.token_env));
    }

    void from_file(UpstreamOptions& upstream, const std::string& path) {
        auto content = read_file(upstream.token_file, kSecretBytesMax);
        if (!content) {
            report(diagnostics_, places_, Severity::error, path,
                   fmt::format("{} {}", in_quotes(upstream.token_file), content.error()));
            return;
        }
        take(upstream, *content, path, in_quotes(upstream.token_file));
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
            upstream.token = Secret(key);
        }
        explicit_bzero(text.data(), text.size());
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
}

}  // namespace sluice::config
