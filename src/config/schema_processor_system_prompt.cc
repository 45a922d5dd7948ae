// The settings of processors that put the operator's prompt before the client's.
#include <array>
#include <string_view>

#include "config/checks.h"
#include "config/processor_checks.h"
#include "config/schema_table.h"
#include "config/setting.h"
#include "pipeline/processors/system_prompt.h"

namespace sluice::config {

template <>
struct ChoiceNames<pipeline::SystemPromptMode> {
    static constexpr std::string_view kNames[] = {"add_if_absent", "prepend", "append", "replace"};
};

namespace {

using pipeline::SystemPromptOptions;

constexpr auto kSystemPromptSettings = std::to_array<Setting>({
    setting<&SystemPromptOptions::mode>(
        "mode",
        "What becomes of a system prompt of the client: \"add_if_absent\" leaves it alone, "
        "\"prepend\" and \"append\" put the text before or after it, \"replace\" leaves it out."),
    setting<&SystemPromptOptions::text>(
        "text",
        "The prompt. {{date}}, {{header.NAME}}, {{key}}, {{metadata.NAME}}, {{model}} and "
        "{{tenant}} stand for what the request says.")
        .check(check_prompt_template),
    setting<&SystemPromptOptions::text_file>(
        "text_file", "A file with it instead, read on start and reload; at most 256 KiB.")
        .check(check_file_path),
});

}  // namespace

SectionTable processor_system_prompt_section() {
    return {"[processor.NAME] of type \"system_prompt\"", kSystemPromptSettings,
            &defaults<SystemPromptOptions>};
}

}  // namespace sluice::config
