// MemberSource: whoever knows the members of one pool, and MemberSink, who is told.
//
// A source tells whole lists, and none when it has failed: what it told last stays. On the control
// thread; owned by Discovery, which keeps it until it is idle.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "balance/member.h"
#include "balance/options.h"

namespace sluice::server {

class MemberSink {
public:
    // In any order, and some twice.
    virtual void on_members(const std::string& pool, std::vector<balance::Member> members) = 0;

protected:
    ~MemberSink() = default;
};

class MemberSource {
public:
    MemberSource(std::string pool, balance::DiscoveryOptions options, MemberSink& sink)
        : pool_(std::move(pool)), options_(std::move(options)), sink_(sink) {}
    virtual ~MemberSource() = default;
    MemberSource(const MemberSource&) = delete;
    MemberSource& operator=(const MemberSource&) = delete;

    virtual void start() = 0;
    // Once a turn of the control shard, for what nobody else would see.
    virtual void look() {}
    // It tells nothing any more.
    virtual void stop() = 0;
    virtual bool is_idle() const = 0;

    const std::string& pool() const { return pool_; }
    const balance::DiscoveryOptions& options() const { return options_; }

protected:
    void tell(std::vector<balance::Member> members) { sink_.on_members(pool_, std::move(members)); }

private:
    const std::string pool_;
    const balance::DiscoveryOptions options_;
    MemberSink& sink_;
};

}  // namespace sluice::server
