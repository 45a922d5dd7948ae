// ask_shards: a question from the control shard to each data shard, and their answers.
//
// A question is a function that runs on the shard, between two of its completions; its value comes
// back in a message. The coroutine that asked waits on a signal of its choice and is woken when all
// have answered, when the time is over, or when its client has left. Answers that come later find
// nobody under their number and are dropped, so nothing has to be cancelled.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/intrusive_list.h"
#include "base/time.h"
#include "coro/signal.h"
#include "coro/task.h"
#include "net/deadline.h"
#include "net/mailbox.h"
#include "net/shard.h"

namespace sluice::server {

// The control shard's side: who waits for answers. Outlives every coroutine that asks.
class ShardDesk {
public:
    // Something that waits, known to answers by its number.
    class Pending : public ListNode {
    public:
        Pending(ShardDesk& desk, coro::Signal& signal);
        bool is_complete() const { return missing_ == 0; }

    protected:
        ~Pending() = default;
        void one_has_answered();

    private:
        friend class ShardDesk;
        coro::Signal& signal_;
        const uint64_t id_;
        size_t missing_;
    };

    // `shards` are filled in before the first question; both outlive the desk.
    ShardDesk(net::Shard& control, net::ShardGroup& shards) : control_(control), shards_(shards) {}

    size_t shards() const { return shards_.size(); }
    net::Proactor& proactor() { return control_.proactor(); }
    uint64_t id_of(const Pending& pending) const { return pending.id_; }

    // On the control shard.
    void ask(size_t shard, std::unique_ptr<net::Message> question) {
        shards_.shard(shard).mailbox().post(control_.proactor().ring(), std::move(question));
    }
    net::Shard& shard(size_t index) { return shards_.shard(index); }
    // Null when nobody waits under this number any more.
    Pending* find(uint64_t id);
    // On a data shard.
    void answer(net::Shard& from, std::unique_ptr<net::Message> message) {
        control_.mailbox().post(from.proactor().ring(), std::move(message));
    }

private:
    net::Shard& control_;
    net::ShardGroup& shards_;
    IntrusiveList<Pending> pending_;
    uint64_t last_id_ = 0;
};

namespace detail {

template <class T>
class PendingAnswers final : public ShardDesk::Pending {
public:
    PendingAnswers(ShardDesk& desk, coro::Signal& signal)
        : Pending(desk, signal), answers_(desk.shards()) {}

    void take(size_t shard, T value) {
        answers_[shard].emplace(std::move(value));
        one_has_answered();
    }
    std::vector<std::optional<T>> take_all() { return std::move(answers_); }

private:
    std::vector<std::optional<T>> answers_;
};

template <class T>
class AnswerMessage final : public net::Message {
public:
    AnswerMessage(ShardDesk& desk, uint64_t id, size_t shard, T value)
        : desk_(desk), id_(id), shard_(shard), value_(std::move(value)) {}

    void deliver() override {
        if (ShardDesk::Pending* pending = desk_.find(id_)) {
            static_cast<PendingAnswers<T>*>(pending)->take(shard_, std::move(value_));
        }
    }

private:
    ShardDesk& desk_;
    const uint64_t id_;
    const size_t shard_;
    T value_;
};

// Runs a function on a shard, which answers when it likes.
template <class Function>
class BeginMessage final : public net::Message {
public:
    BeginMessage(net::Shard& shard, Function function)
        : shard_(shard), function_(std::move(function)) {}
    void deliver() override { function_(shard_); }

private:
    net::Shard& shard_;
    Function function_;
};

template <class Function>
class QuestionMessage final : public net::Message {
public:
    using Answer = std::invoke_result_t<Function&, net::Shard&>;

    QuestionMessage(ShardDesk& desk, uint64_t id, size_t shard, Function function)
        : desk_(desk), id_(id), shard_(shard), function_(std::move(function)) {}

    void deliver() override {
        net::Shard& here = desk_.shard(shard_);
        desk_.answer(here,
                     std::make_unique<AnswerMessage<Answer>>(desk_, id_, shard_, function_(here)));
    }

private:
    ShardDesk& desk_;
    const uint64_t id_;
    const size_t shard_;
    Function function_;
};

}  // namespace detail

// One shard's answer to a question that it cannot answer at once. Copied freely; sent once, from
// that shard.
template <class T>
class LaterAnswer {
public:
    LaterAnswer(ShardDesk& desk, uint64_t id, size_t shard)
        : desk_(&desk), id_(id), shard_(shard) {}

    void send(T value) const {
        desk_->answer(desk_->shard(shard_), std::make_unique<detail::AnswerMessage<T>>(
                                                *desk_, id_, shard_, std::move(value)));
    }

private:
    ShardDesk* desk_;
    uint64_t id_;
    size_t shard_;
};

// By shard; nothing from those that did not answer within `timeout`, or before `is_over` held.
// `signal` is raised by whatever makes `is_over` hold; `function` is copied once for each shard and
// gets its net::Shard, whose owner() is the ShardBody. Name it before the await.
template <class Function, class IsOver>
coro::Task<std::vector<std::optional<std::invoke_result_t<Function&, net::Shard&>>>> ask_shards(
    ShardDesk& desk, coro::Signal& signal, Function function, Duration timeout, IsOver is_over) {
    using Answer = std::invoke_result_t<Function&, net::Shard&>;
    detail::PendingAnswers<Answer> pending(desk, signal);
    for (size_t i = 0; i < desk.shards(); ++i) {
        desk.ask(i, std::make_unique<detail::QuestionMessage<Function>>(desk, desk.id_of(pending),
                                                                        i, function));
    }
    net::Deadline deadline(desk.proactor(), signal);
    deadline.set(timeout);
    while (!pending.is_complete() && !deadline.has_passed() && !is_over()) {
        co_await signal.wait();
    }
    co_return pending.take_all();
}

// The same where the answer takes more than a turn: `begin` gets the shard and a LaterAnswer<T>,
// which it keeps until the answer is there.
template <class T, class Begin, class IsOver>
coro::Task<std::vector<std::optional<T>>> ask_shards_later(
    ShardDesk& desk, coro::Signal& signal, Begin begin, Duration timeout, IsOver is_over) {
    detail::PendingAnswers<T> pending(desk, signal);
    for (size_t i = 0; i < desk.shards(); ++i) {
        const LaterAnswer<T> answer(desk, desk.id_of(pending), i);
        auto function = [begin, answer](net::Shard& shard) mutable { begin(shard, answer); };
        desk.ask(i, std::make_unique<detail::BeginMessage<decltype(function)>>(
                        desk.shard(i), std::move(function)));
    }
    net::Deadline deadline(desk.proactor(), signal);
    deadline.set(timeout);
    while (!pending.is_complete() && !deadline.has_passed() && !is_over()) {
        co_await signal.wait();
    }
    co_return pending.take_all();
}

}  // namespace sluice::server
