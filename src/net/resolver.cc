// The cache: what is fresh is given at once, what is old is asked for again, what fails is left
// alone for a while. All of it on one shard, so nothing here needs a lock.
#include "net/resolver.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/error.h"
#include "base/intrusive_list.h"
#include "base/local_ptr.h"
#include "base/result.h"
#include "base/text.h"
#include "base/time.h"
#include "coro/signal.h"
#include "net/address.h"
#include "net/proactor.h"
#include "net/timer_wheel.h"

namespace sluice::net {

namespace {

// RFC 1035 section 2.3.4, with a trailing dot.
constexpr size_t kNameBytesMax = 254;
// An answer is asked for again in the last fifth of its time, when somebody uses it then.
constexpr int64_t kRefreshFraction = 5;

Error name_error(ErrorKind kind, const char* where) {
    return {.kind = kind, .source = ErrorSource::upstream, .retry = Retry::safe, .where = where};
}

std::string lower_case(std::string_view name) {
    std::string lower(name);
    std::ranges::transform(lower, lower.begin(), ascii_lower);
    return lower;
}

// RFC 6761 section 6.3: always the loopback addresses, whatever a server would say. IPv4 first, as
// most local servers listen on that alone.
bool is_localhost(std::string_view name) {
    return name == "localhost" || name == "localhost." || name.ends_with(".localhost");
}

LocalPtr<AddressList> make_list(std::vector<Address> addresses) {
    return LocalPtr<AddressList>(new AddressList(std::move(addresses)));
}

}  // namespace

struct ResolverClient::Entry {
    Entry(ResolverClient& resolver_client, std::string host)
        : client(resolver_client), name(std::move(host)), timer(&on_timer, this) {}

    ResolverClient& client;
    const std::string name;
    LocalPtr<AddressList> addresses;  // Null: never known, or said not to exist.
    Instant fresh_until;
    Instant refresh_from;
    Instant stale_until;
    Instant quiet_until;  // After a failure: not asked before this.
    Instant used;
    bool is_asked = false;    // A question is out.
    bool is_failing = false;  // The last question failed.
    uint32_t turn = 0;
    IntrusiveList<Resolution> waiters;
    Timer timer;  // Ends the wait of all waiters, not the question.
};

Resolution::Resolution(ResolverClient& client,
                       std::string_view host,
                       uint16_t port,
                       coro::Signal& signal)
    : client_(client), signal_(signal), port_(port) {
    client_.resolve(*this, host);
}

Resolution::~Resolution() {
    if (is_linked()) {
        --client_.waiters_;
    }
}

Status Resolution::status() const {
    SLUICE_ASSERT(addresses_ || error_);
    return error_ ? Status(fail(*error_)) : Status();
}

Address Resolution::at(size_t index) const {
    // Neighbours of one family count as equal: rule 9 of RFC 6724 (longest common prefix) would
    // send every connection to the same one.
    const AddressList& list = *addresses_;
    const int family = list[index].family();
    size_t first = index;
    while (first > 0 && list[first - 1].family() == family) {
        --first;
    }
    size_t end = index + 1;
    while (end < list.size() && list[end].family() == family) {
        ++end;
    }
    Address address = list[first + (index - first + turn_) % (end - first)];
    address.set_port(port_);
    return address;
}

void Resolution::finish(const LocalPtr<AddressList>& addresses, uint32_t turn) {
    SLUICE_ASSERT(!addresses_);
    addresses_ = addresses;
    turn_ = turn;
}

void Resolution::finish(const Error& error) {
    error_ = error;
}

ResolverClient::ResolverClient(Proactor& proactor,
                               NameSource* source,
                               const ResolverOptions& options)
    : proactor_(proactor), source_(source), options_(options) {}

ResolverClient::~ResolverClient() {
    SLUICE_ASSERT(outstanding_ == 0 && waiters_ == 0);
}

void ResolverClient::close() {
    is_closed_ = true;
    for (auto& [name, entry] : entries_) {
        entry->timer.cancel();
        while (Resolution* waiter = entry->waiters.pop_front()) {
            --waiters_;
            waiter->finish(name_error(ErrorKind::shutting_down, "resolver closed"));
            waiter->signal_.raise();
        }
    }
    if (outstanding_ > 0) {
        source_->hurry(*this);
    }
}

void ResolverClient::resolve(Resolution& resolution, std::string_view host) {
    if (const auto literal = Address::parse(host, 0)) {
        resolution.finish(make_list({*literal}), 0);
        return;
    }
    std::string name = lower_case(host);
    if (is_localhost(name)) {
        const Address v6 = Address::parse("::1", 0).value_or(Address());
        resolution.finish(make_list({Address::loopback(0), v6}), 0);
    } else if (name.empty() || name.size() > kNameBytesMax) {
        resolution.finish(name_error(ErrorKind::dns_failed, "not a host name"));
    } else if (source_ == nullptr) {
        resolution.finish(name_error(ErrorKind::dns_failed, "no resolver"));
    } else if (is_closed_) {
        resolution.finish(name_error(ErrorKind::shutting_down, "resolver closed"));
    } else {
        resolve_name(resolution, std::move(name));
    }
}

void ResolverClient::resolve_name(Resolution& resolution, std::string name) {
    Entry* entry = find_or_make(std::move(name));
    if (entry == nullptr) {
        resolution.finish(name_error(ErrorKind::overloaded, "too many names"));
        return;
    }
    const Instant now = proactor_.now();
    entry->used = now;
    const bool may_ask = !entry->is_asked && now >= entry->quiet_until;
    if (entry->addresses && now < entry->fresh_until) {
        ++counters_.hits;
        give_addresses(*entry, resolution);
        if (may_ask && now >= entry->refresh_from) {
            ask(*entry);
        }
        return;
    }
    if (entry->is_failing && can_serve_stale(*entry)) {
        ++counters_.stale_answers;
        give_addresses(*entry, resolution);
        if (may_ask) {
            ask(*entry);
        }
        return;
    }
    if (now < entry->quiet_until) {
        resolution.finish(name_error(ErrorKind::dns_failed, "name did not resolve"));
        return;
    }
    wait(*entry, resolution);
}

void ResolverClient::wait(Entry& entry, Resolution& resolution) {
    if (waiters_ >= options_.waiters_max) {
        resolution.finish(name_error(ErrorKind::overloaded, "too many waits for names"));
        return;
    }
    ++waiters_;
    entry.waiters.push_back(resolution);
    if (!entry.timer.is_armed()) {
        const uint32_t wait_ms =
            can_serve_stale(entry) ? options_.stale_wait_ms : options_.answer_timeout_ms;
        proactor_.timers().arm(entry.timer, proactor_.now() + Duration::milliseconds(wait_ms));
    }
    if (!entry.is_asked) {
        ask(entry);
    }
}

ResolverClient::Entry* ResolverClient::find_or_make(std::string name) {
    if (const auto found = entries_.find(name); found != entries_.end()) {
        return found->second.get();
    }
    if (entries_.size() >= options_.names_max && !evict_one()) {
        return nullptr;
    }
    auto entry = std::make_unique<Entry>(*this, name);
    return entries_.emplace(std::move(name), std::move(entry)).first->second.get();
}

bool ResolverClient::evict_one() {
    auto oldest = entries_.end();
    for (auto it = entries_.begin(); it != entries_.end(); ++it) {
        const Entry& entry = *it->second;
        const bool is_idle = !entry.is_asked && entry.waiters.empty();
        if (is_idle && (oldest == entries_.end() || entry.used < oldest->second->used)) {
            oldest = it;
        }
    }
    if (oldest == entries_.end()) {
        return false;
    }
    entries_.erase(oldest);
    return true;
}

void ResolverClient::ask(Entry& entry) {
    entry.is_asked = true;
    ++outstanding_;
    ++counters_.questions;
    proactor_.object_made();
    source_->ask(*this, entry.name);
}

void ResolverClient::on_answer(std::string_view name, NameAnswer answer) {
    SLUICE_ASSERT(outstanding_ > 0);
    --outstanding_;
    proactor_.object_gone();
    const auto found = entries_.find(std::string(name));
    SLUICE_ASSERT(found != entries_.end());
    Entry& entry = *found->second;
    entry.is_asked = false;
    entry.timer.cancel();
    if (answer.outcome == NameAnswer::Outcome::found && !answer.addresses.empty()) {
        keep(entry, std::move(answer));
    } else {
        ++counters_.failures;
        if (answer.outcome == NameAnswer::Outcome::no_such_name) {
            entry.addresses = {};
        }
        note_failure(entry);
    }
    finish_all(entry);
}

void ResolverClient::keep(Entry& entry, NameAnswer answer) {
    if (answer.addresses.size() > options_.addresses_max) {
        answer.addresses.resize(options_.addresses_max);
    }
    auto list = make_list(std::move(answer.addresses));
    if (!entry.addresses || *entry.addresses != *list) {
        entry.addresses = std::move(list);
    }
    const uint32_t ttl_s = std::clamp(answer.ttl_s, options_.ttl_s_min, options_.ttl_s_max);
    const Instant now = proactor_.now();
    const Duration ttl = Duration::seconds(ttl_s);
    entry.fresh_until = now + ttl;
    entry.refresh_from = entry.fresh_until - ttl / kRefreshFraction;
    entry.stale_until = entry.fresh_until + Duration::seconds(options_.stale_s_max);
    entry.quiet_until = {};
    entry.is_failing = false;
}

void ResolverClient::note_failure(Entry& entry) {
    entry.is_failing = true;
    entry.quiet_until = proactor_.now() + Duration::milliseconds(options_.failure_ttl_ms);
}

bool ResolverClient::can_serve_stale(const Entry& entry) const {
    return entry.addresses && proactor_.now() < entry.stale_until;
}

void ResolverClient::give_addresses(Entry& entry, Resolution& resolution) {
    resolution.finish(entry.addresses, entry.turn++);
}

void ResolverClient::finish_all(Entry& entry) {
    const bool has_addresses = can_serve_stale(entry);
    if (has_addresses && entry.is_failing && !entry.waiters.empty()) {
        ++counters_.stale_answers;
    }
    while (Resolution* waiter = entry.waiters.pop_front()) {
        --waiters_;
        if (has_addresses) {
            give_addresses(entry, *waiter);
        } else {
            waiter->finish(name_error(ErrorKind::dns_failed, "name did not resolve"));
        }
        waiter->signal_.raise();
    }
}

void ResolverClient::on_timer(Timer& timer) {
    auto& entry = timer.owner_as<Entry>();
    // The question stays out: a late answer serves those who come then.
    entry.client.note_failure(entry);
    entry.client.finish_all(entry);
}

}  // namespace sluice::net
