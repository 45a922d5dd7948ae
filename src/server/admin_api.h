// The admin API: which endpoints there are, and what their handlers get and give.
//
// One table (admin_api.cc) says it all: method, path, handler, summary; a test holds
// docs/admin-openapi.json against it. A new endpoint is one line there and one function in a file
// of its subject (admin_*.cc). Handlers are coroutines on the control shard and may wait; they see
// the process through AdminBackend only, so that tests need none.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "access/limit_book.h"
#include "base/metrics.h"
#include "base/time.h"
#include "cache/shared_cache.h"
#include "config/config.h"
#include "coro/signal.h"
#include "coro/task.h"
#include "http/types.h"
#include "net/byte_stream.h"
#include "server/access_control.h"
#include "server/ask_shards.h"
#include "server/log_control.h"
#include "server/membership.h"
#include "server/reload.h"
#include "server/runtime_config.h"
#include "server/usage_desk.h"

namespace sluice::server {

// What is known of the process without asking its shards.
struct ProcessFacts {
    Duration uptime;
    bool is_draining = false;
    std::string listen;  // Where clients connect.
    std::string_view config_source;
    bool watches_config = false;
};

// What handlers may ask of the process.
class AdminBackend {
public:
    virtual ProcessFacts facts() const = 0;
    virtual const config::Config& config() const = 0;
    virtual ReloadReport reload() = 0;
    // Of all shards and of the process.
    virtual std::span<const MetricStore* const> metrics() const = 0;
    virtual ShardDesk& shards() = 0;
    virtual AccessControl& access() = 0;
    virtual LogControl& log() = 0;
    virtual access::Moment moment() = 0;
    virtual const cache::CacheGroup& cache() = 0;
    virtual PoolsPtr pools() const = 0;             // Those in force.
    virtual const Membership& members() const = 0;  // Likewise.
    // Puts others in force: shards that answer a question which is asked from now on go by them.
    virtual void change_members(Membership members) = 0;
    // Null when there is no ledger.
    virtual UsageDesk* usage() = 0;
    // After a change of keys that may have set budgets.
    virtual void on_budgets_changed() = 0;

protected:
    ~AdminBackend() = default;
};

inline constexpr size_t kAdminParametersMax = 4;

// One request. Lives until its handler has ended.
struct AdminCall {
    AdminBackend& backend;
    // Raised by the client's connection, and by whatever the handler adds.
    coro::Signal& signal;
    const net::ByteStream* client = nullptr;  // Null: there is none that could leave.
    std::string_view query;
    std::string_view body;
    // What stood for each {name} of the endpoint's path, in their order, as it was sent.
    std::array<std::string_view, kAdminParametersMax> parameters;

    bool is_client_gone() const { return client != nullptr && client->failed(); }
};

struct AdminAnswer {
    uint16_t status = 200;
    std::string body;
    std::string_view content_type = "application/json";
};

// {"error":{"message":…,"code":…}}
AdminAnswer admin_error(uint16_t status, std::string_view code, std::string_view message);

struct AdminEndpoint {
    http::Method method = http::Method::get;
    std::string_view path;  // Segments; "{name}" takes any one that is not empty.
    coro::Task<AdminAnswer> (*handle)(AdminCall& call) = nullptr;
    std::string_view summary;
};

std::span<const AdminEndpoint> admin_endpoints();

struct AdminMatch {
    const AdminEndpoint* endpoint = nullptr;  // Null: none of this path and method.
    std::array<std::string_view, kAdminParametersMax> parameters;
    // The methods that the path has, as the allow header names them; empty: no such path.
    std::string allowed;
};

// HEAD is answered where GET is.
AdminMatch find_admin_endpoint(http::Method method, std::string_view path);

}  // namespace sluice::server
