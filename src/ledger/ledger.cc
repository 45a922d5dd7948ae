// The writer's thread. What it sleeps on is a futex per reason, as in base/log_writer.cc.
#include "ledger/ledger.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <ctime>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/calendar.h"
#include "base/log.h"
#include "base/log_writer.h"
#include "ledger/entry.h"
#include "ledger/lane.h"
#include "ledger/options.h"
#include "ledger/store.h"

namespace sluice::ledger {

namespace {

constexpr uint32_t kRetryDelayMsMin = 50;
constexpr uint32_t kRetryDelayMsMax = 5'000;
// Rows deleted in one go: a batch must not wait for more.
constexpr uint32_t kPruneRowsMax = 2'000;
constexpr uint32_t kPruneIntervalMs = 60'000;
constexpr int64_t kNsPerMs = 1'000'000;
constexpr int64_t kNsPerSecond = 1'000'000'000;

// Sleeps while `word` is `value`; a time of 0 is for ever.
void futex_wait(std::atomic<uint32_t>& word, uint32_t value, uint32_t timeout_ms) {
    static_assert(sizeof(word) == sizeof(uint32_t) && std::atomic<uint32_t>::is_always_lock_free);
    const timespec timeout = {.tv_sec = timeout_ms / 1'000,
                              .tv_nsec = static_cast<int64_t>(timeout_ms % 1'000) * kNsPerMs};
    ::syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, timeout_ms == 0 ? nullptr : &timeout,
              nullptr, 0);
}

void futex_wake(std::atomic<uint32_t>& word) {
    ::syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

// For log lines and retention; entries bring their own time.
int64_t wall_clock_ns() {
    // tidy:allow(clock) the writer has no ring to ask, and decides nothing of an exchange by it
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

}  // namespace

bool Lane::add(const Entry& entry) {
    const size_t waiting = push(entry, ledger_.hurry_entries_);
    ledger_.wake(waiting == 0 ? capacity_ : waiting);
    return waiting != 0;
}

std::expected<std::unique_ptr<Ledger>, std::string> Ledger::open(const LedgerOptions& options,
                                                                 LogLane* log,
                                                                 LogFormat format) {
    auto store = open_store(options);
    if (!store) {
        return std::unexpected(std::move(store.error()));
    }
    return std::make_unique<Ledger>(std::move(*store), options, log, format);
}

Ledger::Ledger(std::unique_ptr<Store> store,
               const LedgerOptions& options,
               LogLane* log,
               LogFormat format)
    : store_(std::move(store)), options_(options), log_lane_(log), log_format_(format) {
    batch_.reserve(options.batch_rows_max);
}

Ledger::~Ledger() {
    stop();
}

Lane& Ledger::add_lane() {
    SLUICE_ASSERT(!thread_.joinable());
    lanes_.push_back(std::unique_ptr<Lane>(new Lane(*this, options_.queue_entries_max)));
    hurry_entries_ = std::min<size_t>(lanes_.back()->capacity() / 2, options_.batch_rows_max);
    return *lanes_.back();
}

uint64_t Ledger::dropped() const {
    uint64_t sum = 0;
    for (const auto& lane : lanes_) {
        sum += lane->dropped();
    }
    return sum;
}

void Ledger::start() {
    SLUICE_ASSERT(!thread_.joinable());
    // Signals are for others; SIGPIPE, too, shows as an error of the write then.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this] { run(); });
    pthread_setname_np(thread_.native_handle(), "sluice-ledger");
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Ledger::wake(size_t waiting) {
    // Between the entry in its lane and the look at the phase, as the writer sets the phase before
    // it looks at the lanes: one of the two sees the other.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    uint32_t phase = phase_.load(std::memory_order_relaxed);
    const bool is_due = phase == asleep || (phase == gathering && waiting >= hurry_entries_);
    if (is_due && phase_.compare_exchange_strong(phase, working)) {
        futex_wake(phase_);
    }
}

void Ledger::stop() {
    if (!thread_.joinable()) {
        return;
    }
    is_stopping_.store(1);
    futex_wake(is_stopping_);
    phase_.store(working);
    futex_wake(phase_);
    thread_.join();
}

// --- The thread. -------------------------------------------------------------------------------

void Ledger::run() {
    std::optional<Log> log;
    if (log_lane_ != nullptr) {
        log.emplace(*log_lane_, log_format_);
    }
    while (is_stopping_.load() == 0) {
        if (batch_.empty() && !has_entries()) {
            sleep_until_woken();
        }
        if (batch_.empty()) {
            wait(gathering, options_.batch_interval_ms);
            take_batch();
        }
        if (log) {
            log->set_time(wall_clock_ns());
        }
        tell_drops();
        if (!write_batch()) {
            rest_after_failure();
            continue;
        }
        prune();
    }
    if (log) {
        log->set_time(wall_clock_ns());
    }
    flush();
}

void Ledger::flush() {
    // tidy:allow(clock) the end of the process is bounded in real time, and no shard is left to ask
    using Clock = std::chrono::steady_clock;
    const auto end = Clock::now() + std::chrono::milliseconds(options_.flush_timeout_ms);
    while (has_entries() || !batch_.empty()) {
        take_batch();
        const bool is_written = write_batch();
        if (Clock::now() >= end) {
            break;
        }
        if (is_written) {
            continue;
        }
        futex_wait(is_stopping_, 1, kRetryDelayMsMin);
    }
    uint64_t left = batch_.size();
    for (const auto& lane : lanes_) {
        batch_.clear();
        lane->take(batch_, SIZE_MAX);
        left += batch_.size();
    }
    batch_.clear();
    if (left > 0) {
        counters_.lost += left;
        SLUICE_LOG(error, "ledger", "entries could not be written before the end",
                   {"entries", left}, {"reason", store_->error()});
    }
    tell_drops();
}

// Every lane gets its share, in turn.
void Ledger::take_batch() {
    const size_t rows_max = std::max<size_t>(options_.batch_rows_max, 1);
    const size_t share = rows_max / std::max<size_t>(lanes_.size(), 1) + 1;
    for (const auto& lane : lanes_) {
        lane->take(batch_, std::min(batch_.size() + share, rows_max));
    }
}

// False when it, or what is left of it, has to be tried again. A part that is refused is halved
// until the rows are alone that nobody can write: they are lost, and nothing else.
bool Ledger::write_batch() {
    std::vector<std::span<const Entry>> parts;
    if (!batch_.empty()) {
        parts.emplace_back(batch_);
    }
    uint64_t lost = 0;
    while (!parts.empty()) {
        const std::span<const Entry> part = parts.back();
        const Written written = store_->write(part);
        if (written == Written::later) {
            break;
        }
        parts.pop_back();
        if (written == Written::done) {
            counters_.written += part.size();
            ++counters_.batches;
        } else if (part.size() > 1) {
            parts.push_back(part.subspan(part.size() / 2));
            parts.push_back(part.first(part.size() / 2));
        } else {
            ++lost;
        }
    }
    if (lost > 0) {
        ++counters_.failures;
        counters_.lost += lost;
        SLUICE_LOG(error, "ledger", "entries were refused and are lost", {"entries", lost},
                   {"reason", store_->error()});
    }
    if (parts.empty()) {
        batch_.clear();  // Its memory serves the next one.
    } else {
        std::vector<Entry> left;
        for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
            left.insert(left.end(), part->begin(), part->end());
        }
        batch_ = std::move(left);
    }
    if (!batch_.empty()) {
        ++counters_.failures;
        SLUICE_LOG(warning, "ledger", "a batch could not be written and is tried again",
                   {"entries", batch_.size()}, {"reason", store_->error()});
        return false;
    }
    retry_delay_ms_ = 0;
    return true;
}

void Ledger::rest_after_failure() {
    retry_delay_ms_ = std::clamp(retry_delay_ms_ * 2, kRetryDelayMsMin, kRetryDelayMsMax);
    futex_wait(is_stopping_, 0, retry_delay_ms_);
}

// Some after each batch while there is more; then once a minute.
void Ledger::prune() {
    if (options_.retention_days == 0) {
        return;
    }
    const int64_t now = wall_clock_ns();
    const int64_t passed_ns = now - pruned_at_ns_;
    if (passed_ns >= 0 && passed_ns < kPruneIntervalMs * kNsPerMs) {
        return;
    }
    const int64_t age_ns = options_.retention_days * kSecondsPerDay * kNsPerSecond;
    const std::optional<uint32_t> rows = store_->prune(now - age_ns, kPruneRowsMax);
    if (rows) {
        counters_.pruned += *rows;
    }
    if (!rows || *rows < kPruneRowsMax) {
        pruned_at_ns_ = now;
    }
}

void Ledger::tell_drops() {
    const uint64_t all = dropped();
    if (all > drops_told_) {
        SLUICE_LOG(error, "ledger", "entries were dropped, because the ledger cannot keep up",
                   {"entries", all - drops_told_});
        drops_told_ = all;
    }
}

bool Ledger::has_entries() const {
    return std::ranges::any_of(lanes_, [](const auto& lane) { return !lane->empty(); });
}

void Ledger::sleep_until_woken() {
    // Old rows go even where no new ones come.
    const uint32_t timeout_ms = options_.retention_days == 0 ? 0 : kPruneIntervalMs;
    wait(asleep, timeout_ms);
}

// Until a shard or stop() ends the phase.
void Ledger::wait(Phase phase, uint32_t timeout_ms) {
    phase_.store(phase);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    const bool is_due =
        is_stopping_.load() != 0 || (phase == asleep && has_entries()) ||
        (phase == gathering && std::ranges::any_of(lanes_, [this](const auto& lane) {
             return lane->size() >= hurry_entries_;
         }));
    if (!is_due && (phase == asleep || timeout_ms > 0)) {
        futex_wait(phase_, phase, timeout_ms);
    }
    phase_.store(working);
}

}  // namespace sluice::ledger
