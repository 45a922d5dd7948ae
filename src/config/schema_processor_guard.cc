// The settings of processors that look for patterns in prompts and answers.
#include <array>
#include <string_view>

#include "config/checks.h"
#include "config/guard_checks.h"
#include "config/schema_table.h"
#include "config/setting.h"
#include "pipeline/guard_options.h"

namespace sluice::config {

template <>
struct ChoiceNames<pipeline::GuardDirection> {
    static constexpr std::string_view kNames[] = {"request", "response", "both"};
};

template <>
struct ChoiceNames<pipeline::GuardAction> {
    static constexpr std::string_view kNames[] = {"block", "redact", "flag"};
};

namespace {

using pipeline::GuardOptions;

constexpr int64_t kHoldBytesMin = 16;
constexpr int64_t kPatternsMost = 4096;

constexpr auto kGuardSettings = std::to_array<Setting>({
    setting<&GuardOptions::patterns>("patterns",
                                     "Regular expressions, in RE2's syntax, that are looked for.")
        .check(check_regular_expression),
    setting<&GuardOptions::words>("words", "Words and phrases, found as whole words in any case."),
    setting<&GuardOptions::words_file>(
        "words_file",
        "A file with more of them, one a line; '#' begins a comment. Read at the start and on "
        "every reload.")
        .check(check_file_path),
    setting<&GuardOptions::presets>(
        "presets",
        "What is known by name: \"api_key\", \"credit_card\", \"email\", \"ip_address\", \"ssn\".")
        .check(check_guard_preset),
    setting<&GuardOptions::direction>(
        "direction",
        "Which texts are looked at: of the request, of the answer, or both. An answer that is "
        "looked at is written anew."),
    setting<&GuardOptions::action>(
        "action",
        "What follows from a match: \"block\" answers with an error that names the rule, "
        "\"redact\" puts the replacement in its place, \"flag\" says so in header, log and "
        "metrics."),
    setting<&GuardOptions::replacement>("replacement", "What stands in the place of a match.")
        .check(check_replacement),
    setting<&GuardOptions::include_tools>("include_tools",
                                          "Looks at the arguments of tool calls as well."),
    setting<&GuardOptions::include_reasoning>("include_reasoning",
                                              "Looks at what the model thought as well."),
    setting<&GuardOptions::patterns_max>("patterns_max", "How many patterns there may be.")
        .range(1, kPatternsMost),
    setting<&GuardOptions::text_bytes_max>(
        "text_bytes_max",
        "Prompts with more text than this are not looked at, which counts as a failure of the "
        "processor.")
        .range(1, kGiB),
    setting<&GuardOptions::memory_bytes_max>(
        "memory_bytes_max", "For each expression and for all of them together, as RE2 counts it.")
        .range(kMiB, kGiB),
    setting<&GuardOptions::hold_bytes_max>(
        "hold_bytes_max",
        "Of a match in a stream that is not complete yet, no more is held back. Longer ones are "
        "found in parts.")
        .range(kHoldBytesMin, kMiB),
    setting<&GuardOptions::webhook_url>(
        "webhook_url",
        "Asked about every prompt and every answer that is not streamed, with a POST of JSON; see "
        "PROCESSORS.md. Empty asks nobody.")
        .check(check_webhook_url),
    setting<&GuardOptions::webhook_timeout_ms>("webhook_timeout_ms",
                                               "For all of the webhook's answer.")
        .range(1, kTimeMsMax),
    setting<&GuardOptions::webhook_bytes_max>("webhook_bytes_max", "Largest answer of the webhook.")
        .range(kKiB, kGiB),
});

}  // namespace

SectionTable processor_guard_section() {
    return {"[processor.NAME] of type \"guard\"", kGuardSettings, &defaults<GuardOptions>};
}

}  // namespace sluice::config
