// The handlers of the admin API, by the file that they are in. Named by the table in admin_api.cc.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "config/config.h"
#include "coro/task.h"
#include "server/admin_api.h"
#include "server/recent_exchanges.h"

namespace sluice::server {

// --- admin_process.cc
coro::Task<AdminAnswer> answer_health(AdminCall& call);
coro::Task<AdminAnswer> answer_status(AdminCall& call);
coro::Task<AdminAnswer> answer_config(AdminCall& call);
coro::Task<AdminAnswer> answer_reload(AdminCall& call);
coro::Task<AdminAnswer> answer_openapi(AdminCall& call);

// --- admin_stats.cc
coro::Task<AdminAnswer> answer_stats(AdminCall& call);

// --- admin_keys.cc
coro::Task<AdminAnswer> answer_keys(AdminCall& call);
coro::Task<AdminAnswer> answer_key(AdminCall& call);
coro::Task<AdminAnswer> answer_create_key(AdminCall& call);
coro::Task<AdminAnswer> answer_change_key(AdminCall& call);
coro::Task<AdminAnswer> answer_revoke_key(AdminCall& call);

// --- admin_limits.cc
coro::Task<AdminAnswer> answer_limits(AdminCall& call);

// --- admin_cache.cc
coro::Task<AdminAnswer> answer_cache(AdminCall& call);
coro::Task<AdminAnswer> answer_purge(AdminCall& call);

// --- admin_usage.cc
coro::Task<AdminAnswer> answer_usage(AdminCall& call);

// --- admin_targets.cc
coro::Task<AdminAnswer> answer_targets(AdminCall& call);
coro::Task<AdminAnswer> answer_change_target(AdminCall& call);
// The answer to a change of one target: how it is when every shard has begun a turn since. The
// pool and the target are there.
coro::Task<AdminAnswer> tell_changed_target(AdminCall& call,
                                            const std::string& pool,
                                            const std::string& target,
                                            uint16_t status);

// --- admin_exchanges.cc
coro::Task<AdminAnswer> answer_exchanges(AdminCall& call);
// The answer with these.
AdminAnswer tell_exchanges(std::span<const RecentExchange* const> exchanges,
                           const config::Config& config,
                           bool is_complete);
coro::Task<AdminAnswer> answer_exchange(AdminCall& call);
// The answer with this one.
AdminAnswer tell_exchange(const ExchangeWithContent& one, const config::Config& config);

// --- admin_histograms.cc
coro::Task<AdminAnswer> answer_histograms(AdminCall& call);

// --- admin_log.cc
coro::Task<AdminAnswer> answer_log(AdminCall& call);
coro::Task<AdminAnswer> answer_change_log(AdminCall& call);

// --- admin_members.cc
coro::Task<AdminAnswer> answer_add_target(AdminCall& call);
coro::Task<AdminAnswer> answer_remove_target(AdminCall& call);

}  // namespace sluice::server
