// A store for the file that is configured, and one set of scopes for each processor that counts.
#include "server/access_control.h"

#include <expected>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "access/configured_keys.h"
#include "access/key_store.h"
#include "access/limit_book.h"
#include "access/scope_limits.h"
#include "access/scope_set.h"
#include "config/config.h"
#include "pipeline/options.h"
#include "pipeline/processor_options.h"
#include "pipeline/processors/rate_limit.h"
#include "upstream/options.h"

namespace sluice::server {

namespace {

using access::ScopeKind;
using pipeline::LimitPer;

ScopeKind kind_of(LimitPer per) {
    switch (per) {
        case LimitPer::key:
            return ScopeKind::key;
        case LimitPer::tenant:
            return ScopeKind::tenant;
        case LimitPer::model:
            return ScopeKind::model;
        case LimitPer::upstream:
            return ScopeKind::provider;
        case LimitPer::route:
            return ScopeKind::route;
        case LimitPer::all:
            break;
    }
    return ScopeKind::gateway;
}

// Names that the configuration knows have records before clients can make up others.
void make_known(access::ScopeSet& set,
                LimitPer per,
                const config::Config& config,
                const access::Moment& moment) {
    if (per != LimitPer::model) {
        return;
    }
    const auto make = [&](const std::string& name) {
        if (!name.ends_with('*')) {
            set.scope(name, moment);
        }
    };
    for (const pipeline::RouteOptions& route : config.routes) {
        for (const upstream::ModelAlias& alias : route.model_aliases) {
            make(alias.alias);
        }
        for (const std::string& name : route.models) {
            make(name);
        }
    }
    for (const upstream::UpstreamOptions& options : config.upstreams) {
        for (const upstream::ModelAlias& alias : options.models) {
            make(alias.alias);
        }
    }
}

std::string joined(const access::Errors& errors) {
    std::string text;
    for (const std::string& error : errors) {
        text += (text.empty() ? "" : "\n") + error;
    }
    return text;
}

}  // namespace

AccessControl::AccessControl(const access::Moment& moment)
    : book_({}, moment), store_(std::make_unique<access::KeyStore>(book_, store_options_)) {}

std::expected<AccessTables, std::string> AccessControl::load(const config::Config& config,
                                                             const access::Moment& moment) {
    std::unique_ptr<access::KeyStore> other;
    if (config.keys != store_options_) {
        other = std::make_unique<access::KeyStore>(book_, config.keys);
    }
    access::KeyStore& store = other != nullptr ? *other : *store_;
    const auto loaded = store.load(access::records_of(config.virtual_keys),
                                   access::records_of(config.tenants), moment);
    if (!loaded) {
        return std::unexpected(joined(loaded.error()));
    }
    if (other != nullptr) {
        store_options_ = config.keys;
        store_ = std::move(other);
    }
    scopes_ = scopes_of(config, moment);
    return AccessTables{.keys = store_->table(), .scopes = scopes_};
}

// A set stays as long as it counts the same things; one that does not begins anew.
pipeline::ScopeSets AccessControl::scopes_of(const config::Config& config,
                                             const access::Moment& moment) {
    pipeline::ScopeSets next;
    for (const pipeline::ProcessorOptions& processor : config.processors) {
        const auto* const options = std::get_if<pipeline::RateLimitOptions>(&processor.config);
        if (options == nullptr || !options->has_own_limits()) {
            continue;
        }
        const ScopeKind kind = kind_of(options->per);
        const size_t scopes_max = options->per == LimitPer::all ? 0 : options->scopes_max;
        access::ScopeSetPtr& set = next[processor.name];
        const auto former = scopes_.find(processor.name);
        if (former != scopes_.end() && former->second->kind() == kind &&
            former->second->scopes_max() == scopes_max) {
            set = former->second;
        } else {
            // tidy:allow(shared-ptr) a configuration in force keeps what a reload drops
            set = std::make_shared<access::ScopeSet>(kind, scopes_max, moment);
        }
        set->configure(options->limits, moment);
        make_known(*set, options->per, config, moment);
    }
    return next;
}

void AccessControl::for_each_scope(const VisitScope& visit) const {
    book_.for_each([&](access::ScopeLimits& scope) { visit(scope, ""); });
    for (const auto& [processor, set] : scopes_) {
        set->for_each([&](access::ScopeLimits& scope) { visit(scope, processor); });
    }
}

}  // namespace sluice::server
