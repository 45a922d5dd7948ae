// Discovery: the sources of all pools, as the configuration in force has them.
//
// A source whose settings did not change goes on over reloads. What sources tell is put in order
// and put in force where it differs from what was told last, so that a name whose addresses come in
// turns changes nothing. Control thread; see docs/decisions/0029-discovery.md.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "balance/member.h"
#include "balance/options.h"
#include "config/config.h"
#include "net/dns_resolver.h"
#include "net/shard.h"
#include "server/admin_api.h"
#include "server/member_source.h"

namespace sluice::server {

// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): final, deleted as what it is.
class Discovery final : private MemberSink {
public:
    // `backend` may be told to change members inside of use() and look().
    Discovery(net::Shard& control, net::DnsResolver& resolver, AdminBackend& backend)
        : control_(control), resolver_(resolver), backend_(backend) {}
    // stop() must have been called and is_idle() be true.
    ~Discovery() = default;

    void use(const config::Config& loaded);
    // Once a turn.
    void look();
    void stop();
    bool is_idle() const;

private:
    void on_members(const std::string& pool, std::vector<balance::Member> members) override;
    std::unique_ptr<MemberSource> make(const std::string& pool,
                                       const balance::DiscoveryOptions& options);

    net::Shard& control_;
    net::DnsResolver& resolver_;
    AdminBackend& backend_;
    bool is_stopping_ = false;
    std::vector<std::unique_ptr<MemberSource>> sources_;
    std::vector<std::unique_ptr<MemberSource>> ending_;  // Until they are idle.
    std::map<std::string, std::vector<balance::Member>> told_;
};

}  // namespace sluice::server
