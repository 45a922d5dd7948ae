// Membership: who belongs to pools besides the targets that the configuration names: what sources
// have found, and what the admin API has added and removed.
//
// A value, made anew with each change and shared by whatever was made of it (RuntimeConfig). Lives
// as long as the process, over reloads. Made on the control thread; see
// docs/decisions/0029-discovery.md.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "balance/member.h"
#include "balance/options.h"
#include "config/config.h"

namespace sluice::server {

// A target that was added by hand.
struct AddedTarget {
    std::string pool;
    // Its llm is the upstream itself, or with an address the one whose settings it has.
    balance::TargetOptions target = {};
    std::string address = {};

    std::string name() const;
};

// One that was removed by hand, wherever it came from.
struct RemovedTarget {
    std::string pool;
    std::string name;
    std::string instance;

    bool operator==(const RemovedTarget&) const = default;
};

struct Membership {
    // Of each pool, what its source has found last.
    std::map<std::string, std::vector<balance::Member>, std::less<>> found;
    std::vector<AddedTarget> added;
    std::vector<RemovedTarget> removed;
};

// What an llm is called that a pool has found: its settings are those of `llm`.
std::string member_llm(std::string_view llm, std::string_view address);
// What a target is called, as balance::Target has it.
std::string target_name(std::string_view llm, std::string_view model);

// Puts the members into the pools, and adds the upstreams that they are. What names a pool or an
// llm that is not there is left out, and so is what a pool has no room for.
void add_members(config::Config& config, const Membership& members);

// Whether the pool would have such a target.
bool has_target(const config::Config& loaded,
                const Membership& members,
                std::string_view pool,
                std::string_view target);

// The same with what the source of a pool has found now. A target that was removed by hand and that
// the source has not any more is forgotten: when it comes back, it is another one.
Membership with_found(const Membership& members,
                      const std::string& pool,
                      std::string_view llm,
                      std::string_view model,
                      std::vector<balance::Member> found);

}  // namespace sluice::server
