// Worker: one connection of the generator and the requests it carries, one after another.
//
// A coroutine that waits on one signal, raised by its stream, its deadlines and its shard. Lives in
// its LoadShard, which outlives its coroutine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/intrusive_list.h"
#include "base/result.h"
#include "base/time.h"
#include "coro/signal.h"
#include "coro/task.h"
#include "http/client_connection.h"
#include "llm-kit/answer_check.h"
#include "llm-load/load_shard.h"
#include "net/deadline.h"

namespace sluice::llm_load {

class Worker : public ListNode {
public:
    Worker(LoadShard& shard, uint32_t index);

    coro::Task<void> run();
    void wake() { signal_.raise(); }

private:
    // How an exchange ended, which decides whether its connection lives on.
    enum class End : uint8_t { whole, aborted, failed };

    coro::Task<End> exchange(LoadShard::Job job);
    coro::Task<std::optional<End>> await_head(const LoadShard::Job& job);
    coro::Task<End> await_body(const LoadShard::Job& job);
    void send(const LoadShard::Job& job);
    bool take_pieces(Status& status);
    void note_events();
    std::optional<End> look_at_clocks(const LoadShard::Job& job);
    bool is_abort_due();
    End finish_body();
    End fail_with(const Error& error);
    End fail_as(std::string_view kind, std::string example = {});
    void count_in_flight(int by);
    void drop_connection();
    // From the moment that an exchange has one until it is dropped.
    http::ClientConnection& connection() {
        SLUICE_ASSERT(connection_.has_value());
        return *connection_;
    }
    Instant now() const { return shard_.proactor().now(); }

    LoadShard& shard_;
    const uint32_t index_;
    coro::Signal signal_;
    net::Deadline deadline_;
    net::Deadline abort_deadline_;
    std::optional<http::ClientConnection> connection_;
    Arena arena_;
    llm_kit::AnswerCheck check_;
    Instant intended_;    // When this request's latency begins.
    Instant last_event_;  // Zero before the first.
    bool measured_ = false;
    bool is_expected_status_ = false;
};

}  // namespace sluice::llm_load
