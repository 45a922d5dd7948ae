// One connection's coroutine: take a job, send, read, judge.
#include "llm-load/worker.h"

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/result.h"
#include "base/slice.h"
#include "base/time.h"
#include "coro/task.h"
#include "http/body_reader.h"
#include "http/client_connection.h"
#include "http/types.h"
#include "llm-load/dial.h"
#include "llm-load/load_shard.h"
#include "llm-load/metrics.h"
#include "llm-load/options.h"
#include "net/byte_stream.h"

namespace sluice::llm_load {

namespace {

void increase(std::atomic<uint64_t>& counter, uint64_t by) {
    counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}

}  // namespace

Worker::Worker(LoadShard& shard, uint32_t index)
    : shard_(shard),
      index_(index),
      signal_(shard.proactor().ready()),
      deadline_(shard.proactor(), signal_),
      abort_deadline_(shard.proactor(), signal_) {}

coro::Task<void> Worker::run() {
    deadline_.set(shard_.ramp_delay(index_));
    const bool has_ramp = shard_.ramp_delay(index_).ns() > 0;
    while (has_ramp && !deadline_.has_passed() && !shard_.is_over()) {
        co_await signal_.wait();
    }
    bool has_served = false;
    while (!shard_.is_over()) {
        const bool is_holding = has_served && shard_.options().hold.ns() > 0;
        const std::optional<LoadShard::Job> job = is_holding ? std::nullopt : shard_.take_job();
        if (!job) {
            deadline_.clear();
            shard_.rest(*this);
            co_await signal_.wait();
            shard_.rested(*this);
            continue;
        }
        count_in_flight(1);
        const End end = co_await exchange(*job);
        count_in_flight(-1);
        deadline_.clear();
        abort_deadline_.clear();
        if (end != End::whole || shard_.options().new_connections) {
            drop_connection();
        }
        arena_.reset();
        has_served = true;
    }
    deadline_.clear();
    drop_connection();
}

void Worker::count_in_flight(int by) {
    std::atomic<uint32_t>& counter = shard_.progress().in_flight;
    counter.store(counter.load(std::memory_order_relaxed) + static_cast<uint32_t>(by),
                  std::memory_order_relaxed);
}

coro::Task<Worker::End> Worker::exchange(LoadShard::Job job) {
    Metrics& metrics = shard_.metrics();
    ++metrics.started;
    intended_ = job.intended;
    measured_ = !shard_.in_warmup(intended_);
    last_event_ = {};
    if (measured_) {
        metrics.send_lag.add((shard_.proactor().ring().now() - intended_).ns());
    }
    deadline_.set(shard_.options().request_timeout);
    if (connection_ && !connection_->is_healthy()) {
        drop_connection();
    }
    if (!connection_) {
        const Instant began = now();
        const DialRequest request = {shard_.proactor(),    shard_.options(), shard_.tls(),
                                     shard_.next_source(), signal_,          deadline_};
        Result<net::StreamPtr> stream = co_await dial(request);
        if (!stream) {
            co_return fail_with(stream.error());
        }
        ++metrics.connections;
        if (measured_) {
            metrics.connect.add((now() - began).ns());
        }
        connection_.emplace(std::move(*stream), http::MessageLimits());
        connection_->set_signal(&signal_);
    }
    send(job);
    if (const std::optional<End> end = co_await await_head(job)) {
        co_return *end;
    }
    co_return co_await await_body(job);
}

void Worker::send(const LoadShard::Job& job) {
    const bool must_know_when_sent =
        job.to_be_aborted && shard_.options().abort_after_events.value_or(1) == 0;
    connection().stream().notify_when_sent(must_know_when_sent);
    if (job.to_be_aborted) {
        abort_deadline_.set(shard_.options().abort_after);
    }
    connection().begin_request(http::Method::post, Slice::unowned(job.request->text));
    shard_.metrics().sent_bytes += job.request->text.size();
    check_.begin(nullptr, false);
}

coro::Task<std::optional<Worker::End>> Worker::await_head(const LoadShard::Job& job) {
    while (true) {
        const Result<bool> head = connection().read_head(arena_, shard_.header_scratch());
        if (!head) {
            co_return fail_with(head.error());
        }
        if (*head) {
            break;
        }
        if (const std::optional<End> end = look_at_clocks(job)) {
            co_return end;
        }
        co_await signal_.wait();
    }
    const LoadOptions& options = shard_.options();
    is_expected_status_ = connection().head().status == options.expected_status;
    check_.begin(is_expected_status_ ? job.request->answer() : nullptr,
                 is_expected_status_ && options.stream);
    co_return std::nullopt;
}

coro::Task<Worker::End> Worker::await_body(const LoadShard::Job& job) {
    while (true) {
        Status status;
        const bool is_as_expected = take_pieces(status);
        note_events();
        if (!is_as_expected) {
            co_return fail_as("answer_differs", check_.difference());
        }
        if (!status) {
            co_return fail_with(status.error());
        }
        if (connection().is_response_complete()) {
            co_return finish_body();
        }
        if (const std::optional<End> end = look_at_clocks(job)) {
            co_return *end;
        }
        co_await signal_.wait();
    }
}

// All that has arrived; false when it differs from the expected answer.
bool Worker::take_pieces(Status& status) {
    shard_.arrived().clear();
    while (true) {
        http::BodyPiece piece;
        const Result<bool> has_piece = connection().next_body_piece(piece);
        if (!has_piece) {
            status = fail(has_piece.error());
            return true;
        }
        if (!*has_piece) {
            return true;
        }
        shard_.metrics().body_bytes += piece.data.size();
        if (!check_.feed(piece.data.view(), shard_.arrived())) {
            return false;
        }
    }
}

void Worker::note_events() {
    Metrics& metrics = shard_.metrics();
    const std::vector<Instant>& arrived = shard_.arrived();
    const bool is_first_byte =
        !last_event_.is_set() && !shard_.options().stream && check_.bytes() > 0;
    metrics.events += arrived.size();
    increase(shard_.progress().events, arrived.size());
    if (is_first_byte) {
        last_event_ = now();
        if (measured_) {
            metrics.first_event.add((now() - intended_).ns());
        }
    }
    for (const Instant stamped : arrived) {
        if (measured_ && stamped.is_set()) {
            metrics.transit.add((now() - stamped).ns());
        }
        if (measured_ && last_event_.is_set()) {
            metrics.gap.add((now() - last_event_).ns());
        } else if (measured_) {
            metrics.first_event.add((now() - intended_).ns());
        }
        last_event_ = now();
    }
}

std::optional<Worker::End> Worker::look_at_clocks(const LoadShard::Job& job) {
    if (job.to_be_aborted && is_abort_due()) {
        ++shard_.metrics().aborted;
        return End::aborted;
    }
    if (deadline_.has_passed()) {
        return fail_as("timeout");
    }
    if (shard_.has_given_up()) {
        return fail_as("unfinished");
    }
    return std::nullopt;
}

bool Worker::is_abort_due() {
    const std::optional<uint32_t> after_events = shard_.options().abort_after_events;
    const bool is_by_events = after_events && check_.events() >= *after_events &&
                              connection().stream().unsent_bytes() == 0;
    return is_by_events || abort_deadline_.has_passed();
}

Worker::End Worker::finish_body() {
    const uint16_t status = connection().head().status;
    const bool is_sent_whole = connection().stream().unsent_bytes() == 0;
    const bool is_reusable = connection().finish_exchange(is_sent_whole);
    if (!is_expected_status_) {
        shard_.metrics().count_error(fmt::format("status_{}", status));
        increase(shard_.progress().errors, 1);
        return is_reusable ? End::whole : End::failed;
    }
    const std::string_view verdict =
        shard_.options().verify == Verify::none ? std::string_view() : check_.verdict();
    if (!verdict.empty()) {
        return fail_as(verdict);
    }
    ++shard_.metrics().completed;
    increase(shard_.progress().completed, 1);
    if (measured_) {
        shard_.metrics().total.add((now() - intended_).ns());
    }
    if (!is_reusable) {
        drop_connection();
    }
    return End::whole;
}

Worker::End Worker::fail_with(const Error& error) {
    return fail_as(error_kind_name(error.kind), error.where);
}

Worker::End Worker::fail_as(std::string_view kind, std::string example) {
    if (!example.empty()) {
        example = fmt::format("{}: {} (after {} events, {} bytes)", kind, example, check_.events(),
                              check_.bytes());
    }
    shard_.metrics().count_error(kind, std::move(example));
    increase(shard_.progress().errors, 1);
    return End::failed;
}

void Worker::drop_connection() {
    connection_.reset();
}

}  // namespace sluice::llm_load
