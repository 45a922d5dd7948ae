// What can be set about processors: what all have in common, and the options of each type. Plain
// values: filled by config/, compiled into a snapshot.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "pipeline/guard_options.h"
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

namespace sluice::pipeline {

// What it means when a processor cannot do its work.
enum class OnFailure : uint8_t {
    fail,  // The request fails.
    skip,  // It goes on without the processor, and the log says so.
};

// The options of one type; the alternatives stand in the order of the table of types.
// clang-format off
using ProcessorConfig = std::variant<
    AuthenticateOptions,
    BudgetOptions,
    CacheStepOptions,
    CoalesceOptions,
    CostMeterOptions,
    EnhancerOptions,
    GuardOptions,
    HeadersOptions,
    LoggingOptions,
    RateLimitOptions,
    SystemPromptOptions,
    TransformOptions,
    ValidationOptions
>;
// clang-format on

struct ProcessorOptions {
    std::string name = {};
    std::string type = {};  // Of the table of types.
    std::string when = {};  // A Condition; empty always applies.
    OnFailure on_failure = OnFailure::fail;
    ProcessorConfig config = {};

    bool operator==(const ProcessorOptions&) const = default;
};

}  // namespace sluice::pipeline
