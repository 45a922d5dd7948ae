// The settings of processors that turn requests away.
#include <array>
#include <cstdint>

#include "config/checks.h"
#include "config/processor_checks.h"
#include "config/schema_table.h"
#include "config/setting.h"
#include "pipeline/processors/validation.h"

namespace sluice::config {

namespace {

using pipeline::ValidationOptions;

// More than any model takes.
constexpr int64_t kTokensMax = 1'000'000'000;
// What the gateway itself takes at most.
constexpr int64_t kDepthMax = 512;

constexpr auto kValidationSettings = std::to_array<Setting>({
    setting<&ValidationOptions::allowed_models>(
        "allowed_models", "Names, or prefixes that end in '*'. Empty allows every model.")
        .check(check_model),
    setting<&ValidationOptions::roles>("roles",
                                       "The roles that messages may have. Empty allows all."),
    setting<&ValidationOptions::required_fields>(
        "required_fields", "Paths of what must be there, as [\"user\", \"metadata.team\"].")
        .check(check_json_path),
    setting<&ValidationOptions::forbidden_fields>("forbidden_fields",
                                                  "Paths of what must not be there.")
        .check(check_json_path),
    setting<&ValidationOptions::body_bytes_max>(
        "body_bytes_max", "Largest body; 413 beyond it. 0 sets no limit, here and below.")
        .range(0, kGiB),
    setting<&ValidationOptions::prompt_tokens_max>(
        "prompt_tokens_max", "Longest prompt, in tokens as the gateway estimates them.")
        .range(0, kTokensMax),
    setting<&ValidationOptions::max_tokens_max>("max_tokens_max",
                                                "Largest max_tokens, max_completion_tokens and "
                                                "max_output_tokens that a client may ask for.")
        .range(0, kTokensMax),
    setting<&ValidationOptions::messages_min>("messages_min", "Fewest messages or input items.")
        .range(0, kCountMax),
    setting<&ValidationOptions::messages_max>("messages_max", "Most messages or input items.")
        .range(0, kCountMax),
    setting<&ValidationOptions::images_max>("images_max", "Most images.").range(0, kCountMax),
    setting<&ValidationOptions::tools_max>("tools_max", "Most tools.").range(0, kCountMax),
    setting<&ValidationOptions::depth_max>("depth_max",
                                           "How deep objects and arrays may lie in each other.")
        .range(0, kDepthMax),
    setting<&ValidationOptions::allow_images>("allow_images",
                                              "Whether there may be images at all."),
    setting<&ValidationOptions::allow_tools>("allow_tools", "Whether there may be tools at all."),
});

}  // namespace

SectionTable processor_validation_section() {
    return {"[processor.NAME] of type \"validation\"", kValidationSettings,
            &defaults<ValidationOptions>};
}

}  // namespace sluice::config
