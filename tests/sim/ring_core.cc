// Submitting, completing, cancelling and waiting.
#include "sim/ring_core.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "base/assert.h"
#include "base/time.h"
#include "net/op.h"
#include "net/ring.h"
#include "sim/operation.h"
#include "sim/socket.h"
#include "sim/world.h"

namespace sluice::sim {

namespace {

constexpr Duration kTurnTimeMin = Duration::microseconds(1);

}  // namespace

RingCore::RingCore(World& world, const net::RingOptions& options)
    : RingDriver(world.next_ring_number()), world_(world), options_(options) {
    features.minimum_wait = world.profile().minimum_wait;
    if (world.profile().own_descriptors) {
        own_.resize(options.own_descriptors_max);
    }
}

RingCore::~RingCore() {
    world_.ring_gone(*this);
    for (const auto& operation : live_) {
        if (!operation->over) {
            std::erase(operation->socket->waiting, operation.get());
            world_.ledger().abandoned(*operation->op);
        }
    }
    for (const auto& operation : submissions_) {
        if (operation->has_completion()) {
            world_.ledger().abandoned(*operation->op);
        }
    }
    for (const net::Completion& completion : completions_) {
        if (completion.ends_operation()) {
            world_.ledger().abandoned(*completion.op);
        }
    }
    for (Socket* socket : own_) {
        if (socket != nullptr) {
            world_.violation("a ring was destroyed with an open descriptor of its own: " +
                             socket->local.to_string() + " to " + socket->peer.to_string());
            world_.network().release(*socket);
        }
    }
}

// --- Preparing and starting.

void RingCore::prepare(Operation operation, net::Op& op) {
    operation.op = &op;
    world_.ledger().started(op);
    ++op.pending;
    prepare_silent(std::move(operation));
}

void RingCore::prepare_silent(Operation operation) {
    ++counters.submissions;
    operation.ring = this;
    operation.number = next_number_++;
    submissions_.push_back(std::make_unique<Operation>(std::move(operation)));
    if (submissions_.size() >= options_.submission_entries) {
        ++counters.enter_calls;
        run_submissions();
    }
}

void RingCore::run_submissions() {
    while (!submissions_.empty()) {
        std::unique_ptr<Operation> operation = std::move(submissions_.front());
        submissions_.pop_front();
        if (operation->has_completion()) {
            start(std::move(operation));
        } else {
            run_silent(*operation);
        }
    }
}

void RingCore::run_silent(const Operation& operation) {
    switch (operation.kind) {
        case Operation::Kind::cancel:
            return cancel(*operation.op);
        case Operation::Kind::close:
            return close_now(operation.fd);
        case Operation::Kind::shutdown_send:
            if (Socket* socket = socket_of(operation.fd); socket != nullptr) {
                world_.network().shutdown_send(*socket);
            }
            return;
        case Operation::Kind::send_descriptor:
            return hand_over(operation);
        case Operation::Kind::wake:
            world_.after_for(*operation.target,
                             world_.drawn_up_to(world_.profile().completion_delay_max),
                             [to = operation.target, op = operation.op] { to->post_wake(*op, 0); });
            return;
        default:
            SLUICE_UNREACHABLE();
    }
}

// --- Descriptors.

Socket* RingCore::socket_of(int fd) const {
    if (!is_own(fd)) {
        return world_.network().find(fd);
    }
    const auto index = static_cast<size_t>(fd - kOwnDescriptors);
    return index < own_.size() ? own_[index] : nullptr;
}

int32_t RingCore::adopt(Socket& socket) {
    if (own_.empty()) {
        const int fd = world_.network().give_descriptor(socket);
        return fd < 0 ? -EMFILE : fd;
    }
    const auto free = std::ranges::find(own_, nullptr);
    if (free == own_.end()) {
        return -ENFILE;
    }
    *free = &socket;
    const auto index = static_cast<int>(free - own_.begin());
    socket.fd = index + kOwnDescriptors;
    return index;
}

void RingCore::close_now(int fd) {
    if (!is_own(fd)) {
        world_.network().close_descriptor(fd);
        return;
    }
    Socket* socket = socket_of(fd);
    if (socket == nullptr) {
        world_.violation("close of own descriptor " + std::to_string(fd) + ", which is not open");
        return;
    }
    own_[static_cast<size_t>(fd - kOwnDescriptors)] = nullptr;
    world_.network().release(*socket);
}

// A number of the system's is told to the other ring; one of our own moves to its table, and is
// lost when that is full.
void RingCore::hand_over(const Operation& operation) {
    Socket* socket = socket_of(operation.fd);
    if (socket == nullptr) {
        world_.violation("handing over descriptor " + std::to_string(operation.fd) +
                         ", which is not open");
        return;
    }
    int32_t result = operation.fd;
    if (is_own(operation.fd)) {
        own_[static_cast<size_t>(operation.fd - kOwnDescriptors)] = nullptr;
        result = operation.target->adopt(*socket);
        if (result < 0) {
            world_.network().release(*socket);
            return;
        }
    }
    world_.after_for(
        *operation.target, world_.drawn_up_to(world_.profile().completion_delay_max),
        [to = operation.target, op = operation.op, result] { to->post_wake(*op, result); });
}

void RingCore::start(std::unique_ptr<Operation> operation) {
    Operation& started = *operation;
    live_.push_back(std::move(operation));
    started.socket = socket_of(started.fd);
    if (started.socket == nullptr) {
        world_.violation("operation on descriptor " + std::to_string(started.fd) +
                         ", which is not open");
        finish(started, -EBADF, 0);
        return;
    }
    started.socket->waiting.push_back(&started);
    started.attempt();
}

Operation* RingCore::find(uint64_t number) {
    const auto found = std::ranges::find_if(
        live_, [&](const auto& operation) { return operation->number == number; });
    return found == live_.end() ? nullptr : found->get();
}

// --- Completing.

void RingCore::post(Operation& operation, int32_t result, uint32_t flags) {
    completions_.push_back({operation.op, result, flags});
}

void RingCore::finish(Operation& operation, int32_t result, uint32_t flags) {
    operation.over = true;
    post(operation, result, flags);
    if (operation.socket != nullptr) {
        std::erase(operation.socket->waiting, &operation);
    }
}

// Operations are freed here and not when they end, because then they are still running.
void RingCore::free_ended() {
    std::erase_if(live_, [](const auto& operation) { return operation->over; });
}

void RingCore::post_wake(net::Op& op, int32_t result) {
    completions_.push_back({&op, result, net::kCompletionWake});
}

// --- Cancelling.

void RingCore::cancel(net::Op& op) {
    const Profile& profile = world_.profile();
    std::vector<uint64_t> numbers;
    for (const auto& operation : live_) {
        if (operation->op == &op && !operation->over) {
            numbers.push_back(operation->number);
        }
    }
    for (const uint64_t number : numbers) {
        if (world_.prng().chance(profile.cancel_late)) {
            world_.after_for(*this, world_.drawn_up_to(profile.delay_max), [this, number] {
                if (Operation* operation = find(number); operation != nullptr) {
                    end_cancelled(*operation);
                }
            });
        } else {
            end_cancelled(*find(number));
        }
    }
}

void RingCore::end_cancelled(Operation& operation) {
    if (!operation.over) {
        const bool partly = operation.kind == Operation::Kind::send && operation.done_bytes > 0;
        finish(operation, partly ? static_cast<int32_t>(operation.done_bytes) : -ECANCELED, 0);
    }
}

// --- Turning.

void RingCore::play_clock_faults() {
    constexpr Duration kJumpMax = Duration::seconds(3600);
    const Profile& profile = world_.profile();
    // Even the quickest turn takes some time: a loop that spins does not stop the clock.
    world_.pass(kTurnTimeMin + world_.drawn_up_to(profile.turn_time_max));
    if (world_.prng().chance(profile.wall_clock_jumps)) {
        world_.jump_wall_clock(world_.drawn_up_to(kJumpMax * 2) - kJumpMax);
    }
}

void RingCore::submit(const net::WaitOptions& wait) {
    ++counters.enter_calls;
    free_ended();
    run_submissions();
    const bool was_blocked = std::exchange(blocked_, false);
    begin_wait(wait);
    if (world_.is_driving()) {
        // A turn that found nothing to do leaves the ring blocked, and the next one, when the world
        // finds the wait to be over, takes up from there. The clock must not have moved since the
        // program looked at it: it would sleep past a timer that is due.
        blocked_ = !was_blocked && !has_enough() && wait_.timeout_max > Duration() &&
                   world_.now() == turned_at_;
        if (!blocked_) {
            play_clock_faults();
            turned_at_ = world_.now();
        }
        return;
    }
    play_clock_faults();
    world_.run_due();
    while (!has_enough() && world_.now() < wait_ends()) {
        world_.step(wait_ends());
    }
}

void RingCore::begin_wait(const net::WaitOptions& wait) {
    wait_ = wait;
    wait_began_ = world_.now();
    if (!features.minimum_wait || wait_.batch_window <= Duration()) {
        wait_.completions_min = std::min(wait_.completions_min, 1U);
        wait_.batch_window = {};
    }
    wait_.batch_window = std::min(wait_.batch_window, wait_.timeout_max);
    if (world_.prng().chance(world_.profile().empty_turn)) {
        wait_.timeout_max = world_.drawn_up_to(wait_.timeout_max);
    }
}

bool RingCore::has_enough() const {
    const size_t ready = completions_.size();
    return ready >= wait_.completions_min ||
           (ready > 0 && world_.now() >= wait_began_ + wait_.batch_window);
}

bool RingCore::wait_is_over() const {
    return !blocked_ || !submissions_.empty() || has_enough() || world_.now() >= wait_ends();
}

Instant RingCore::wait_ends() const {
    const Duration longest = completions_.empty() ? wait_.timeout_max : wait_.batch_window;
    return wait_began_ + longest;
}

size_t RingCore::collect(std::span<net::Completion> to) {
    const size_t count = std::min(to.size(), completions_.size());
    std::copy_n(completions_.begin(), count, to.begin());
    completions_.erase(completions_.begin(), completions_.begin() + static_cast<long>(count));
    counters.completions += count;
    world_.ledger().check_batch(to.first(count));
    for (const net::Completion& completion : to.first(count)) {
        world_.ledger().handed_out(completion);
    }
    return count;
}

void RingCore::make_group(uint16_t id, uint32_t count) {
    SLUICE_ASSERT(id < kGroupsMax && groups_[id] == nullptr);
    features.incremental_buffers = world_.profile().incremental_buffers;
    groups_[id] = std::make_unique<BufferGroup>(world_, count, features.incremental_buffers);
}

}  // namespace sluice::sim
