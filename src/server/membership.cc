// From lists of addresses to targets and upstreams of a configuration.
#include "server/membership.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "balance/member.h"
#include "balance/options.h"
#include "balance/pool.h"
#include "base/result.h"
#include "config/config.h"
#include "http/url.h"
#include "upstream/options.h"

namespace sluice::server {

namespace {

using balance::Member;
using balance::PoolOptions;
using balance::TargetOptions;
using upstream::UpstreamOptions;

class Expander {
public:
    Expander(config::Config& config, const Membership& members)
        : config_(config), members_(members) {
        for (size_t i = 0; i < config_.upstreams.size(); ++i) {
            upstreams_.emplace(config_.upstreams[i].name, i);
        }
    }

    void run() {
        for (PoolOptions& pool : config_.pools) {
            std::erase_if(pool.targets,
                          [&](const TargetOptions& target) { return is_removed(pool, target); });
            std::unordered_set<std::string> names;
            for (const TargetOptions& target : pool.targets) {
                names.insert(target_name(target.llm, target.model));
            }
            const auto found = members_.found.find(pool.name);
            if (pool.discovery.is_on() && found != members_.found.end()) {
                for (const Member& member : found->second) {
                    add(pool, names, pool.discovery.target, member);
                }
            }
            for (const AddedTarget& added : members_.added) {
                if (added.pool == pool.name) {
                    add(pool, names, added.target, {.address = added.address});
                }
            }
        }
    }

private:
    bool is_removed(const PoolOptions& pool, const TargetOptions& target) const {
        return std::ranges::any_of(members_.removed, [&](const RemovedTarget& removed) {
            return removed.pool == pool.name && removed.instance == target.instance &&
                   removed.name == target_name(target.llm, target.model);
        });
    }

    void add(PoolOptions& pool,
             std::unordered_set<std::string>& names,
             TargetOptions target,
             const Member& member) {
        const auto origin = upstreams_.find(target.llm);
        if (origin == upstreams_.end() || pool.targets.size() >= balance::Pool::kTargetsMax) {
            return;
        }
        target.instance = member.instance;
        target.weight = member.weight.value_or(target.weight);
        target.priority = member.priority.value_or(target.priority);
        if (!member.address.empty()) {
            target.llm = member_llm(target.llm, member.address);
        }
        if (is_removed(pool, target) ||
            !names.insert(target_name(target.llm, target.model)).second) {
            return;
        }
        if (!member.address.empty()) {
            add_upstream(origin->second, target.llm, member);
        }
        pool.targets.push_back(std::move(target));
    }

    // Several pools may have the same member; the source that knows its instance is believed.
    void add_upstream(size_t origin, const std::string& name, const Member& member) {
        if (const auto found = upstreams_.find(name); found != upstreams_.end()) {
            std::string& instance = config_.upstreams[found->second].instance;
            instance = instance.empty() ? member.instance : instance;
            return;
        }
        UpstreamOptions made = config_.upstreams[origin];
        made.origin = std::exchange(made.name, name);
        made.instance = member.instance;
        if (const Result<http::BaseUrl> url = http::parse_base_url(made.base_url)) {
            // A machine shows the certificate of what it is a part of.
            if (url->is_https() && made.tls.server_name.empty()) {
                made.tls.server_name = url->host;
            }
            made.base_url = std::string(url->is_https() ? "https://" : "http://") + member.address +
                            std::string(url->path_prefix);
        }
        upstreams_.emplace(name, config_.upstreams.size());
        config_.upstreams.push_back(std::move(made));
    }

    config::Config& config_;
    const Membership& members_;
    std::unordered_map<std::string, size_t> upstreams_;  // By name.
};

}  // namespace

std::string AddedTarget::name() const {
    return target_name(address.empty() ? target.llm : member_llm(target.llm, address),
                       target.model);
}

std::string member_llm(std::string_view llm, std::string_view address) {
    return std::string(llm) + "@" + std::string(address);
}

std::string target_name(std::string_view llm, std::string_view model) {
    std::string name(llm);
    if (!model.empty()) {
        name += '/';
        name += model;
    }
    return name;
}

void add_members(config::Config& config, const Membership& members) {
    Expander(config, members).run();
}

bool has_target(const config::Config& loaded,
                const Membership& members,
                std::string_view pool,
                std::string_view target) {
    config::Config expanded = loaded;
    add_members(expanded, members);
    const PoolOptions* const options = expanded.find_pool(pool);
    return options != nullptr &&
           std::ranges::any_of(options->targets, [&](const TargetOptions& candidate) {
               return target_name(candidate.llm, candidate.model) == target;
           });
}

Membership with_found(const Membership& members,
                      const std::string& pool,
                      std::string_view llm,
                      std::string_view model,
                      std::vector<balance::Member> found) {
    Membership next = members;
    const auto has = [&](const std::vector<Member>& list, const RemovedTarget& removed) {
        return std::ranges::any_of(list, [&](const Member& member) {
            return member.instance == removed.instance &&
                   target_name(member_llm(llm, member.address), model) == removed.name;
        });
    };
    const auto before = next.found.find(pool);
    if (before != next.found.end()) {
        std::erase_if(next.removed, [&](const RemovedTarget& removed) {
            return removed.pool == pool && has(before->second, removed) && !has(found, removed);
        });
    }
    next.found[pool] = std::move(found);
    return next;
}

}  // namespace sluice::server
