// The table of kinds, in the order of their names.
#include "config/processor_kinds.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string_view>
#include <variant>

#include "config/setting.h"
#include "pipeline/guard_options.h"
#include "pipeline/processor_options.h"
#include "pipeline/processors/authenticate.h"
#include "pipeline/processors/budget.h"
#include "pipeline/processors/cache.h"
#include "pipeline/processors/coalesce.h"
#include "pipeline/processors/cost_meter.h"
#include "pipeline/processors/enhancer.h"
#include "pipeline/processors/headers.h"
#include "pipeline/processors/logging.h"
#include "pipeline/processors/rate_limit.h"
#include "pipeline/processors/system_prompt.h"
#include "pipeline/processors/transform.h"
#include "pipeline/processors/validation.h"

namespace sluice::config {

namespace {

template <class Options>
constexpr ProcessorKind kind(std::string_view type,
                             Section section,
                             pipeline::OnFailure on_failure = pipeline::OnFailure::fail) {
    return {.type = type,
            .section = section,
            .on_failure = on_failure,
            .choose = [](pipeline::ProcessorConfig& config) -> void* {
                return &config.emplace<Options>();
            },
            .options = [](const pipeline::ProcessorConfig& config) -> const void* {
                return std::get_if<Options>(&config);
            }};
}

constexpr auto kKinds = std::to_array<ProcessorKind>({
    kind<pipeline::AuthenticateOptions>("authenticate", Section::processor_authenticate),
    kind<pipeline::BudgetOptions>("budget", Section::processor_budget),
    kind<pipeline::CacheStepOptions>("cache", Section::processor_cache),
    kind<pipeline::CoalesceOptions>("coalesce", Section::processor_coalesce),
    kind<pipeline::CostMeterOptions>("cost_meter", Section::processor_cost_meter),
    kind<pipeline::EnhancerOptions>(
        "enhancer", Section::processor_enhancer, pipeline::OnFailure::skip),
    kind<pipeline::GuardOptions>("guard", Section::processor_guard),
    kind<pipeline::HeadersOptions>("headers", Section::processor_headers),
    kind<pipeline::LoggingOptions>("logging", Section::processor_logging),
    kind<pipeline::RateLimitOptions>("rate_limit", Section::processor_rate_limit),
    kind<pipeline::SystemPromptOptions>("system_prompt", Section::processor_system_prompt),
    kind<pipeline::TransformOptions>("transform", Section::processor_transform),
    kind<pipeline::ValidationOptions>("validation", Section::processor_validation),
});

constexpr auto kNames = [] {
    std::array<std::string_view, kKinds.size()> names;
    std::ranges::transform(kKinds, names.begin(), &ProcessorKind::type);
    return names;
}();

}  // namespace

std::span<const ProcessorKind> processor_kinds() {
    return kKinds;
}

const ProcessorKind* find_processor_kind(std::string_view type) {
    const auto* const found = std::ranges::find(kKinds, type, &ProcessorKind::type);
    return found == kKinds.end() ? nullptr : found;
}

std::span<const std::string_view> processor_type_names() {
    return kNames;
}

}  // namespace sluice::config
