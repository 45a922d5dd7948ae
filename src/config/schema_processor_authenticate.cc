// The settings of processors that ask for a virtual key.
#include <array>

#include "config/access_checks.h"
#include "config/schema_table.h"
#include "config/setting.h"
#include "pipeline/processors/authenticate.h"

namespace sluice::config {

namespace {

using pipeline::AuthenticateOptions;

constexpr auto kAuthenticateSettings = std::to_array<Setting>({
    setting<&AuthenticateOptions::optional>(
        "optional", "Lets requests without any key pass, as nobody's. A wrong key is refused."),
    setting<&AuthenticateOptions::header>(
        "header",
        "Another field that may hold the key, looked at before authorization, x-api-key, api-key "
        "and x-goog-api-key. It never goes on.")
        .check(check_key_field),
});

}  // namespace

SectionTable processor_authenticate_section() {
    return {"[processor.NAME] of type \"authenticate\"", kAuthenticateSettings,
            &defaults<AuthenticateOptions>};
}

}  // namespace sluice::config
