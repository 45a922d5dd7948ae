// The settings of [admin].
#include <array>
#include <cstdint>

#include "config/checks.h"
#include "config/schema_table.h"
#include "config/setting.h"
#include "server/options.h"

namespace sluice::config {

namespace {

using server::AdminOptions;

// An answer is one copy of so many on a shard: about a megabyte, well within a millisecond.
constexpr uint32_t kRecentExchangesMax = 1'000;

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
    setting<&AdminOptions::recent_exchanges_max>(
        "recent_exchanges_max",
        "Exchanges that each shard keeps for GET /v1/exchanges and the dashboard: names, status, "
        "tokens, cost and times; content only with `server.content_capture`. 0 keeps none.")
        .range(0, kRecentExchangesMax),
});

}  // namespace

SectionTable admin_section() {
    return {"[admin]", kAdminSettings, &defaults<AdminOptions>};
}

}  // namespace sluice::config
