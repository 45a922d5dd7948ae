// AccessControl: the keys, limits and counts of a process, kept over reloads.
//
// Control thread. A load makes what shards need of a configuration: the table of keys, and the
// scopes that rate_limit processors count in; what was used so far stays used. Outlives every
// shard.
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "access/key_store.h"
#include "access/key_table.h"
#include "access/limit_book.h"
#include "access/options.h"
#include "access/scope_limits.h"
#include "config/config.h"
#include "pipeline/processor_table.h"

namespace sluice::server {

struct AccessTables {
    access::KeyTablePtr keys;  // Null where nobody loaded any.
    pipeline::ScopeSets scopes;
};

class AccessControl {
public:
    explicit AccessControl(const access::Moment& moment);
    AccessControl(const AccessControl&) = delete;
    AccessControl& operator=(const AccessControl&) = delete;

    // The file of keys is read anew. With an error everything stays as it was.
    std::expected<AccessTables, std::string> load(const config::Config& config,
                                                  const access::Moment& moment);

    // Keys that change at run time; afterwards shards must be sent the new table.
    access::KeyStore& keys() { return *store_; }
    access::LimitBook& limits() { return book_; }
    // Every scope that is counted in, of keys and tenants, then of processors, which are named.
    using VisitScope = std::function<void(access::ScopeLimits& scope, std::string_view processor)>;
    void for_each_scope(const VisitScope& visit) const;

private:
    pipeline::ScopeSets scopes_of(const config::Config& config, const access::Moment& moment);

    access::LimitBook book_;
    access::KeyStoreOptions store_options_;
    std::unique_ptr<access::KeyStore> store_;
    pipeline::ScopeSets scopes_;
};

}  // namespace sluice::server
