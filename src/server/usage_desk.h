// UsageDesk: questions to the ledger that are answered later, on the thread that asked.
//
// Reading a ledger takes as long as its database likes, so nobody on a ring does it; who asks keeps
// a UsageQuestion and a signal. Control thread.
#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <string>

#include "coro/signal.h"
#include "ledger/report.h"

namespace sluice::server {

using UsageAnswer = std::expected<ledger::Report, std::string>;

// Whoever destroys it does not want to know any more.
class UsageQuestion {
public:
    virtual ~UsageQuestion() = default;
    // Nothing before the answer is there.
    virtual std::optional<UsageAnswer>& answer() = 0;
};

class UsageDesk {
public:
    // `signal` is raised when the answer is there, and outlives the question. Null when too many
    // questions are under way.
    virtual std::unique_ptr<UsageQuestion> ask(ledger::ReportQuery query, coro::Signal& signal) = 0;

protected:
    ~UsageDesk() = default;
};

}  // namespace sluice::server
