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

#include "base/result.h"
#include "net/resolver.h"
#include "net/shard.h"

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
    struct Impl;
    explicit DnsResolver(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
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
