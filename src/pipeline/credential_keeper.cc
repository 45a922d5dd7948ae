// Who fetches, who waits and who goes on.
#include "pipeline/credential_keeper.h"

#include <cstdint>
#include <optional>
#include <vector>

#include "base/error.h"
#include "base/local_ptr.h"
#include "base/result.h"
#include "coro/signal.h"
#include "coro/task.h"
#include "net/proactor.h"
#include "providers/credential_stage.h"
#include "upstream/patience.h"
#include "upstream/upstream.h"

namespace sluice::pipeline {

namespace {

using providers::CredentialStage;

constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;
// A source that has nothing newer, or does not answer, is asked no more often than that by
// exchanges that could go on without it.
constexpr int64_t kPauseS = 60;

int64_t now_s(net::Proactor& proactor) {
    return proactor.ring().wall_clock_ns() / kNanosecondsPerSecond;
}

// Takes part in a list for as long as it lives.
class Waiting {
public:
    Waiting(std::vector<coro::Signal*>& all, coro::Signal& signal) : all_(all), signal_(signal) {
        all_.push_back(&signal_);
    }
    ~Waiting() { std::erase(all_, &signal_); }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;

private:
    std::vector<coro::Signal*>& all_;
    coro::Signal& signal_;
};

// Ends a renewal whichever way it ends, and wakes who waited for it.
class Renewal {
public:
    Renewal(bool& is_running, std::vector<coro::Signal*>& waiting)
        : is_running_(is_running), waiting_(waiting) {
        is_running_ = true;
    }
    ~Renewal() {
        is_running_ = false;
        for (coro::Signal* signal : waiting_) {
            signal->raise();
        }
    }
    Renewal(const Renewal&) = delete;
    Renewal& operator=(const Renewal&) = delete;

private:
    bool& is_running_;
    std::vector<coro::Signal*>& waiting_;
};

}  // namespace

Error CredentialKeeper::refused(const char* where) {
    return {.kind = ErrorKind::unauthorized, .source = ErrorSource::upstream, .where = where};
}

coro::Task<Status> CredentialKeeper::ensure(net::Proactor& proactor, upstream::Patience& patience) {
    while (true) {
        const int64_t now = now_s(proactor);
        CredentialStage found = stage(now);
        if (found == CredentialStage::fresh && is_doubted_) {
            found = CredentialStage::ageing;
        }
        if (found == CredentialStage::fresh) {
            co_return Status();
        }
        if (found == CredentialStage::ageing && (is_renewing_ || now < next_try_s_)) {
            co_return Status();
        }
        if (!is_renewing_) {
            const Status renewed = co_await renew_once(proactor, patience);
            co_return found == CredentialStage::ageing ? Status() : renewed;
        }
        CO_TRY_VOID(co_await wait(patience));
        if (outcome_) {
            co_return *outcome_;
        }
    }
}

coro::Task<Status> CredentialKeeper::wait(upstream::Patience& patience) {
    const Waiting waiting(waiting_, patience.signal());
    while (is_renewing_) {
        if (const std::optional<Error> stop = patience.reason_to_stop()) {
            co_return fail(*stop);
        }
        co_await patience.signal().wait();
    }
    co_return Status();
}

coro::Task<Status> CredentialKeeper::renew_once(net::Proactor& proactor,
                                                upstream::Patience& patience) {
    if (!source_) {
        co_return fail(refused("no credentials are configured for the upstream"));
    }
    const Renewal renewal(is_renewing_, waiting_);
    outcome_.reset();
    is_doubted_ = false;
    const int64_t now = now_s(proactor);
    next_try_s_ = now + kPauseS;
    // A reload may name another one meanwhile.
    const LocalPtr<upstream::Upstream> upstream = source_;
    const Source source = {
        .proactor = proactor, .patience = patience, .upstream = *upstream, .now_s = now};
    const Status done = co_await renew(source);
    if (done || !patience.reason_to_stop()) {
        outcome_ = done;
    }
    co_return done;
}

}  // namespace sluice::pipeline
