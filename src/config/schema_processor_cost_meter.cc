// The settings of processors that tell what an answer has cost.
#include <array>
#include <string>
#include <string_view>

#include "config/checks.h"
#include "config/schema_table.h"
#include "config/setting.h"
#include "pipeline/processors/cost_meter.h"

namespace sluice::config {

template <>
struct ChoiceNames<pipeline::UnknownModel> {
    static constexpr std::string_view kNames[] = {"allow", "refuse"};
};

namespace {

using pipeline::CostMeterOptions;

std::string check_cost_header(std::string_view text) {
    return text.empty() ? std::string() : check_added_header(text, "0");
}

constexpr auto kCostMeterSettings = std::to_array<Setting>({
    setting<&CostMeterOptions::response_header>(
        "response_header",
        "A field that tells the client the cost in dollars, as \"x-sluice-cost-usd\"; only of "
        "answers that are not streamed, which are read whole for it. Empty sends none.")
        .check(check_cost_header),
    setting<&CostMeterOptions::unknown_model>(
        "unknown_model", "What becomes of requests for models without a price."),
});

}  // namespace

SectionTable processor_cost_meter_section() {
    return {"[processor.NAME] of type \"cost_meter\"", kCostMeterSettings,
            &defaults<CostMeterOptions>};
}

}  // namespace sluice::config
