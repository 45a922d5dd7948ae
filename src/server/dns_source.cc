// Asking, taking, and when to ask again.
#include "server/dns_source.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "balance/member.h"
#include "balance/options.h"
#include "base/log.h"
#include "base/time.h"
#include "net/address.h"
#include "net/dns_resolver.h"
#include "net/resolver.h"
#include "net/shard.h"
#include "net/srv_reply.h"
#include "net/timer_wheel.h"
#include "server/member_source.h"

namespace sluice::server {

namespace {

using net::NameAnswer;

constexpr uint64_t kMsPerSecond = 1'000;
// Gateways of one fleet do not ask all at once.
constexpr double kJitter = 0.1;
constexpr uint32_t kWeightMax = 10'000;

std::vector<balance::Member> members_of(const net::LookupAnswer& answer, uint32_t port) {
    std::vector<balance::Member> members;
    members.reserve(answer.addresses.size() + answer.services.size());
    for (net::Address address : answer.addresses) {
        address.set_port(static_cast<uint16_t>(port));
        members.push_back({.address = address.to_string()});
    }
    for (const net::ServiceRecord& service : answer.services) {
        members.push_back({.address = service.host + ":" + std::to_string(service.port),
                           .weight = std::clamp<uint32_t>(service.weight, 1, kWeightMax),
                           .priority = service.priority});
    }
    return members;
}

}  // namespace

DnsSource::DnsSource(net::Shard& control,
                     net::DnsResolver& resolver,
                     std::string pool,
                     balance::DiscoveryOptions options,
                     MemberSink& sink)
    : MemberSource(std::move(pool), std::move(options), sink),
      control_(control),
      lookup_(resolver, &on_answer, this),
      timer_(&on_timer, this) {}

void DnsSource::stop() {
    is_stopped_ = true;
    timer_.cancel();
}

void DnsSource::on_timer(net::Timer& timer) {
    timer.owner_as<DnsSource>().ask();
}

void DnsSource::ask() {
    if (lookup_.is_out()) {
        return;
    }
    if (options().name.starts_with('_')) {
        lookup_.ask_services(options().name);
    } else {
        lookup_.ask_addresses(options().name);
    }
}

void DnsSource::on_answer(void* owner, const net::LookupAnswer& answer) {
    auto& source = *static_cast<DnsSource*>(owner);
    if (!source.is_stopped_) {
        source.take(answer);
    }
}

void DnsSource::take(const net::LookupAnswer& answer) {
    const bool was_failing =
        std::exchange(is_failing_, answer.outcome != NameAnswer::Outcome::found);
    if (is_failing_ && !was_failing) {
        const bool is_gone = answer.outcome == NameAnswer::Outcome::no_such_name;
        SLUICE_LOG(warning, "discovery", "the name of the members has none", {"pool", pool()},
                   {"name", options().name},
                   {"reason",
                    is_gone ? "it does not exist" : "it cannot be resolved, so those before stay"});
    }
    const uint64_t ttl_ms = is_failing_ ? 0 : answer.ttl_s * kMsPerSecond;
    ask_again(std::clamp<uint64_t>(ttl_ms, options().refresh_ms_min, options().refresh_ms_max));
    if (answer.outcome != NameAnswer::Outcome::failed) {
        tell(members_of(answer, options().port));
    }
}

void DnsSource::ask_again(uint64_t after_ms) {
    const double part = 1 - kJitter + 2 * kJitter * control_.prng().unit();
    const auto wait =
        Duration::microseconds(static_cast<int64_t>(part * static_cast<double>(after_ms) * 1'000));
    control_.proactor().timers().arm(timer_, control_.proactor().now() + wait);
}

}  // namespace sluice::server
