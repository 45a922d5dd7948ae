// When to send a request again: how long to wait before it, and whether there is budget for it.
//
// Pure: time and randomness are passed in. A budget belongs to one upstream on one shard, so that
// nothing is shared on the way of a request.
#pragma once

#include <cstdint>

#include "base/time.h"
#include "upstream/options.h"

namespace sluice::upstream {

// The wait before a retry that comes after `retries` others. `unit` is drawn evenly from [0, 1).
Duration back_off(const RetryOptions& options, uint32_t retries, double unit);

// Retries as a share of what is asked anyway, and a few a second besides. A bucket: each request
// brings a part of a retry, so does time, and each retry takes a whole one.
class RetryBudget {
public:
    explicit RetryBudget(const RetryOptions& options);

    void on_request() { add(deposit_); }
    // Pays for one retry; false when there is nothing to pay with.
    bool take(Instant now);

private:
    void add(int64_t amount);

    // In microparts of a retry, so that the smallest share and the shortest time count.
    int64_t deposit_;
    int64_t per_s_;
    int64_t balance_max_;
    int64_t balance_;
    Instant refilled_;
};

}  // namespace sluice::upstream
