// Task<T>: a lazy coroutine that is awaited where it is made.
//
// The parent owns the child's frame through the Task object in its own frame, so references as
// parameters are safe. There is no symmetric transfer: the awaiter resumes the child in place and
// a child that ends without suspending never suspends its parent. Stack depth equals call depth,
// at every optimisation level and under every sanitizer.
#pragma once

#include <coroutine>
#include <optional>
#include <utility>

#include "base/assert.h"
#include "coro/pooled_frame.h"

namespace sluice::coro {

namespace detail {

class PromiseBase : public PooledFrame {
public:
    std::suspend_always initial_suspend() noexcept { return {}; }

    // Continues the parent, unless the parent is still inside the await that started us.
    struct FinalAwaiter {
        bool await_ready() const noexcept { return false; }
        template <class Promise>
        void await_suspend(std::coroutine_handle<Promise> self) const noexcept {
            const PromiseBase& promise = self.promise();
            if (promise.parent_) {
                promise.parent_.resume();
            }
        }
        void await_resume() const noexcept {}
    };
    FinalAwaiter final_suspend() noexcept { return {}; }
    [[noreturn]] void unhandled_exception() noexcept { SLUICE_UNREACHABLE(); }

    // Runs the child until it suspends or ends; true when it is still running.
    template <class Promise>
    bool start(std::coroutine_handle<Promise> self, std::coroutine_handle<> parent) {
        self.resume();
        if (self.done()) {
            return false;
        }
        parent_ = parent;
        return true;
    }

private:
    std::coroutine_handle<> parent_;  // Once it has to wait for us.
};

template <class T>
class Promise : public PromiseBase {
public:
    std::coroutine_handle<Promise> get_return_object() { return handle_of(*this); }
    template <class U>
    void return_value(U&& value) {
        value_.emplace(std::forward<U>(value));
    }
    T take() {
        SLUICE_DCHECK(value_.has_value());
        // NOLINTNEXTLINE(bugprone-unchecked-optional-access): a coroutine that ended has one.
        return std::move(*value_);
    }

private:
    std::optional<T> value_;
};

template <>
class Promise<void> : public PromiseBase {
public:
    std::coroutine_handle<Promise> get_return_object() { return handle_of(*this); }
    void return_void() noexcept {}
    void take() noexcept {}
};

}  // namespace detail

template <class T = void>
class [[nodiscard]] Task {
public:
    using promise_type = detail::Promise<T>;

    // NOLINTNEXTLINE(google-explicit-constructor): the promise returns its handle.
    Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
    Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    Task(const Task&) = delete;
    Task& operator=(const Task&) = delete;
    Task& operator=(Task&&) = delete;
    ~Task() {
        if (handle_) {
            // Never started, or ended: a suspended coroutine is not destroyed.
            handle_.destroy();
        }
    }

    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> parent) {
        return handle_.promise().start(handle_, parent);
    }
    [[nodiscard]] T await_resume()
        requires(!std::is_void_v<T>)
    {
        return handle_.promise().take();
    }
    void await_resume()
        requires(std::is_void_v<T>)
    {}

private:
    std::coroutine_handle<promise_type> handle_;
};

}  // namespace sluice::coro
