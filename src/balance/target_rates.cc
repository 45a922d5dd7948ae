// Two limits that are taken together.
#include "balance/target_rates.h"

#include <algorithm>
#include <cstdint>

#include "access/gcra.h"
#include "balance/options.h"
#include "base/time.h"

namespace sluice::balance {

int64_t TargetRates::bounded(const TargetOptions& options, uint64_t tokens) {
    return static_cast<int64_t>(std::min(tokens, options.tokens_per_minute_max));
}

void TargetRates::configure(const TargetOptions& options, Instant now) {
    requests_.configure({.limit = options.requests_per_minute_max}, now);
    tokens_.configure({.limit = static_cast<int64_t>(options.tokens_per_minute_max)}, now);
}

Duration TargetRates::wait(const TargetOptions& options, uint64_t tokens, Instant now) const {
    Duration longest;
    if (options.requests_per_minute_max != 0) {
        longest = requests_.peek(now, 1).retry_after;
    }
    if (options.tokens_per_minute_max != 0) {
        longest = std::max(longest, tokens_.peek(now, bounded(options, tokens)).retry_after);
    }
    return longest;
}

bool TargetRates::take(const TargetOptions& options, uint64_t tokens, Instant now) {
    const bool counts_requests = options.requests_per_minute_max != 0;
    if (counts_requests && !requests_.try_take(now, 1).is_admitted) {
        return false;
    }
    if (options.tokens_per_minute_max != 0 &&
        !tokens_.try_take(now, bounded(options, tokens)).is_admitted) {
        if (counts_requests) {
            requests_.give_back(now, 1);
        }
        return false;
    }
    return true;
}

void TargetRates::correct_tokens(
    const TargetOptions& options, uint64_t taken, uint64_t used, Instant began, Instant now) {
    if (options.tokens_per_minute_max != 0) {
        const auto true_tokens = static_cast<int64_t>(
            std::min<uint64_t>(used, uint64_t{2} * options.tokens_per_minute_max));
        tokens_.correct(now, began, true_tokens - bounded(options, taken));
    }
}

void TargetRates::give_back(const TargetOptions& options, uint64_t taken, Instant began) {
    if (options.requests_per_minute_max != 0) {
        requests_.give_back(began, 1);
    }
    if (options.tokens_per_minute_max != 0) {
        tokens_.give_back(began, bounded(options, taken));
    }
}

}  // namespace sluice::balance
