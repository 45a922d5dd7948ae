// Which sources there are, and what is passed on of what they tell.
#include "server/discovery.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "balance/member.h"
#include "balance/options.h"
#include "base/log.h"
#include "config/config.h"
#include "config/member_file.h"
#include "server/dns_source.h"
#include "server/file_source.h"
#include "server/kubernetes_source.h"
#include "server/member_source.h"
#include "server/membership.h"

namespace sluice::server {

std::unique_ptr<MemberSource> Discovery::make(const std::string& pool,
                                              const balance::DiscoveryOptions& options) {
    switch (options.type) {
        case balance::DiscoveryType::file:
            return std::make_unique<FileSource>(control_.proactor(), pool, options,
                                                static_cast<MemberSink&>(*this));
        case balance::DiscoveryType::dns:
            return std::make_unique<DnsSource>(control_, resolver_, pool, options,
                                               static_cast<MemberSink&>(*this));
        case balance::DiscoveryType::kubernetes:
            return std::make_unique<KubernetesSource>(control_, resolver_, pool, options,
                                                      static_cast<MemberSink&>(*this));
        case balance::DiscoveryType::none:
        case balance::DiscoveryType::admin:
            break;
    }
    return nullptr;
}

void Discovery::use(const config::Config& loaded) {
    if (is_stopping_) {
        return;  // A reload that came at the very end: nobody would stop new ones.
    }
    std::vector<std::unique_ptr<MemberSource>> before = std::exchange(sources_, {});
    std::vector<MemberSource*> fresh;
    for (const balance::PoolOptions& pool : loaded.pools) {
        const auto same = std::ranges::find_if(before, [&](const auto& source) {
            return source != nullptr && source->pool() == pool.name &&
                   source->options() == pool.discovery;
        });
        if (same != before.end()) {
            sources_.push_back(std::move(*same));
        } else if (auto made = make(pool.name, pool.discovery)) {
            fresh.push_back(made.get());
            sources_.push_back(std::move(made));
        }
    }
    std::vector<std::string> abandoned;
    for (std::unique_ptr<MemberSource>& source : before) {
        if (source == nullptr) {
            continue;
        }
        source->stop();
        told_.erase(source->pool());
        const auto is_of_pool = [&](const auto& other) { return other->pool() == source->pool(); };
        if (std::ranges::none_of(sources_, is_of_pool)) {
            abandoned.push_back(source->pool());
        }
        ending_.push_back(std::move(source));
    }
    for (MemberSource* const source : fresh) {
        source->start();
    }
    // Another source has a list of its own soon; where there is none, nobody vouches for them.
    for (const std::string& pool : abandoned) {
        on_members(pool, {});
        told_.erase(pool);
    }
}

void Discovery::look() {
    for (const std::unique_ptr<MemberSource>& source : sources_) {
        source->look();
    }
    std::erase_if(ending_, [](const auto& source) { return source->is_idle(); });
}

void Discovery::stop() {
    is_stopping_ = true;
    for (std::unique_ptr<MemberSource>& source : sources_) {
        source->stop();
        ending_.push_back(std::move(source));
    }
    sources_.clear();
}

bool Discovery::is_idle() const {
    return sources_.empty() &&
           std::ranges::all_of(ending_, [](const auto& source) { return source->is_idle(); });
}

// Of those with one address the first by instance stays.
void Discovery::on_members(const std::string& pool, std::vector<balance::Member> members) {
    // Names in DNS may be anything.
    std::erase_if(members, [](const balance::Member& member) {
        return !config::is_member_address(member.address);
    });
    std::ranges::sort(members, [](const balance::Member& a, const balance::Member& b) {
        return a.address != b.address ? a.address < b.address : a.instance < b.instance;
    });
    const auto twice = std::ranges::unique(members, {}, &balance::Member::address);
    members.erase(twice.begin(), twice.end());
    const auto last = told_.find(pool);
    if (last != told_.end() && last->second == members) {
        return;
    }
    const balance::PoolOptions* const options = backend_.config().find_pool(pool);
    if (options == nullptr || backend_.facts().is_draining) {
        return;
    }
    SLUICE_LOG(info, "discovery", "a pool has other members", {"pool", pool},
               {"members", members.size()});
    told_[pool] = members;
    const balance::TargetOptions& target = options->discovery.target;
    backend_.change_members(
        with_found(backend_.members(), pool, target.llm, target.model, std::move(members)));
}

}  // namespace sluice::server
