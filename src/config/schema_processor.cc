// The settings of [processor.NAME] that every type has.
#include <array>
#include <string_view>

#include "config/checks.h"
#include "config/schema_table.h"
#include "config/setting.h"
#include "pipeline/processor_options.h"

namespace sluice::config {

template <>
struct ChoiceNames<pipeline::OnFailure> {
    static constexpr std::string_view kNames[] = {"fail", "skip"};
};

namespace {

using pipeline::ProcessorOptions;

constexpr auto kProcessorSettings = std::to_array<Setting>({
    setting<&ProcessorOptions::type>("type", "What it does; the tables below have one for each.")
        .check(check_processor_type)
        .required(),
    setting<&ProcessorOptions::when>(
        "when",
        "Applies only where this holds, as 'model == \"gpt-4*\" and not stream'; see "
        "PROCESSORS.md. Empty always applies.")
        .check(check_condition),
    setting<&ProcessorOptions::on_failure>(
        "on_failure",
        "When it cannot do its work: \"fail\" fails the request, \"skip\" goes on without it and "
        "says so in the log."),
});

}  // namespace

SectionTable processor_section() {
    return {"[processor.NAME]", kProcessorSettings, &defaults<ProcessorOptions>};
}

}  // namespace sluice::config
