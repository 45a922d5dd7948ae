// Patience: what all waits of one exchange have in common, seen from the layers below it.
#pragma once

#include <optional>

#include "base/error.h"
#include "coro/signal.h"

namespace sluice::upstream {

class Patience {
public:
    // Raised when anything that the exchange waits for may have happened.
    virtual coro::Signal& signal() = 0;
    // Set when waiting has no point any more: the client left, or a deadline of the exchange
    // passed.
    virtual std::optional<Error> reason_to_stop() = 0;

protected:
    ~Patience() = default;
};

}  // namespace sluice::upstream
