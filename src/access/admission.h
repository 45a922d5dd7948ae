// Admission: what one request holds of the limits that it was admitted under.
//
// All or nothing: every limit of every scope agrees, or none is touched and the answer names the
// one that has to be waited for longest. At the end settle() replaces the estimates by what was
// used; an admission that dies without it has used nothing but its requests. Part of an exchange,
// one shard; the scopes outlive it (whoever holds an Admission holds the table they come from).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "access/concurrency_limit.h"
#include "access/gcra.h"
#include "access/scope_limits.h"
#include "base/time.h"

namespace sluice::access {

struct Demand {
    Instant now = {};
    int64_t unix_s = 0;
    int64_t tokens = 0;  // Estimates: of the prompt and of the answer together.
    int64_t cost_picodollars = 0;
    LimitMask limits = kAllLimits;  // Which are asked; the others are somebody else's.
};

struct Refusal {
    const ScopeLimits* scope = nullptr;
    LimitName limit = LimitName::concurrency;
    bool is_too_large = false;  // Waiting does not help.
    Duration retry_after = {};  // Zero where nobody can know: concurrency, a total budget.
    int64_t limit_value = 0;    // Units a period, exchanges at once, picodollars.
    int64_t remaining = 0;
    Duration reset_after = {};
};

class Admission {
public:
    static constexpr size_t kScopesMax = 8;

    Admission() = default;
    ~Admission() { abandon(); }
    Admission(const Admission&) = delete;
    Admission& operator=(const Admission&) = delete;

    // Once, or again after settle() or abandon(). Null scopes are skipped.
    std::optional<Refusal> admit(std::span<ScopeLimits* const> scopes, const Demand& demand);
    // The end of an exchange: tokens and money as they were, room for the next one.
    void settle(Instant now, int64_t unix_s, int64_t tokens, int64_t cost_picodollars);
    // Nothing was used: tokens, reservation and slots go back; the request stays counted.
    void abandon();
    // As if it had never been asked: somebody else refused the request before it began.
    void cancel() { roll_back(); }

    // The first scope whose soft budget this request exceeds; null when there is none.
    const ScopeLimits* soft_exceeded() const { return soft_exceeded_; }

private:
    struct Held {
        ScopeLimits* scope = nullptr;
        LimitMask limits = 0;  // What was taken, so that exactly that is settled.
        ConcurrencyLimit::Slot slot;
    };

    std::optional<Refusal> find_refusal() const;
    std::optional<Refusal> commit(Held& held);
    std::optional<Refusal> commit_rates(Held& held);
    void roll_back();
    int64_t count_of(LimitName name) const { return counts_tokens(name) ? demand_.tokens : 1; }

    std::array<Held, kScopesMax> held_;
    size_t count_ = 0;
    Demand demand_;
    const ScopeLimits* soft_exceeded_ = nullptr;
};

// What x-ratelimit-* tells: of all limits on requests (or tokens), the one with least left.
struct RateStatus {
    const ScopeLimits* scope = nullptr;
    LimitName name = LimitName::requests_per_minute;
    RateAnswer rate;
};
enum class RateUnit : uint8_t { requests, tokens };
std::optional<RateStatus> tightest_rate(std::span<ScopeLimits* const> scopes,
                                        RateUnit unit,
                                        Instant now);

}  // namespace sluice::access
