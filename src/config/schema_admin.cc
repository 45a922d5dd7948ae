// The settings of [admin].
#include <array>

#include "config/checks.h"
#include "config/schema_table.h"
#include "config/setting.h"
#include "server/options.h"

namespace sluice::config {

namespace {

using server::AdminOptions;

constexpr auto kAdminSettings = std::to_array<Setting>({
    setting<&AdminOptions::listen>(
        "listen",
        "Where the admin API listens: \"HOST:PORT\", \"unix:/path\" (a socket for its owner alone) "
        "or \"off\". When the default is taken, the gateway starts without the API; any other "
        "address must be free. One that other machines can reach needs a token.")
        .check(check_admin_listen)
        .restart(),
    setting<&AdminOptions::token_env>("token_env",
                                      "Environment variable with the token that requests must "
                                      "carry as \"authorization: Bearer\".")
        .check(check_environment_name),
    setting<&AdminOptions::token_file>("token_file",
                                       "The same from a file, which is read again on reload.")
        .check(check_file_path),
});

}  // namespace

SectionTable admin_section() {
    return {"[admin]", kAdminSettings, &defaults<AdminOptions>};
}

}  // namespace sluice::config
