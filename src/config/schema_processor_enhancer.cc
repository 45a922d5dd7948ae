// The settings of processors that let a model rewrite the user's query.
#include <array>

#include "config/guard_checks.h"
#include "config/schema_table.h"
#include "config/setting.h"
#include "pipeline/processors/enhancer.h"

namespace sluice::config {

namespace {

using pipeline::EnhancerOptions;

constexpr auto kEnhancerSettings = std::to_array<Setting>({
    setting<&EnhancerOptions::target_llm>("target_llm", "Name of the upstream that is asked.")
        .check(check_enhancer_target)
        .required(),
    setting<&EnhancerOptions::model>(
        "model", "The model there; the upstream's models apply. Empty is the request's own.")
        .check(check_enhancer_model),
    setting<&EnhancerOptions::system_prompt>("system_prompt", "What it is told to do."),
    setting<&EnhancerOptions::timeout_ms>(
        "timeout_ms", "For all of its answer. on_failure is \"skip\" for this type unless set.")
        .range(1, kTimeMsMax),
    setting<&EnhancerOptions::max_tokens>("max_tokens",
                                          "Longest answer. One that is cut counts as a failure.")
        .range(1, kCountMax),
    setting<&EnhancerOptions::answer_bytes_max>("answer_bytes_max", "Largest reply that is read.")
        .range(kKiB, kGiB),
});

}  // namespace

SectionTable processor_enhancer_section() {
    return {"[processor.NAME] of type \"enhancer\"", kEnhancerSettings, &defaults<EnhancerOptions>};
}

}  // namespace sluice::config
