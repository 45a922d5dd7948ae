// DnsSource: the members of a pool by a name, which is resolved again when its TTL is over: all
// addresses of a host, or the servers of a service.
//
// A name that does not exist has no members; when nobody says so, those before stay. Control
// thread.
#pragma once

#include <string>

#include "balance/options.h"
#include "net/dns_resolver.h"
#include "net/shard.h"
#include "net/timer_wheel.h"
#include "server/member_source.h"

namespace sluice::server {

class DnsSource final : public MemberSource {
public:
    DnsSource(net::Shard& control,
              net::DnsResolver& resolver,
              std::string pool,
              balance::DiscoveryOptions options,
              MemberSink& sink);

    void start() override { ask(); }
    void stop() override;
    // A question that is out finds nobody.
    bool is_idle() const override { return true; }

private:
    static void on_timer(net::Timer& timer);
    static void on_answer(void* owner, const net::LookupAnswer& answer);
    void ask();
    void take(const net::LookupAnswer& answer);
    void ask_again(uint64_t after_ms);

    net::Shard& control_;
    net::NameLookup lookup_;
    net::Timer timer_;
    bool is_stopped_ = false;
    bool is_failing_ = false;
};

}  // namespace sluice::server
