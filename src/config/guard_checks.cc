// Guards are compiled once to see that they can be; enhancers need an upstream.
#include "config/guard_checks.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "config/checks.h"
#include "config/nearest.h"
#include "config/read_file.h"
#include "http/web_url.h"
#include "pipeline/guard_options.h"
#include "pipeline/guard_presets.h"
#include "pipeline/guard_rules.h"
#include "pipeline/processor_options.h"
#include "pipeline/processors/enhancer.h"
#include "pipeline/text_rules.h"

namespace sluice::config {

namespace {

using pipeline::EnhancerOptions;
using pipeline::GuardOptions;
using pipeline::ProcessorOptions;

constexpr size_t kWordsBytesMax = size_t{4} * 1024 * 1024;

std::string path_of(const ProcessorOptions& processor, std::string_view key) {
    return fmt::format("processor.{}.{}", processor.name, key);
}

class ProcessorValidator {
public:
    ProcessorValidator(const Config& config, const Places& places, Diagnostics& diagnostics)
        : config_(config), places_(places), diagnostics_(diagnostics) {}

    void run() {
        for (const ProcessorOptions& processor : config_.processors) {
            if (const auto* const options = std::get_if<GuardOptions>(&processor.config)) {
                guard(processor, *options);
            } else if (const auto* const own = std::get_if<EnhancerOptions>(&processor.config)) {
                enhancer(processor, *own);
            }
        }
        for (size_t i = 0; i < config_.routes.size(); ++i) {
            simulated_answers(config_.routes[i], i);
            shared_answers(config_.routes[i], i);
        }
    }

private:
    void error(const std::string& path, std::string text) {
        report(diagnostics_, places_, Severity::error, path, std::move(text));
    }

    void guard(const ProcessorOptions& processor, const GuardOptions& options) {
        const bool has_rules = !options.patterns.empty() || !options.words.empty() ||
                               !options.file_words.empty() || !options.presets.empty();
        if (!has_rules && options.webhook_url.empty() && options.words_file.empty()) {
            error(path_of(processor, "patterns"),
                  "is empty, as are words, presets and webhook_url; expected one of them");
        }
        if (options.patterns.size() > options.patterns_max) {
            error(path_of(processor, "patterns"),
                  fmt::format("has {} patterns; expected at most patterns_max, which is {}",
                              options.patterns.size(), options.patterns_max));
            return;
        }
        if (const auto rules = pipeline::compile_guard_rules(options); !rules) {
            error(path_of(processor, "memory_bytes_max"),
                  fmt::format("the rules cannot be compiled: {}", rules.error()));
        }
    }

    void enhancer(const ProcessorOptions& processor, const EnhancerOptions& options) {
        if (options.target_llm.empty() || config_.find_upstream(options.target_llm) != nullptr ||
            places_.has("llm." + options.target_llm)) {
            return;
        }
        std::vector<std::string_view> names;
        names.reserve(config_.upstreams.size());
        for (const upstream::UpstreamOptions& upstream : config_.upstreams) {
            names.emplace_back(upstream.name);
        }
        error(path_of(processor, "target_llm"),
              fmt::format("there is no [llm.NAME] or [provider.NAME] called {}{}",
                          in_quotes(options.target_llm), did_you_mean(options.target_llm, names)));
    }

    // The simulator writes its answers in the client's dialect at once.
    void simulated_answers(const pipeline::RouteOptions& route, size_t index) {
        const auto targets = config_.targets_of(route.target_llm);
        if (std::ranges::none_of(targets, &upstream::UpstreamOptions::is_simulated)) {
            return;
        }
        for (size_t i = 0; i < route.processors.size(); ++i) {
            const ProcessorOptions* const processor = config_.find_processor(route.processors[i]);
            const auto* const options =
                processor == nullptr ? nullptr : std::get_if<GuardOptions>(&processor->config);
            if (options != nullptr && options->looks_at_responses()) {
                error(fmt::format("route[{}].processors[{}]", index, i),
                      fmt::format("{} looks at answers, which it cannot do for provider "
                                  "\"simulated\"; expected direction \"request\"",
                                  in_quotes(processor->name)));
            }
        }
    }

    // An answer that is given again has gone through the guards of the one who caused it.
    void shared_answers(const pipeline::RouteOptions& route, size_t index) {
        const bool is_shared = std::ranges::any_of(route.processors, [&](const std::string& name) {
            const ProcessorOptions* const processor = config_.find_processor(name);
            return processor != nullptr &&
                   (processor->type == "cache" || processor->type == "coalesce");
        });
        for (size_t i = 0; is_shared && i < route.processors.size(); ++i) {
            const ProcessorOptions* const processor = config_.find_processor(route.processors[i]);
            const auto* const options =
                processor == nullptr ? nullptr : std::get_if<GuardOptions>(&processor->config);
            if (options != nullptr && options->looks_at_responses() && !processor->when.empty()) {
                error(fmt::format("route[{}].processors[{}]", index, i),
                      fmt::format("{} looks at some answers only, and this route gives answers to "
                                  "others again; expected it without \"when\", or no cache and "
                                  "coalesce here",
                                  in_quotes(processor->name)));
            }
        }
    }

    const Config& config_;
    const Places& places_;
    Diagnostics& diagnostics_;
};

}  // namespace

std::string check_regular_expression(std::string_view text) {
    const bool has_controls = std::ranges::any_of(
        text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
    const std::string problem = has_controls ? "it has a control character, which is written \\n"
                                             : pipeline::TextRules::problem_of(text);
    return problem.empty() ? ""
                           : fmt::format("{} is not a pattern: {}; expected RE2's syntax",
                                         in_quotes(text), problem);
}

std::string check_guard_preset(std::string_view text) {
    const std::span<const std::string_view> names = pipeline::guard_preset_names();
    if (std::ranges::find(names, text) != names.end()) {
        return "";
    }
    return fmt::format("{} is not a preset; expected one of {}", in_quotes(text),
                       fmt::join(names, ", "));
}

std::string check_replacement(std::string_view text) {
    const bool fits = std::ranges::all_of(text, [](char c) {
        return static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\';
    });
    return fits ? "" : "has a quote, a backslash or a control character; expected none of them";
}

std::string check_webhook_url(std::string_view text) {
    if (text.empty() || http::parse_web_url(text)) {
        return "";
    }
    return "is not a URL; expected one such as \"http://127.0.0.1:8080/guard\"";
}

std::string check_enhancer_target(std::string_view text) {
    return text.empty() ? "is empty; expected the NAME of an [llm.NAME]" : check_file_path(text);
}

std::string check_enhancer_model(std::string_view text) {
    return text.empty() ? "" : check_model(text);
}

void read_word_lists(Config& config, const Places& places, Diagnostics& diagnostics) {
    for (ProcessorOptions& processor : config.processors) {
        auto* const options = std::get_if<GuardOptions>(&processor.config);
        if (options == nullptr || options->words_file.empty()) {
            continue;
        }
        const auto text = read_file(options->words_file, kWordsBytesMax);
        if (!text) {
            report(diagnostics, places, Severity::error, path_of(processor, "words_file"),
                   fmt::format("{} {}", in_quotes(options->words_file), text.error()));
        } else {
            options->file_words = pipeline::read_words(*text);
        }
    }
}

void validate_processors(const Config& config, const Places& places, Diagnostics& diagnostics) {
    ProcessorValidator(config, places, diagnostics).run();
}

}  // namespace sluice::config
