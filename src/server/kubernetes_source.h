// KubernetesSource: the members of a pool by the EndpointSlices of a service: listed once, then
// watched over the API of Kubernetes.
//
// One coroutine, over an upstream of its own on the control shard. A watch that ends goes on where
// it was; one whose place is forgotten begins with a list. While the API cannot be asked, those
// before stay.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "balance/options.h"
#include "base/error.h"
#include "base/local_ptr.h"
#include "base/metrics.h"
#include "base/result.h"
#include "base/time.h"
#include "coro/scope.h"
#include "coro/signal.h"
#include "coro/task.h"
#include "net/dns_resolver.h"
#include "net/resolver.h"
#include "net/shard.h"
#include "net/tls_blocks.h"
#include "pipeline/fetch.h"
#include "server/endpoint_slices.h"
#include "server/member_source.h"
#include "upstream/patience.h"
#include "upstream/upstream.h"

namespace sluice::server {

class KubernetesSource final : public MemberSource,
                               private upstream::Patience,
                               private pipeline::FetchSink {
public:
    KubernetesSource(net::Shard& control,
                     net::DnsResolver& resolver,
                     std::string pool,
                     balance::DiscoveryOptions options,
                     MemberSink& sink);
    ~KubernetesSource() override = default;

    void start() override;
    void stop() override;
    bool is_idle() const override { return scope_.running() == 0 && names_.outstanding() == 0; }

private:
    // What to do next.
    enum class Next : uint8_t { list, watch, wait };

    coro::Signal& signal() override { return signal_; }
    std::optional<Error> reason_to_stop() override;
    Status on_piece(std::string_view piece) override;

    coro::Task<void> run();
    coro::Task<Next> list();
    coro::Task<Next> watch();
    coro::Task<void> wait();
    coro::Task<Result<pipeline::FetchedReply>> ask(const std::string& query, bool is_watch);
    Status open();
    void complain(const Result<pipeline::FetchedReply>& reply);

    net::Shard& control_;
    net::ShardNameSource name_source_;
    net::ResolverClient names_;
    net::TlsBlocks tls_blocks_;
    Counter connected_;
    Counter refused_;
    coro::Signal signal_;
    coro::TaskScope scope_;
    LocalPtr<upstream::Upstream> api_;
    EndpointSlices slices_;
    std::string line_;  // What has come of the next event.
    bool has_expired_ = false;
    bool is_stopped_ = false;
    uint32_t failures_ = 0;  // In a row.
};

}  // namespace sluice::server
