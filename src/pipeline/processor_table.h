// The table of processor types: a name, and what makes a factory of a configured one.
//
// To add a type: its file in processors/, its options among the alternatives of ProcessorConfig,
// one line in processor_table.cc, and the section of its settings; docs/ADDING_A_PROCESSOR.md.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "pipeline/processor.h"
#include "pipeline/processor_options.h"
#include "pipeline/processor_resources.h"

namespace sluice::pipeline {

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
