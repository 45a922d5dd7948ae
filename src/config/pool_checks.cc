// Pools name llms, routes and pools name pools: all of it must be there.
#include "config/pool_checks.h"

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "balance/options.h"
#include "balance/target.h"
#include "config/checks.h"
#include "config/diagnostics.h"
#include "config/nearest.h"
#include "config/places.h"
#include "pipeline/options.h"
#include "upstream/options.h"

namespace sluice::config {

namespace {

using balance::PoolOptions;
using balance::TargetOptions;

constexpr std::string_view kFailures[] = {"throttled", "server_error", "timeout", "connection",
                                          "credential"};
constexpr size_t kTargetsMax = 4096;

std::string one_of(std::string_view text, std::span<const std::string_view> known) {
    if (std::ranges::find(known, text) != known.end()) {
        return "";
    }
    return fmt::format("is {}; expected one of {}{}", in_quotes(text), fmt::join(known, ", "),
                       did_you_mean(text, known));
}

bool is_path(std::string_view text) {
    return text.starts_with('/') &&
           std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

class PoolValidator {
public:
    PoolValidator(Config& config, const Places& places, Diagnostics& diagnostics)
        : config_(config), places_(places), diagnostics_(diagnostics) {
        for (const upstream::UpstreamOptions& upstream : config_.upstreams) {
            llms_.emplace_back(upstream.name);
        }
        both_ = llms_;
        for (const PoolOptions& pool : config_.pools) {
            both_.emplace_back(pool.name);
        }
    }

    void run() {
        for (PoolOptions& pool : config_.pools) {
            complete(pool);
            look_at(pool);
        }
        for (const PoolOptions& pool : config_.pools) {
            if (!is_used(pool)) {
                report(diagnostics_, places_, Severity::warning, "pool." + pool.name,
                       "no route uses it");
            }
        }
    }

private:
    void error(const std::string& path, std::string text) {
        report(diagnostics_, places_, Severity::error, path, std::move(text));
    }
    bool is_known(std::string_view name) const {
        // One that is there, but too broken to be bound, has had its own message.
        return std::ranges::find(both_, name) != both_.end() ||
               places_.has(fmt::format("llm.{}", name)) ||
               places_.has(fmt::format("pool.{}", name));
    }

    // From the short form to the long one.
    void complete(PoolOptions& pool) {
        const std::string path = "pool." + pool.name;
        if (!pool.target_names.empty() && !pool.targets.empty()) {
            error(path + ".targets",
                  fmt::format("[[{}.target]] says the same at length; expected one of them", path));
            return;
        }
        pool.is_short = !pool.target_names.empty();
        for (const std::string& name : pool.target_names) {
            const size_t slash = name.find('/');
            TargetOptions& target = pool.targets.emplace_back();
            target.llm = name.substr(0, slash);
            target.model = slash == name.npos ? "" : name.substr(slash + 1);
        }
    }

    std::string path_of(const PoolOptions& pool, size_t index) const {
        return pool.is_short ? fmt::format("pool.{}.targets[{}]", pool.name, index)
                             : fmt::format("pool.{}.target[{}].llm", pool.name, index);
    }

    void look_at(const PoolOptions& pool) {
        const std::string path = "pool." + pool.name;
        if (std::ranges::find(llms_, pool.name) != llms_.end()) {
            error(path,
                  "there is an llm of that name, and routes could mean either; expected "
                  "another name");
        }
        if (pool.discovery.is_on()) {
            discovery(pool);
            source(pool);
        } else if (pool.targets.empty()) {
            error(path, R"(names no target; expected targets = ["LLM", "LLM/MODEL"])");
        }
        if (pool.targets.size() > kTargetsMax) {
            error(path, fmt::format("has more than {} targets", kTargetsMax));
        }
        for (size_t i = 0; i < pool.targets.size(); ++i) {
            target(pool, i);
        }
        if (pool.hedge.enabled && pool.targets.size() == 1) {
            report(diagnostics_, places_, Severity::warning, path + ".hedge.enabled",
                   "has no effect: there is no second target");
        }
        fallbacks(pool, "fallbacks", pool.fallbacks);
        fallbacks(pool, "context_fallbacks", pool.context_fallbacks);
        fallbacks(pool, "content_fallbacks", pool.content_fallbacks);
    }

    void target(const PoolOptions& pool, size_t index) {
        const TargetOptions& target = pool.targets[index];
        if (std::ranges::find(llms_, target.llm) == llms_.end()) {
            if (!target.llm.empty() && !places_.has("llm." + target.llm)) {
                error(path_of(pool, index),
                      fmt::format("there is no [llm.NAME] or [provider.NAME] called {}{}",
                                  in_quotes(target.llm), did_you_mean(target.llm, llms_)));
            }
            return;
        }
        for (size_t i = 0; i < index; ++i) {
            if (pool.targets[i].llm == target.llm && pool.targets[i].model == target.model) {
                error(path_of(pool, index),
                      "stands here twice; expected each target once, with a "
                      "weight if it is to get more");
            }
        }
    }

    void discovery(const PoolOptions& pool) {
        const std::string path = fmt::format("pool.{}.discovery.llm", pool.name);
        const std::string& llm = pool.discovery.target.llm;
        const upstream::UpstreamOptions* const of = config_.find_upstream(llm);
        if (llm.empty()) {
            error(path, "is missing; expected the name of the llm whose settings targets have");
        } else if (of == nullptr && !places_.has("llm." + llm)) {
            error(path, fmt::format("there is no [llm.NAME] or [provider.NAME] called {}{}",
                                    in_quotes(llm), did_you_mean(llm, llms_)));
        } else if (of != nullptr && of->is_simulated()) {
            error(path, fmt::format("{} is simulated and has no address; expected another one",
                                    in_quotes(llm)));
        }
    }

    // What the source needs to be asked at all.
    void source(const PoolOptions& pool) {
        const balance::DiscoveryOptions& options = pool.discovery;
        const std::string path = fmt::format("pool.{}.discovery.", pool.name);
        if (options.type == balance::DiscoveryType::file && options.file.empty()) {
            error(path + "file", "is missing; expected the path of a list of addresses");
        }
        if (options.type == balance::DiscoveryType::dns) {
            const bool is_service = options.name.starts_with('_');
            if (options.name.empty()) {
                error(path + "name", "is missing; expected a host, or the name of SRV records");
            } else if (!is_service && options.port == 0) {
                error(path + "port", "is missing; expected the port of the host's addresses");
            } else if (is_service && options.port != 0) {
                error(path + "port", "is said by SRV records; expected none");
            }
        }
        if (options.type == balance::DiscoveryType::kubernetes) {
            const std::string problem = check_kubernetes_name(options.name);
            if (!problem.empty()) {
                error(path + "name", problem);
            }
        }
        if (options.refresh_ms_min > options.refresh_ms_max) {
            error(path + "refresh_ms_min",
                  fmt::format("{} is more than refresh_ms_max has ({}); expected at most that",
                              options.refresh_ms_min, options.refresh_ms_max));
        }
    }

    bool is_used(const PoolOptions& pool) const {
        const auto routes_to = [&pool](const pipeline::RouteOptions& route) {
            return route.target_llm == pool.name;
        };
        const auto falls_back = [&pool](const PoolOptions& other) {
            const auto names = [&pool](const std::vector<std::string>& fallbacks) {
                return std::ranges::find(fallbacks, pool.name) != fallbacks.end();
            };
            return names(other.fallbacks) || names(other.context_fallbacks) ||
                   names(other.content_fallbacks);
        };
        return std::ranges::any_of(config_.routes, routes_to) ||
               std::ranges::any_of(config_.pools, falls_back);
    }

    void fallbacks(const PoolOptions& pool,
                   std::string_view key,
                   const std::vector<std::string>& names) {
        for (size_t i = 0; i < names.size(); ++i) {
            const std::string path = fmt::format("pool.{}.{}[{}]", pool.name, key, i);
            if (names[i] == pool.name) {
                error(path, "is the pool itself; expected another one");
            } else if (!is_known(names[i])) {
                error(path, fmt::format("there is no [pool.NAME] or [llm.NAME] called {}{}",
                                        in_quotes(names[i]), did_you_mean(names[i], both_)));
            }
        }
    }

    Config& config_;
    const Places& places_;
    Diagnostics& diagnostics_;
    std::vector<std::string_view> llms_;
    std::vector<std::string_view> both_;
};

}  // namespace

std::string check_target_name(std::string_view text) {
    const size_t slash = text.find('/');
    const bool has_control =
        std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
    if (text.empty() || slash == 0 || slash + 1 == text.size() || has_control) {
        return fmt::format(R"(is {}; expected "LLM" or "LLM/MODEL")", in_quotes(text));
    }
    return "";
}

std::string check_failure(std::string_view text) {
    return one_of(text, kFailures);
}

std::string check_capability_name(std::string_view text) {
    if (balance::capability_named(text) != 0) {
        return "";
    }
    return fmt::format("is {}; expected one of {}", in_quotes(text),
                       balance::names_of_capabilities(UINT32_MAX));
}

std::string check_optional_header_name(std::string_view text) {
    return text.empty() ? "" : check_header_name(text);
}

std::string check_health_path(std::string_view text) {
    return text.empty() || is_path(text)
               ? ""
               : fmt::format("is {}; expected a path such as \"/health\"", in_quotes(text));
}

std::string check_metrics_path(std::string_view text) {
    return is_path(text)
               ? ""
               : fmt::format("is {}; expected a path such as \"/metrics\"", in_quotes(text));
}

std::string check_kubernetes_name(std::string_view text) {
    constexpr size_t kNameBytesMax = 253;
    const bool is_name = std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
    });
    return is_name && !text.empty() && text.size() <= kNameBytesMax
               ? ""
               : fmt::format("is {}; expected a name in lower case, as Kubernetes has it",
                             in_quotes(text));
}

std::string_view canonical_strategy(std::string_view name) {
    if (name == "fastest_response") {
        return "latency_weighted";
    }
    return name == "weighted" ? "round_robin" : name;
}

void complete_pools(Config& config, const Places& places, Diagnostics& diagnostics) {
    PoolValidator(config, places, diagnostics).run();
}

}  // namespace sluice::config
