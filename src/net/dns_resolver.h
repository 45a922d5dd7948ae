// DnsResolver: c-ares on the control shard; the NameSource of all other shards.
//
// c-ares opens its own sockets; they are watched by poll operations on the control shard's ring and
// its time-outs by the shard's timer wheel, so nothing blocks there either. Questions and answers
// travel by mailbox. Shards that ask for the same name at the same time share one query.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "net/address.h"
#include "net/resolver.h"
#include "net/shard.h"
#include "net/srv_reply.h"

namespace sluice::net {

class DnsResolver {
public:
    // On the control shard's thread. Fails with dns_failed when the options make no sense.
    static Result<std::unique_ptr<DnsResolver>> create(Shard& control,
                                                       const ResolverOptions& options);
    // After shut_down(), when the control shard's proactor has no object left.
    ~DnsResolver();
    DnsResolver(const DnsResolver&) = delete;
    DnsResolver& operator=(const DnsResolver&) = delete;

    // On the control shard: answers all open questions with `failed` and lets go of the sockets.
    void shut_down();

private:
    friend class ShardNameSource;
    friend class NameLookup;
    struct Impl;
    explicit DnsResolver(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

// What a name means, for whoever keeps track of it.
struct LookupAnswer {
    NameAnswer::Outcome outcome = NameAnswer::Outcome::failed;
    std::vector<Address> addresses = {};  // Ports are not set.
    std::vector<ServiceRecord> services = {};
    uint32_t ttl_s = 0;
};

// One question after the other on the control shard, past all caches. May die while one is out;
// the resolver outlives it.
class NameLookup {
public:
    static constexpr size_t kAnswersMax = 4096;

    // `on_answer` must not ask at once: it runs inside of c-ares.
    NameLookup(DnsResolver& resolver,
               void (*on_answer)(void* owner, const LookupAnswer& answer),
               void* owner)
        : resolver_(resolver), on_answer_(on_answer), owner_(owner) {}
    ~NameLookup();
    NameLookup(const NameLookup&) = delete;
    NameLookup& operator=(const NameLookup&) = delete;

    // When none is out.
    void ask_addresses(const std::string& name);
    void ask_services(const std::string& name);
    bool is_out() const { return question_ != nullptr; }

private:
    friend class DnsResolver;
    struct Question;

    Question* make_question();
    void finish(const LookupAnswer& answer);

    DnsResolver& resolver_;
    void (*const on_answer_)(void* owner, const LookupAnswer& answer);
    void* const owner_;
    Question* question_ = nullptr;  // c-ares has it, and gives it back exactly once.
};

// One shard's end of it: made on that shard, used by its ResolverClient. The resolver and the
// control shard outlive it.
class ShardNameSource final : public NameSource {
public:
    ShardNameSource(Shard& shard, DnsResolver& resolver) : shard_(shard), resolver_(resolver) {}

    void ask(ResolverClient& client, std::string_view name) override;
    void hurry(ResolverClient& client) override;

private:
    Shard& shard_;
    DnsResolver& resolver_;
};

}  // namespace sluice::net
