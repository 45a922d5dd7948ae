// The simulated side of net/ring.h. Every member hands on to RingCore or to the network of the
// world that exists while the ring is made.
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "base/result.h"
#include "base/time.h"
#include "net/address.h"
#include "net/op.h"
#include "net/options.h"
#include "net/ring.h"
#include "sim/operation.h"
#include "sim/ring_core.h"
#include "sim/socket.h"
#include "sim/world.h"

namespace sluice::net {

using sim::Operation;

struct Ring::Impl {
    explicit Impl(const RingOptions& options) : core(sim::World::current(), options) {}
    sim::Network& network() { return core.world().network(); }
    sim::RingCore core;
};

Ring::Ring(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Ring::~Ring() = default;

Result<std::unique_ptr<Ring>> Ring::create(const RingOptions& options) {
    auto impl = std::make_unique<Impl>(options);
    sim::RingCore& core = impl->core;
    std::unique_ptr<Ring> ring(new Ring(std::move(impl)));
    core.world().ring_made(*ring, core);
    return ring;
}

const RingFeatures& Ring::features() const {
    return impl_->core.features;
}
const RingCounters& Ring::counters() const {
    return impl_->core.counters;
}
Instant Ring::now() const {
    return impl_->core.world().now();
}
int64_t Ring::wall_clock_ns() const {
    return impl_->core.world().wall_clock_ns();
}

void Ring::accept_multishot(int fd, Op& op) {
    impl_->core.prepare({.kind = Operation::Kind::accept, .fd = fd}, op);
}

void Ring::accept_one(int fd, Op& op) {
    impl_->core.prepare({.kind = Operation::Kind::accept, .fd = fd, .once = true}, op);
}

void Ring::receive_multishot(int fd, uint16_t buffer_group, Op& op) {
    impl_->core.prepare({.kind = Operation::Kind::receive, .fd = fd, .buffer_group = buffer_group},
                        op);
}

void Ring::send(int fd, const char* data, size_t size_bytes, Op& op) {
    // iovec has no const form; nothing writes through it.
    const iovec part = {const_cast<char*>(data), size_bytes};
    send_vector(fd, {&part, 1}, op);
}

void Ring::send_vector(int fd, std::span<const iovec> parts, Op& op) {
    Operation operation{.kind = Operation::Kind::send, .fd = fd};
    operation.parts.assign(parts.begin(), parts.end());
    for (const iovec& part : parts) {
        operation.total_bytes += part.iov_len;
        operation.snapshot.append(static_cast<const char*>(part.iov_base), part.iov_len);
    }
    impl_->core.prepare(std::move(operation), op);
}

void Ring::connect(int fd, const Address& address, Op& op) {
    impl_->core.prepare({.kind = Operation::Kind::connect, .fd = fd, .address = address}, op);
}

void Ring::poll(int fd, uint32_t events, Op& op) {
    impl_->core.prepare({.kind = Operation::Kind::poll, .fd = fd, .poll_events = events}, op);
}

void Ring::watch_hangup(int fd, Op& op) {
    impl_->core.prepare({.kind = Operation::Kind::watch_hangup, .fd = fd}, op);
}

void Ring::read(int fd, char* data, size_t size_bytes, Op& op) {
    Operation operation{.kind = Operation::Kind::read, .fd = fd};
    operation.parts.push_back({data, size_bytes});
    impl_->core.prepare(std::move(operation), op);
}

void Ring::cancel(Op& op) {
    impl_->core.prepare_silent({.kind = Operation::Kind::cancel, .op = &op});
}

int Ring::accepted(int32_t result) const {
    return impl_->core.accepted(result);
}
uint32_t Ring::own_descriptors_max() const {
    return impl_->core.own_descriptors_max();
}

void Ring::ask_peer_address(int fd, int family, Address& to, Op& op) {
    to.storage_for(family);
    impl_->core.prepare({.kind = Operation::Kind::peer_address, .fd = fd, .peer_address_to = &to},
                        op);
}

bool Ring::is_known_to_system(int fd) {
    return !sim::RingCore::is_own(fd);
}

void Ring::send_descriptor(Ring& to, int fd, Op& op) {
    impl_->core.prepare_silent(
        {.kind = Operation::Kind::send_descriptor, .op = &op, .fd = fd, .target = &to.impl_->core});
}

void Ring::shutdown(int fd) {
    if (sim::Socket* socket = impl_->network().find(fd); socket != nullptr) {
        impl_->network().shutdown(*socket);
    } else {
        impl_->core.world().violation("shutdown of a descriptor that the system does not know");
    }
}

void Ring::shutdown_send(int fd) {
    if (sim::RingCore::is_own(fd)) {
        impl_->core.prepare_silent({.kind = Operation::Kind::shutdown_send, .fd = fd});
    } else if (sim::Socket* socket = impl_->network().find(fd); socket != nullptr) {
        impl_->network().shutdown_send(*socket);
    }
}

void Ring::close(int fd) {
    impl_->core.prepare_silent({.kind = Operation::Kind::close, .fd = fd});
}

void Ring::wake(Ring& to, Op& op) {
    impl_->core.prepare_silent(
        {.kind = Operation::Kind::wake, .op = &op, .target = &to.impl_->core});
}

void Ring::submit(const WaitOptions& wait) {
    impl_->core.submit(wait);
}
size_t Ring::collect(std::span<Completion> to) {
    return impl_->core.collect(to);
}

Status Ring::register_buffer_ring(uint16_t group, uint32_t count) {
    impl_->core.make_group(group, count);
    return {};
}

void Ring::provide_buffer(uint16_t group, char* data, uint32_t size_bytes, uint16_t id) {
    impl_->core.group(group)->provide(data, size_bytes, id);
}

void Ring::publish_buffers(uint16_t group) {
    impl_->core.group(group)->publish();
}

Result<int> Ring::open_listener(const Address& address,
                                const SocketOptions& options,
                                bool reuse_port) {
    ++impl_->core.counters.other_system_calls;
    return impl_->network().listen(address, options, reuse_port);
}

Result<int> Ring::open_stream_socket(const Address& /*towards*/, const SocketOptions& options) {
    ++impl_->core.counters.other_system_calls;
    return impl_->network().open_stream(options);
}

Address Ring::local_address(int fd) {
    const sim::Socket* socket = impl_->network().find(fd);
    return socket != nullptr ? socket->local : Address();
}

Address Ring::peer_address(int fd) {
    const sim::Socket* socket = impl_->network().find(fd);
    const bool is_known = socket != nullptr && socket->state == sim::StreamState::connected;
    return is_known ? socket->peer : Address();
}

uint64_t Ring::acknowledged_bytes(int fd) {
    const sim::Socket* socket = impl_->network().find(fd);
    return socket != nullptr ? socket->acknowledged_bytes : UINT64_MAX;
}

void Ring::reset_on_close(int fd) {
    if (sim::Socket* socket = impl_->core.socket_of(fd); socket != nullptr) {
        socket->reset_on_close = true;
    }
}

std::string ring_error_text(const Error& error) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): a simulation has one thread.
    return std::string("simulated ring: ") + std::strerror(error.os_errno);
}

}  // namespace sluice::net
