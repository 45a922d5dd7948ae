// One line for each type, in the order of their names.
#include "pipeline/processor_table.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <string_view>
#include <type_traits>
#include <variant>

#include "access/scope_set.h"
#include "base/arena.h"
#include "pipeline/guard_options.h"
#include "pipeline/processor.h"
#include "pipeline/processor_options.h"
#include "pipeline/processor_resources.h"
#include "pipeline/processors/authenticate.h"
#include "pipeline/processors/budget.h"
#include "pipeline/processors/cache.h"
#include "pipeline/processors/coalesce.h"
#include "pipeline/processors/cost_meter.h"
#include "pipeline/processors/enhancer.h"
#include "pipeline/processors/guard.h"
#include "pipeline/processors/headers.h"
#include "pipeline/processors/logging.h"
#include "pipeline/processors/rate_limit.h"
#include "pipeline/processors/system_prompt.h"
#include "pipeline/processors/transform.h"
#include "pipeline/processors/validation.h"

namespace sluice::pipeline {

namespace {

// For steps that need nothing but their options.
template <class Step, class Options>
class PlainFactory final : public ProcessorFactory {
public:
    explicit PlainFactory(const Options& options) : options_(options) {}
    Needs needs() const override { return Step::needs(options_); }
    Processor& make(Arena& arena) const override {
        return *new (arena.allocate(sizeof(Step), alignof(Step))) Step(options_);
    }

private:
    const Options& options_;
};

// For steps that share a plan, made of the options when they are loaded.
template <class Step, class Options>
class PlannedFactory final : public ProcessorFactory {
public:
    explicit PlannedFactory(const Options& options)
        : needs_(Step::needs(options)), plan_(options) {}
    Needs needs() const override { return needs_; }
    Processor& make(Arena& arena) const override {
        return *new (arena.allocate(sizeof(Step), alignof(Step))) Step(plan_);
    }

private:
    const Needs needs_;
    const typename Step::Plan plan_;
};

// For steps that something is prepared for once per snapshot.
template <class Step>
class PreparedFactory final : public ProcessorFactory {
public:
    PreparedFactory(const ProcessorOptions& options, const ProcessorResources& resources)
        : prepared_(options, resources) {}
    Needs needs() const override { return prepared_.needs(); }
    Processor& make(Arena& arena) const override {
        return *new (arena.allocate(sizeof(Step), alignof(Step))) Step(prepared_);
    }

private:
    const typename Step::Prepared prepared_;
};

// For steps that use what the shard has.
template <class Step, class Options>
class SharingFactory final : public ProcessorFactory {
public:
    SharingFactory(const Options& options, const ProcessorResources& resources)
        : options_(options), resources_(resources) {}
    Needs needs() const override { return Step::needs(options_); }
    Processor& make(Arena& arena) const override {
        return *new (arena.allocate(sizeof(Step), alignof(Step))) Step(options_, resources_);
    }

private:
    const Options& options_;
    const ProcessorResources resources_;
};

template <class Options, size_t Index = 0>
constexpr size_t index_of() {
    if constexpr (std::is_same_v<std::variant_alternative_t<Index, ProcessorConfig>, Options>) {
        return Index;
    } else {
        return index_of<Options, Index + 1>();
    }
}

template <class Step, class Options>
constexpr ProcessorType plain(std::string_view name) {
    return {name, index_of<Options>(),
            [](const ProcessorOptions& options,
               const ProcessorResources&) -> std::unique_ptr<ProcessorFactory> {
                return std::make_unique<PlainFactory<Step, Options>>(
                    *std::get_if<Options>(&options.config));
            }};
}

template <class Step, class Options>
constexpr ProcessorType planned(std::string_view name) {
    return {name, index_of<Options>(),
            [](const ProcessorOptions& options,
               const ProcessorResources&) -> std::unique_ptr<ProcessorFactory> {
                return std::make_unique<PlannedFactory<Step, Options>>(
                    *std::get_if<Options>(&options.config));
            }};
}

template <class Step, class Options>
constexpr ProcessorType prepared(std::string_view name) {
    return {name, index_of<Options>(),
            [](const ProcessorOptions& options,
               const ProcessorResources& resources) -> std::unique_ptr<ProcessorFactory> {
                return std::make_unique<PreparedFactory<Step>>(options, resources);
            }};
}

template <class Step, class Options>
constexpr ProcessorType with_resources(std::string_view name) {
    return {name, index_of<Options>(),
            [](const ProcessorOptions& options,
               const ProcessorResources& resources) -> std::unique_ptr<ProcessorFactory> {
                return std::make_unique<SharingFactory<Step, Options>>(
                    *std::get_if<Options>(&options.config), resources);
            }};
}

// For those that are compiled.
template <class Options>
constexpr ProcessorType made(std::string_view name, decltype(ProcessorType::compile) compile) {
    return {name, index_of<Options>(), compile};
}

constexpr auto kTypes = std::to_array<ProcessorType>({
    plain<Authenticate, AuthenticateOptions>("authenticate"),
    plain<Budget, BudgetOptions>("budget"),
    with_resources<CacheStep, CacheStepOptions>("cache"),
    with_resources<Coalesce, CoalesceOptions>("coalesce"),
    plain<CostMeter, CostMeterOptions>("cost_meter"),
    made<EnhancerOptions>("enhancer", &compile_enhancer),
    made<GuardOptions>("guard", &compile_guard),
    plain<Headers, HeadersOptions>("headers"),
    plain<Logging, LoggingOptions>("logging"),
    prepared<RateLimit, RateLimitOptions>("rate_limit"),
    planned<SystemPrompt, SystemPromptOptions>("system_prompt"),
    planned<Transform, TransformOptions>("transform"),
    planned<Validation, ValidationOptions>("validation"),
});

}  // namespace

access::ScopeSet* ProcessorResources::find_scopes(std::string_view processor) const {
    if (scopes == nullptr) {
        return nullptr;
    }
    const auto found = scopes->find(processor);
    return found == scopes->end() ? nullptr : found->second.get();
}

std::span<const ProcessorType> processor_types() {
    return kTypes;
}

const ProcessorType* find_processor_type(std::string_view name) {
    const auto* const found = std::ranges::find(kTypes, name, &ProcessorType::name);
    return found == kTypes.end() ? nullptr : found;
}

}  // namespace sluice::pipeline
