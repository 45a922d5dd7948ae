// CredentialKeeper: credentials of one upstream that end and are fetched anew ahead of their end,
// one fetch at a time. What they are and where they come from, a derived class knows.
//
// While they are still good, the exchange that finds them old renews them and all others go on with
// them; without good ones all wait for the fetch that is under way and share its outcome. Per
// shard; snapshots share it as long as its upstream stays the same.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/local_ptr.h"
#include "base/result.h"
#include "coro/signal.h"
#include "coro/task.h"
#include "net/proactor.h"
#include "providers/credential_stage.h"
#include "upstream/patience.h"
#include "upstream/upstream.h"

namespace sluice::pipeline {

class CredentialKeeper : public LocallyCounted {
public:
    CredentialKeeper() = default;
    virtual ~CredentialKeeper() = default;

    // The upstream that hands them out.
    void use(LocalPtr<upstream::Upstream> source) { source_ = std::move(source); }

    // Returns when there are credentials to go on with. Fails with `unauthorized` of the upstream
    // when there can be none, or with what fetching them fails with; the next call tries again.
    coro::Task<Status> ensure(net::Proactor& proactor, upstream::Patience& patience);
    // Somebody was refused with them, although they are not old: they may have been revoked.
    void doubt() { is_doubted_ = true; }

protected:
    struct Source {
        net::Proactor& proactor;
        upstream::Patience& patience;
        upstream::Upstream& upstream;
        int64_t now_s;  // Since 1970.
    };
    virtual providers::CredentialStage stage(int64_t now_s) const = 0;
    // Fetches and keeps new ones; a failure leaves the old ones as they are.
    virtual coro::Task<Status> renew(const Source& source) = 0;

    static Error refused(const char* where);

private:
    coro::Task<Status> renew_once(net::Proactor& proactor, upstream::Patience& patience);
    coro::Task<Status> wait(upstream::Patience& patience);

    LocalPtr<upstream::Upstream> source_;
    int64_t next_try_s_ = 0;  // Ageing credentials are left alone until then.
    bool is_renewing_ = false;
    bool is_doubted_ = false;
    // How the last fetch ended; nothing when the exchange that ran it gave it up.
    std::optional<Status> outcome_;
    std::vector<coro::Signal*> waiting_;
};

}  // namespace sluice::pipeline
