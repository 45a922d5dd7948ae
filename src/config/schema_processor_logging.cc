// The settings of processors that write a line for each exchange.
#include <array>
#include <string_view>

#include "config/schema_table.h"
#include "config/setting.h"
#include "pipeline/processors/logging.h"

namespace sluice::config {

template <>
struct ChoiceNames<pipeline::LoggedContent> {
    static constexpr std::string_view kNames[] = {"none", "summary", "full"};
};

namespace {

using pipeline::LoggingOptions;

constexpr auto kLoggingSettings = std::to_array<Setting>({
    setting<&LoggingOptions::content>(
        "content",
        "What is told of what was said: \"none\"; \"summary\", the beginning of the user's last "
        "text with what looks like a secret masked; \"full\", both bodies as they are."),
    setting<&LoggingOptions::content_bytes_max>("content_bytes_max",
                                                "Longest summary, and longest part of each body.")
        .range(1, LoggingOptions::kContentBytesLimit),
    setting<&LoggingOptions::sample_percent>(
        "sample_percent", "Of how many exchanges in a hundred; the request id decides which.")
        .range(0, 100),
    setting<&LoggingOptions::errors_always>(
        "errors_always", "Exchanges that fail are told whether they are in the sample or not."),
});

}  // namespace

SectionTable processor_logging_section() {
    return {"[processor.NAME] of type \"logging\"", kLoggingSettings, &defaults<LoggingOptions>};
}

}  // namespace sluice::config
