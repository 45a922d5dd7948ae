// The settings of processors that edit a request's JSON.
#include <array>

#include "config/processor_checks.h"
#include "config/schema_table.h"
#include "config/setting.h"
#include "pipeline/processors/transform.h"

namespace sluice::config {

namespace {

using pipeline::TransformOptions;

constexpr auto kTransformSettings = std::to_array<Setting>({
    setting<&TransformOptions::remove>(
        "remove", "Paths of what is taken out, as [\"user\", \"messages[*].name\"].")
        .check(check_json_path),
    setting<&TransformOptions::rename>(
        "rename",
        "Members that get another name, as { path = \"name\" }. Where that name is there already, "
        "it stays and the old one is left out.")
        .check_each(check_rename),
    setting<&TransformOptions::defaults>(
        "default", "Values for what is missing, as { path = \"JSON\" }; parents are made.")
        .check_each(check_json_edit),
    setting<&TransformOptions::set>(
        "set", "Values in any case, as { temperature = \"0.2\", \"metadata.team\" = '\"ads\"' }.")
        .check_each(check_json_edit),
    setting<&TransformOptions::clamp>(
        "clamp", "Ranges of numbers, as { temperature = \"0..1\", max_tokens = \"..4096\" }.")
        .check_each(check_clamp),
});

}  // namespace

SectionTable processor_transform_section() {
    return {"[processor.NAME] of type \"transform\"", kTransformSettings,
            &defaults<TransformOptions>};
}

}  // namespace sluice::config
