// The table of processor types: a name, and what makes a factory of a configured one.
//
// To add a type: its file in processors/, its options among the alternatives of ProcessorConfig,
// one line in processor_table.cc, and the section of its settings; docs/ADDING_A_PROCESSOR.md.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "access/scope_set.h"
#include "base/arena.h"
#include "pipeline/llm_target.h"
#include "pipeline/price_estimate.h"
#include "pipeline/processor.h"
#include "pipeline/processor_options.h"

namespace sluice::pipeline {

// What processors count for themselves, by the processor's name.
using ScopeSets = std::map<std::string, access::ScopeSetPtr, std::less<>>;

// What the processors of a shard may use besides their options. What it leads to outlives the
// snapshot.
struct ProcessorResources {
    std::span<const LlmTarget> llms = {};  // Only while steps are compiled; targets are copied.
    const ScopeSets* scopes = nullptr;
    const PriceEstimate* prices = nullptr;  // Null: nobody knows what anything costs.

    // Null when the processor counts nothing of its own.
    access::ScopeSet* find_scopes(std::string_view processor) const;
};

// One configured processor, compiled for a snapshot; makes the steps of the exchanges. One shard.
class ProcessorFactory {
public:
    virtual ~ProcessorFactory() = default;
    virtual Needs needs() const = 0;
    // In the arena; whoever asks destroys it.
    virtual Processor& make(Arena& arena) const = 0;
};

struct ProcessorType {
    std::string_view name;
    size_t config_index;  // Of its options among the alternatives of ProcessorConfig.
    // `options` live as long as the factory.
    std::unique_ptr<ProcessorFactory> (*compile)(const ProcessorOptions& options,
                                                 const ProcessorResources& resources);
};

std::span<const ProcessorType> processor_types();
// Null when there is none of that name.
const ProcessorType* find_processor_type(std::string_view name);

}  // namespace sluice::pipeline
