// UsageReader: reads the ledger for the admin API, each question on a thread of its own.
//
// The control shard names files and takes signals, and must not wait for a database. A thread gets
// a copy of the question, writes its answer beside it and then to a descriptor that the control
// shard's ring reads; only then does the control shard look at the answer. A question that nobody
// waits for any more is cancelled, and its thread is joined when it has ended.
// Made, used and destroyed on the control thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <thread>

#include "base/result.h"
#include "coro/signal.h"
#include "ledger/options.h"
#include "ledger/report.h"
#include "net/op.h"
#include "net/proactor.h"
#include "server/usage_desk.h"

namespace sluice::server {

class UsageReader final : public UsageDesk {
public:
    // Each holds a connection to the database and keeps a core busy.
    static constexpr size_t kQuestionsMax = 4;

    UsageReader(net::Proactor& proactor, ledger::LedgerOptions options);
    // is_idle() must be true.
    ~UsageReader();
    UsageReader(const UsageReader&) = delete;
    UsageReader& operator=(const UsageReader&) = delete;

    // Once, before the first question.
    Status start();
    std::unique_ptr<UsageQuestion> ask(ledger::ReportQuery query, coro::Signal& signal) override;
    // Ends what is under way and takes nothing more; it is some turns until nothing is left.
    void cancel_all();
    bool is_idle() const { return works_.empty() && read_op_.pending == 0; }

private:
    class Question;
    struct Work {
        ledger::ReportQuery query;
        std::atomic<bool> is_cancelled = false;
        std::optional<UsageAnswer> answer;  // The thread's, until it says that it has ended.
        std::atomic<bool> has_ended = false;
        Question* asker = nullptr;  // Null when nobody waits any more.
        std::thread thread;
    };

    static void on_ended(net::Op& op, int32_t result, uint32_t flags);
    void run(Work& work) const;
    void read();
    void collect();

    net::Proactor& proactor_;
    const ledger::LedgerOptions options_;
    net::Op read_op_;
    int fd_ = -1;
    bool is_stopping_ = false;
    uint64_t ended_ = 0;  // What is read from the descriptor.
    std::list<Work> works_;
};

}  // namespace sluice::server
