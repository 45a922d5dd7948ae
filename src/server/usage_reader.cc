// A thread for a question, an eventfd for the ends of all of them.
#include "server/usage_reader.h"

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include <sys/eventfd.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/result.h"
#include "coro/signal.h"
#include "ledger/options.h"
#include "ledger/report.h"
#include "net/op.h"
#include "net/os_error.h"
#include "net/proactor.h"
#include "server/usage_desk.h"

namespace sluice::server {

// What the asker holds; the work outlives it, because a thread cannot be made to end at once.
class UsageReader::Question final : public UsageQuestion {
public:
    Question(Work& work, coro::Signal& signal) : work_(&work), signal_(signal) {
        work.asker = this;
    }
    ~Question() override {
        if (work_ != nullptr) {
            work_->asker = nullptr;
            work_->is_cancelled.store(true);
        }
    }
    Question(const Question&) = delete;
    Question& operator=(const Question&) = delete;

    std::optional<UsageAnswer>& answer() override { return answer_; }

    void take(UsageAnswer answer) {
        work_ = nullptr;
        answer_ = std::move(answer);
        signal_.raise();
    }

private:
    Work* work_;
    coro::Signal& signal_;
    std::optional<UsageAnswer> answer_;
};

UsageReader::UsageReader(net::Proactor& proactor, ledger::LedgerOptions options)
    : proactor_(proactor), options_(std::move(options)), read_op_(&on_ended, this) {}

UsageReader::~UsageReader() {
    SLUICE_ASSERT(is_idle());
    if (fd_ >= 0) {
        ::close(fd_);
    }
}

Status UsageReader::start() {
    fd_ = ::eventfd(0, EFD_CLOEXEC);
    if (fd_ < 0) {
        return fail(net::os_error(errno, ErrorSource::gateway, "making an event descriptor"));
    }
    return {};
}

std::unique_ptr<UsageQuestion> UsageReader::ask(ledger::ReportQuery query, coro::Signal& signal) {
    if (is_stopping_ || works_.size() >= kQuestionsMax || fd_ < 0) {
        return nullptr;
    }
    Work& work = works_.emplace_back();
    work.query = std::move(query);
    auto question = std::make_unique<Question>(work, signal);
    work.thread = std::thread([this, &work] { run(work); });
    if (read_op_.pending == 0) {
        read();
    }
    return question;
}

// On the work's own thread.
void UsageReader::run(Work& work) const {
    work.answer = ledger::make_report(options_, work.query,
                                      {.is_cancelled = &work.is_cancelled, .may_be_absent = true});
    work.has_ended.store(true, std::memory_order_release);
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(fd_, &one, sizeof one);
}

void UsageReader::read() {
    proactor_.ring().read(fd_, reinterpret_cast<char*>(&ended_), sizeof ended_, read_op_);
}

void UsageReader::on_ended(net::Op& op, int32_t /*result*/, uint32_t /*flags*/) {
    auto& reader = op.owner_as<UsageReader>();
    reader.collect();
    if (!reader.works_.empty()) {
        reader.read();
    }
}

// Threads that have written to the descriptor are as good as over, so that joining them does not
// hold anybody up.
void UsageReader::collect() {
    for (auto work = works_.begin(); work != works_.end();) {
        if (!work->has_ended.load(std::memory_order_acquire)) {
            ++work;
            continue;
        }
        work->thread.join();
        auto& answer = work->answer;
        if (work->asker != nullptr && answer) {
            work->asker->take(*std::move(answer));
        }
        work = works_.erase(work);
    }
}

void UsageReader::cancel_all() {
    is_stopping_ = true;
    for (Work& work : works_) {
        work.is_cancelled.store(true);
    }
}

}  // namespace sluice::server
