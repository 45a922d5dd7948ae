// Read, trimmed, and checked as if it stood in the configuration.
#include "config/processor_files.h"

#include <string>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "config/checks.h"
#include "config/processor_checks.h"
#include "config/read_file.h"
#include "pipeline/processor_options.h"
#include "pipeline/processors/system_prompt.h"

namespace sluice::config {

namespace {

using pipeline::SystemPromptOptions;

void load_prompt(SystemPromptOptions& options,
                 const std::string& path,
                 const Places& places,
                 Diagnostics& diagnostics) {
    const auto error = [&](const std::string& place, std::string text) {
        report(diagnostics, places, Severity::error, place, std::move(text));
    };
    if (!options.text.empty() && !options.text_file.empty()) {
        error(path + ".text_file", "text is set as well; expected one of the two");
        return;
    }
    if (options.text_file.empty()) {
        // What is there and wrong has had its own message.
        const bool is_written = places.has(path + ".text_file") || places.has(path + ".text");
        if (options.text.empty() && !is_written) {
            error(path, "has no prompt; expected text or text_file");
        } else if (options.text.empty() && diagnostics.error_count() == 0) {
            error(path, "has an empty prompt; expected text or text_file");
        }
        return;
    }
    auto content = read_file(options.text_file, SystemPromptOptions::kTextBytesMax);
    if (!content) {
        error(path + ".text_file",
              fmt::format("{} {}", in_quotes(options.text_file), content.error()));
        return;
    }
    while (content->ends_with('\n') || content->ends_with('\r')) {
        content->pop_back();
    }
    const std::string problem =
        content->empty() ? "is empty; expected a prompt" : check_prompt_template(*content);
    if (!problem.empty()) {
        error(path + ".text_file", fmt::format("{} {}", in_quotes(options.text_file), problem));
        return;
    }
    options.loaded_text = *std::move(content);
}

}  // namespace

void load_processor_files(Config& config, const Places& places, Diagnostics& diagnostics) {
    for (pipeline::ProcessorOptions& processor : config.processors) {
        if (auto* const prompt = std::get_if<SystemPromptOptions>(&processor.config)) {
            load_prompt(*prompt, "processor." + processor.name, places, diagnostics);
        }
    }
}

}  // namespace sluice::config
