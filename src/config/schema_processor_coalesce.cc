// The settings of processors that share calls under way.
#include <array>

#include "config/checks.h"
#include "config/schema_table.h"
#include "config/setting.h"
#include "pipeline/processors/coalesce.h"

namespace sluice::config {

namespace {

using pipeline::CoalesceOptions;

constexpr auto kCoalesceSettings = std::to_array<Setting>({
    setting<&CoalesceOptions::any>("any",
                                   "Also shares calls that have neither temperature 0 nor a seed."),
    setting<&CoalesceOptions::vary_headers>(
        "vary_headers", "Fields of the request that change its answer and are compared.")
        .check(check_header_name),
});

}  // namespace

SectionTable processor_coalesce_section() {
    return {"[processor.NAME] of type \"coalesce\"", kCoalesceSettings, &defaults<CoalesceOptions>};
}

}  // namespace sluice::config
