// One coroutine per connection.
#include "sim/echo_service.h"

#include <cstdint>
#include <utility>

#include "base/result.h"
#include "base/slice_queue.h"
#include "coro/task.h"
#include "net/address.h"
#include "net/byte_stream.h"
#include "net/options.h"
#include "net/shard.h"
#include "net/tcp_stream.h"

namespace sluice::sim {

EchoService::EchoService(net::Shard& shard, const net::SocketOptions& options, EchoBug bug)
    : shard_(shard),
      options_(options),
      bug_(bug),
      listener_(shard.proactor(), {.on_new = &on_accepted, .on_given = &on_handed_over}, this),
      scope_(shard.proactor().ready()) {}

EchoService::~EchoService() = default;

Status EchoService::start(const net::Address& at) {
    return listener_.start(at, options_);
}

void EchoService::stop() {
    stopping_ = true;
    listener_.stop();
    for (Connection* each = connections_.front(); each != nullptr;
         each = connections_.next(*each)) {
        each->signal.raise();
    }
}

void EchoService::on_accepted(void* owner, int fd) {
    auto& service = *static_cast<EchoService*>(owner);
    if (service.other_ != nullptr && ++service.accepted_ % service.hand_over_every_ == 0) {
        service.shard_.proactor().ring().send_descriptor(
            service.other_->shard_.proactor().ring(), fd, service.other_->listener_.handed_over());
        return;
    }
    on_handed_over(owner, fd);
}

void EchoService::on_handed_over(void* owner, int fd) {
    auto& service = *static_cast<EchoService*>(owner);
    if (service.stopping_) {
        service.shard_.proactor().ring().close(fd);
        return;
    }
    service.scope_.spawn(service.serve(net::TcpStream::adopt(
        service.shard_.proactor(), fd, service.options_, ErrorSource::client)));
}

void EchoService::pass_back(net::ByteStream& stream) {
    SliceQueue bytes;
    stream.take(stream.received().size_bytes(), bytes);
    stream.write(std::move(bytes));
}

coro::Task<void> EchoService::serve(net::StreamPtr stream) {
    constexpr uint32_t kForgetsEvery = 5;
    Connection connection(shard_.proactor().ready());
    connections_.push_back(connection);
    stream->set_signal(&connection.signal);
    ++served_;
    while (!stream->failed() && !stopping_) {
        const bool has_bytes = !stream->received().empty();
        if (has_bytes && !stream->is_congested()) {
            pass_back(*stream);
            if (bug_ != EchoBug::waits_once_too_often || stream->unsent_bytes() == 0) {
                continue;
            }
        } else if (has_bytes && bug_ == EchoBug::drops_when_congested) {
            stream->consume(stream->received().size_bytes());
            continue;
        } else if (!has_bytes && stream->read_ended()) {
            break;
        }
        co_await connection.signal.wait();
    }
    stream->set_signal(nullptr);
    if (bug_ == EchoBug::forgets_a_stream && served_ % kForgetsEvery == 0) {
        forgotten_.push_back(std::move(stream));
        co_return;
    }
    net::close(std::move(stream), bug_ == EchoBug::aborts_at_end || stopping_
                                      ? net::CloseMode::abort
                                      : net::CloseMode::graceful);
    listener_.resume();
}

}  // namespace sluice::sim
