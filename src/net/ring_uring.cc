// The kernel's side of net/ring.h, by liburing: one ring per shard, single issuer, deferred task
// run, so that the kernel works for this shard only inside the shard's own system call.
#include "net/ring.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <liburing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/result.h"
#include "base/time.h"
#include "net/address.h"
#include "net/op.h"
#include "net/os_error.h"
#include "net/socket_options.h"
#include "net/submit_scratch.h"

#ifdef SLUICE_THREAD_SANITIZED
#include <sanitizer/tsan_interface.h>
#endif

namespace sluice::net {

static_assert(kCompletionBuffer == IORING_CQE_F_BUFFER);
static_assert(kCompletionMore == IORING_CQE_F_MORE);
static_assert(kCompletionBufferMore == IORING_CQE_F_BUF_MORE);
static_assert(kCompletionBufferShift == IORING_CQE_BUFFER_SHIFT);

namespace {

// Set in user_data when the completion was sent by another shard (wake): `pending` is not counted.
constexpr uint64_t kWakeTag = 1;
static_assert(alignof(Op) > kWakeTag);

// What a sender did before its wake happens before what the receiver does after it. The kernel sees
// to that; the thread sanitizer has to be told.
#ifdef SLUICE_THREAD_SANITIZED
void wake_leaves(Op* op) {
    __tsan_release(op);
}
void wake_arrives(Op* op) {
    __tsan_acquire(op);
}
#else
void wake_leaves(Op*) {}
void wake_arrives(Op*) {}
#endif

struct BufferGroup {
    io_uring_buf_ring* ring = nullptr;
    uint32_t count = 0;
    uint32_t queued = 0;
};

constexpr uint16_t kBufferGroupsMax = 1;

// Descriptors in the ring's own table begin here; the system's are far below.
constexpr int kOwnDescriptors = 1 << 24;

bool is_own(int fd) {
    return fd >= kOwnDescriptors;
}

// Names the descriptor of an operation that was prepared with some other.
void set_descriptor(io_uring_sqe* sqe, int fd) {
    sqe->fd = is_own(fd) ? fd - kOwnDescriptors : fd;
    if (is_own(fd)) {
        sqe->flags |= IOSQE_FIXED_FILE;
    }
}

// Read by the kernel when a reset is asked for.
constinit linger reset_at_once = {.l_onoff = 1, .l_linger = 0};

// Shuts down the sending direction of one of the ring's own descriptors: the kernel gives it a
// number of the system's for the moment that this takes.
struct SendShutdown {
    Op op{&SendShutdown::on_number, this};

    static void on_number(Op& op, int32_t result, uint32_t /*flags*/) {
        const std::unique_ptr<SendShutdown> self(static_cast<SendShutdown*>(op.owner));
        if (result >= 0) {
            ::shutdown(result, SHUT_WR);
            ::close(result);
        }
    }
};

Error setup_error(int os_errno) {
    Error error = os_error(os_errno, ErrorSource::gateway, "io_uring_setup");
    return error;
}

__kernel_timespec to_timespec(Duration duration) {
    const int64_t ns = std::max<int64_t>(0, duration.ns());
    return {.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
}

int64_t read_clock(clockid_t clock) {
    timespec t;
    ::clock_gettime(clock, &t);
    return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

}  // namespace

struct Ring::Impl {
    io_uring ring = {};
    RingFeatures features;
    RingCounters counters;
    SubmitScratch scratch;
    BufferGroup groups[kBufferGroupsMax];
    uint32_t own_descriptors = 0;

    ~Impl() {
        for (uint16_t id = 0; id < kBufferGroupsMax; ++id) {
            if (groups[id].ring != nullptr) {
                io_uring_free_buf_ring(&ring, groups[id].ring, groups[id].count, id);
            }
        }
        if (ring.ring_fd > 0) {
            io_uring_queue_exit(&ring);
        }
    }

    io_uring_sqe* next_sqe() {
        ++counters.submissions;
        io_uring_sqe* sqe = io_uring_get_sqe(&ring);
        if (sqe == nullptr) {
            // The queue is full in the middle of a turn: hand over what is there.
            ++counters.enter_calls;
            io_uring_submit(&ring);
            sqe = io_uring_get_sqe(&ring);
            SLUICE_ASSERT(sqe != nullptr);
        }
        return sqe;
    }

    // The table may be as large as the process's limit, and is apart from it.
    void make_own_descriptors(uint32_t wanted) {
        rlimit limit = {};
        if (wanted == 0 || ::getrlimit(RLIMIT_NOFILE, &limit) != 0 || !can_end_own_descriptors()) {
            return;
        }
        const auto count = static_cast<unsigned>(std::min<rlim_t>(wanted, limit.rlim_cur));
        own_descriptors = io_uring_register_files_sparse(&ring, count) == 0 ? count : 0;
    }

    // Half of one is shut down by way of a number of the system's (Linux 6.8); what else they need
    // is older.
    bool can_end_own_descriptors() {
        io_uring_probe* probe = io_uring_get_probe_ring(&ring);
        const bool can =
            probe != nullptr && io_uring_opcode_supported(probe, IORING_OP_FIXED_FD_INSTALL) != 0;
        io_uring_free_probe(probe);
        return can;
    }

    // Called after a prep function, which clears user_data and flags.
    static void start(io_uring_sqe* sqe, Op& op) {
        io_uring_sqe_set_data(sqe, &op);
        ++op.pending;
    }

    static void without_completion(io_uring_sqe* sqe) {
        io_uring_sqe_set_data64(sqe, 0);
        sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    }
};

Ring::Ring(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Ring::~Ring() = default;

Result<std::unique_ptr<Ring>> Ring::create(const RingOptions& options) {
    auto impl = std::make_unique<Impl>();
    io_uring_params params = {};
    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE |
                   IORING_SETUP_SUBMIT_ALL;
    params.cq_entries = options.completion_entries;
    const int result = io_uring_queue_init_params(options.submission_entries, &impl->ring, &params);
    if (result < 0) {
        impl->ring.ring_fd = 0;
        return fail(setup_error(-result));
    }
    // Saves the kernel a descriptor look-up per enter; not vital.
    io_uring_register_ring_fd(&impl->ring);
    impl->features.minimum_wait = (params.features & IORING_FEAT_MIN_TIMEOUT) != 0;
    impl->features.receive_bundles = (params.features & IORING_FEAT_RECVSEND_BUNDLE) != 0;
    impl->make_own_descriptors(options.own_descriptors_max);
    return std::unique_ptr<Ring>(new Ring(std::move(impl)));
}

const RingFeatures& Ring::features() const {
    return impl_->features;
}
const RingCounters& Ring::counters() const {
    return impl_->counters;
}

Instant Ring::now() const {
    return Instant::from_ns(read_clock(CLOCK_MONOTONIC));
}
int64_t Ring::wall_clock_ns() const {
    return read_clock(CLOCK_REALTIME);
}

void Ring::accept_multishot(int fd, Op& op) {
    io_uring_sqe* sqe = impl_->next_sqe();
    if (impl_->own_descriptors > 0) {
        io_uring_prep_multishot_accept_direct(sqe, fd, nullptr, nullptr, 0);
    } else {
        io_uring_prep_multishot_accept(sqe, fd, nullptr, nullptr, SOCK_CLOEXEC);
    }
    Impl::start(sqe, op);
}

void Ring::accept_one(int fd, Op& op) {
    io_uring_sqe* sqe = impl_->next_sqe();
    if (impl_->own_descriptors > 0) {
        io_uring_prep_accept_direct(sqe, fd, nullptr, nullptr, 0, IORING_FILE_INDEX_ALLOC);
    } else {
        io_uring_prep_accept(sqe, fd, nullptr, nullptr, SOCK_CLOEXEC);
    }
    Impl::start(sqe, op);
}

int Ring::accepted(int32_t result) const {
    return impl_->own_descriptors > 0 ? result + kOwnDescriptors : result;
}

uint32_t Ring::own_descriptors_max() const {
    return impl_->own_descriptors;
}

void Ring::ask_peer_address(int fd, int family, Address& to, Op& op) {
    io_uring_sqe* sqe = impl_->next_sqe();
    auto* const storage = to.storage_for(family);  // Before the length, which it sets.
    io_uring_prep_cmd_sock(sqe, SOCKET_URING_OP_GETSOCKOPT, 0, SOL_SOCKET, SO_PEERNAME, storage,
                           static_cast<int>(to.length()));
    set_descriptor(sqe, fd);
    Impl::start(sqe, op);
}

bool Ring::is_known_to_system(int fd) {
    return !is_own(fd);
}

void Ring::receive_multishot(int fd, uint16_t buffer_group, Op& op) {
    io_uring_sqe* sqe = impl_->next_sqe();
    io_uring_prep_recv_multishot(sqe, 0, nullptr, 0, 0);
    set_descriptor(sqe, fd);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = buffer_group;
    Impl::start(sqe, op);
}

void Ring::send(int fd, const char* data, size_t size_bytes, Op& op) {
    io_uring_sqe* sqe = impl_->next_sqe();
    io_uring_prep_send(sqe, 0, data, size_bytes, MSG_NOSIGNAL | MSG_WAITALL);
    set_descriptor(sqe, fd);
    Impl::start(sqe, op);
}

void Ring::send_vector(int fd, std::span<const iovec> parts, Op& op) {
    auto* iov = static_cast<iovec*>(impl_->scratch.allocate(parts.size_bytes()));
    std::copy(parts.begin(), parts.end(), iov);
    auto* message = static_cast<msghdr*>(impl_->scratch.allocate(sizeof(msghdr)));
    *message = msghdr{};
    message->msg_iov = iov;
    message->msg_iovlen = parts.size();
    io_uring_sqe* sqe = impl_->next_sqe();
    io_uring_prep_sendmsg(sqe, 0, message, MSG_NOSIGNAL | MSG_WAITALL);
    set_descriptor(sqe, fd);
    Impl::start(sqe, op);
}

void Ring::connect(int fd, const Address& address, Op& op) {
    auto* storage = static_cast<sockaddr*>(impl_->scratch.allocate(address.length()));
    std::memcpy(storage, address.data(), address.length());
    io_uring_sqe* sqe = impl_->next_sqe();
    io_uring_prep_connect(sqe, fd, storage, address.length());
    Impl::start(sqe, op);
}

void Ring::poll(int fd, uint32_t events, Op& op) {
    io_uring_sqe* sqe = impl_->next_sqe();
    io_uring_prep_poll_add(sqe, fd, events);
    Impl::start(sqe, op);
}

void Ring::watch_hangup(int fd, Op& op) {
    io_uring_sqe* sqe = impl_->next_sqe();
    io_uring_prep_poll_multishot(sqe, 0, 0);
    set_descriptor(sqe, fd);
    Impl::start(sqe, op);
}

void Ring::read(int fd, char* data, size_t size_bytes, Op& op) {
    io_uring_sqe* sqe = impl_->next_sqe();
    io_uring_prep_read(sqe, fd, data, static_cast<unsigned>(size_bytes), 0);
    Impl::start(sqe, op);
}

void Ring::cancel(Op& op) {
    io_uring_sqe* sqe = impl_->next_sqe();
    io_uring_prep_cancel(sqe, &op, IORING_ASYNC_CANCEL_ALL);
    // "Not found" and "already completing" are normal and come back with user_data 0.
    Impl::without_completion(sqe);
}

// A system call, not an operation: the kernel would run the operation on a worker thread and look
// the descriptor up only there, when the number may already belong to another connection.
void Ring::shutdown(int fd) {
    ++impl_->counters.other_system_calls;
    ::shutdown(fd, SHUT_RDWR);
}

void Ring::shutdown_send(int fd) {
    if (is_own(fd)) {
        auto* shutdown = new SendShutdown;
        io_uring_sqe* sqe = impl_->next_sqe();
        io_uring_prep_fixed_fd_install(sqe, fd - kOwnDescriptors, 0);
        Impl::start(sqe, shutdown->op);
        return;
    }
    ++impl_->counters.other_system_calls;
    ::shutdown(fd, SHUT_WR);
}

void Ring::close(int fd) {
    io_uring_sqe* sqe = impl_->next_sqe();
    if (is_own(fd)) {
        io_uring_prep_close_direct(sqe, static_cast<unsigned>(fd - kOwnDescriptors));
    } else {
        io_uring_prep_close(sqe, fd);
    }
    Impl::without_completion(sqe);
}

void Ring::wake(Ring& to, Op& op) {
    io_uring_sqe* sqe = impl_->next_sqe();
    const uint64_t user_data = reinterpret_cast<uint64_t>(&op) | kWakeTag;
    io_uring_prep_msg_ring(sqe, to.impl_->ring.ring_fd, 0, user_data, 0);
    wake_leaves(&op);
    Impl::without_completion(sqe);
}

void Ring::send_descriptor(Ring& to, int fd, Op& op) {
    const uint64_t user_data = reinterpret_cast<uint64_t>(&op) | kWakeTag;
    io_uring_sqe* sqe = impl_->next_sqe();
    if (!is_own(fd)) {
        // The system's descriptors are the whole process's: the number is enough.
        io_uring_prep_msg_ring(sqe, to.impl_->ring.ring_fd, static_cast<unsigned>(fd), user_data,
                               0);
        wake_leaves(&op);
        Impl::without_completion(sqe);
        return;
    }
    io_uring_prep_msg_ring_fd_alloc(sqe, to.impl_->ring.ring_fd, fd - kOwnDescriptors, user_data,
                                    0);
    wake_leaves(&op);
    Impl::without_completion(sqe);
    sqe->flags |= IOSQE_IO_HARDLINK;  // The close must not overtake the sending.
    close(fd);
}

void Ring::submit(const WaitOptions& wait) {
    ++impl_->counters.enter_calls;
    if (wait.completions_min == 0) {
        io_uring_submit_and_get_events(&impl_->ring);
    } else {
        io_uring_cqe* first = nullptr;
        __kernel_timespec timeout = to_timespec(wait.timeout_max);
        if (wait.batch_window.ns() > 0 && impl_->features.minimum_wait) {
            // The kernel waits for the whole window even when the timeout is shorter.
            const Duration window = std::min(wait.batch_window, wait.timeout_max);
            io_uring_submit_and_wait_min_timeout(&impl_->ring, &first, wait.completions_min,
                                                 &timeout, static_cast<unsigned>(window.us()),
                                                 nullptr);
        } else {
            io_uring_submit_and_wait_timeout(&impl_->ring, &first, 1, &timeout, nullptr);
        }
    }
    impl_->scratch.reset();
}

size_t Ring::collect(std::span<Completion> to) {
    size_t count = 0;
    unsigned seen = 0;
    unsigned head = 0;
    io_uring_cqe* cqe = nullptr;
    io_uring_for_each_cqe(&impl_->ring, head, cqe) {
        if (count == to.size()) {
            break;
        }
        ++seen;
        const uint64_t user_data = cqe->user_data;
        if (user_data == 0) {
            continue;
        }
        const uint32_t wake = (user_data & kWakeTag) != 0 ? kCompletionWake : 0;
        auto* op = reinterpret_cast<Op*>(user_data & ~kWakeTag);
        if (wake != 0) {
            wake_arrives(op);
        }
        to[count++] = {op, cqe->res, cqe->flags | wake};
    }
    io_uring_cq_advance(&impl_->ring, seen);
    impl_->counters.completions += seen;
    return count;
}

Status Ring::register_buffer_ring(uint16_t group, uint32_t count) {
    SLUICE_ASSERT(group < kBufferGroupsMax && impl_->groups[group].ring == nullptr);
    int error = 0;
    BufferGroup& buffers = impl_->groups[group];
    buffers.ring = io_uring_setup_buf_ring(&impl_->ring, count, group, IOU_PBUF_RING_INC, &error);
    impl_->features.incremental_buffers = buffers.ring != nullptr;
    if (buffers.ring == nullptr) {
        buffers.ring = io_uring_setup_buf_ring(&impl_->ring, count, group, 0, &error);
    }
    if (buffers.ring == nullptr) {
        return fail(os_error(-error, ErrorSource::gateway, "registering receive buffers"));
    }
    buffers.count = count;
    return {};
}

void Ring::provide_buffer(uint16_t group, char* data, uint32_t size_bytes, uint16_t id) {
    BufferGroup& buffers = impl_->groups[group];
    io_uring_buf_ring_add(buffers.ring, data, size_bytes, id, io_uring_buf_ring_mask(buffers.count),
                          static_cast<int>(buffers.queued++));
}

void Ring::publish_buffers(uint16_t group) {
    BufferGroup& buffers = impl_->groups[group];
    io_uring_buf_ring_advance(buffers.ring, static_cast<int>(buffers.queued));
    buffers.queued = 0;
}

Result<int> Ring::open_listener(const Address& address,
                                const SocketOptions& options,
                                bool reuse_port) {
    const int fd = ::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
    if (fd < 0) {
        return fail(os_error(errno, ErrorSource::gateway, "opening a listening socket"));
    }
    set_socket_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (reuse_port) {
        set_socket_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    }
    impl_->counters.other_system_calls += 5 + set_stream_options(fd, options);
    if (::bind(fd, address.data(), address.length()) != 0 ||
        ::listen(fd, static_cast<int>(options.listen_backlog)) != 0) {
        const int failed = errno;
        ::close(fd);
        return fail(os_error(failed, ErrorSource::gateway, "listening"));
    }
    return fd;
}

Result<int> Ring::open_stream_socket(const Address& towards, const SocketOptions& options) {
    const int fd = ::socket(towards.family(), SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
    if (fd < 0) {
        return fail(os_error(errno, ErrorSource::gateway, "opening a socket"));
    }
    impl_->counters.other_system_calls += 1 + set_stream_options(fd, options);
    return fd;
}

Address Ring::local_address(int fd) {
    ++impl_->counters.other_system_calls;
    sockaddr_storage storage = {};
    socklen_t length = sizeof storage;
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length);
    return {reinterpret_cast<sockaddr*>(&storage), length};
}

Address Ring::peer_address(int fd) {
    if (is_own(fd)) {
        return {};  // The system knows no such number.
    }
    ++impl_->counters.other_system_calls;
    sockaddr_storage storage = {};
    socklen_t length = sizeof storage;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0) {
        return {};
    }
    return {reinterpret_cast<sockaddr*>(&storage), length};
}

uint64_t Ring::acknowledged_bytes(int fd) {
    SLUICE_ASSERT(!is_own(fd));
    ++impl_->counters.other_system_calls;
    // The system's own header: libc's tcp_info lacks the newer members.
    struct {
        uint8_t head[104];
        uint64_t pacing_rate;
        uint64_t pacing_rate_max;
        uint64_t bytes_acked;
    } info = {};
    static_assert(offsetof(decltype(info), bytes_acked) == 120);
    socklen_t length = sizeof info;
    if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0 || length < sizeof info) {
        return UINT64_MAX;  // Unknown: assume that everything was seen.
    }
    return info.bytes_acked;
}

void Ring::reset_on_close(int fd) {
    if (is_own(fd)) {
        io_uring_sqe* sqe = impl_->next_sqe();
        io_uring_prep_cmd_sock(sqe, SOCKET_URING_OP_SETSOCKOPT, 0, SOL_SOCKET, SO_LINGER,
                               &reset_at_once, sizeof reset_at_once);
        set_descriptor(sqe, fd);
        Impl::without_completion(sqe);
        return;
    }
    ++impl_->counters.other_system_calls;
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset_at_once, sizeof reset_at_once);
}

std::string ring_error_text(const Error& error) {
    switch (error.os_errno) {
        case ENOSYS:
            return "this kernel has no io_uring; Linux 6.1 or newer is needed";
        case EPERM:
        case EACCES:
            return "io_uring is forbidden here: allow it with sysctl kernel.io_uring_disabled=0, "
                   "or "
                   "in a container with a seccomp profile that permits io_uring_setup, "
                   "io_uring_enter and io_uring_register";
        case EINVAL:
            return "this kernel's io_uring is too old; Linux 6.1 or newer is needed";
        case ENOMEM:
            return "no memory for io_uring: raise the locked-memory limit (ulimit -l) or use fewer "
                   "shards";
        case EMFILE:
        case ENFILE:
            return "no file descriptor left for io_uring: raise the limit (ulimit -n)";
        default:
            return std::string("io_uring cannot be set up: ") +
                   std::error_code(error.os_errno, std::generic_category()).message();
    }
}

}  // namespace sluice::net
