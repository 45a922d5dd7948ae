// Which section holds the settings of which type of processor, and how its options are reached
// inside of a ProcessorConfig. One line for each type, beside that of pipeline/processor_table.cc.
#pragma once

#include <span>
#include <string_view>

#include "config/setting.h"
#include "pipeline/processor_options.h"

namespace sluice::config {

struct ProcessorKind {
    std::string_view type;
    Section section;
    pipeline::OnFailure on_failure;  // Unless the file says otherwise.
    // Makes it the alternative that is set, and returns its options.
    void* (*choose)(pipeline::ProcessorConfig& config);
    const void* (*options)(const pipeline::ProcessorConfig& config);
};

std::span<const ProcessorKind> processor_kinds();
// Null when there is none of that type.
const ProcessorKind* find_processor_kind(std::string_view type);
// The names of all types, for checks and messages.
std::span<const std::string_view> processor_type_names();

}  // namespace sluice::config
