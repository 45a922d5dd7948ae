// A client that follows its script.
#include "sim/actors.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "sim/network.h"
#include "sim/socket.h"
#include "sim/world.h"

namespace sluice::sim {

// --- TimedWriter.

void TimedWriter::add(std::vector<TimedBytes> parts) {
    parts_.insert(parts_.end(), std::make_move_iterator(parts.begin()),
                  std::make_move_iterator(parts.end()));
}

void TimedWriter::advance(const std::function<void()>& again) {
    while (!is_done() && !has_stopped() && !pausing_) {
        const TimedBytes& part = parts_[next_];
        if (part.after_answers > answers_) {
            return;
        }
        if (part.pause > Duration() && !paused_) {
            pausing_ = true;
            world_.after(part.pause, [this, alive = alive_, again] {
                if (*alive) {
                    pausing_ = false;
                    paused_ = true;
                    again();
                }
            });
            return;
        }
        const auto left = static_cast<size_t>(
            std::min<uint64_t>(part.bytes.size() - written_, stop_at_ - sent_bytes_));
        const std::string_view rest = std::string_view(part.bytes).substr(written_, left);
        const size_t taken = world_.network().write(socket_, rest);
        written_ += taken;
        sent_bytes_ += taken;
        if (written_ < part.bytes.size()) {
            return;
        }
        ++next_;
        written_ = 0;
        paused_ = false;
    }
}

// --- Client.

Client::Client(World& world, ClientScript script)
    : world_(world),
      script_(std::move(script)),
      socket_(&world.network().actor_connect(script_.to, [this] { on_change(); })),
      writer_(world, *socket_) {
    writer_.add(script_.parts);
    writer_.stop_at(script_.leaves_at_sent_bytes);
    if (script_.leaves_after > Duration()) {
        world_.after(script_.leaves_after, [this, alive = alive_] {
            if (*alive) {
                leave();
            }
        });
    }
}

Client::~Client() {
    *alive_ = false;
    world_.network().close(*socket_);
}

bool Client::was_faulted() const {
    return socket_->faulted || (socket_->other != nullptr && socket_->other->faulted);
}

void Client::on_change() {
    if (done_ || socket_->state == StreamState::connecting) {
        return;
    }
    connected_ = connected_ || socket_->state == StreamState::connected;
    if (connected_ && !socket_->is_over()) {
        writer_.advance([this, alive = alive_] {
            if (*alive) {
                on_change();
            }
        });
        if (writer_.has_stopped()) {
            return leave();
        }
        if (writer_.is_done() && script_.half_closes) {
            world_.network().shutdown_send(*socket_);
        }
    }
    read_some();
}

void Client::read_some() {
    while (!read_pausing_ && !done_ && received_.size() < script_.reads_until_bytes) {
        const std::string bytes = world_.network().read(*socket_, script_.read_bytes_max);
        if (bytes.empty()) {
            break;
        }
        if (received_.empty()) {
            first_byte_at_ = world_.now();
        }
        received_ += bytes;
        if (received_.size() >= script_.leaves_at_received_bytes) {
            return leave();
        }
        if (script_.count_answers) {
            writer_.set_answers(script_.count_answers(received_));
            writer_.advance([this] { on_change(); });
        }
        if (script_.is_satisfied && script_.is_satisfied(received_)) {
            satisfied_ = true;
            return finish();
        }
        if (script_.read_pause > Duration()) {
            read_pausing_ = true;
            world_.after(script_.read_pause, [this, alive = alive_] {
                if (*alive) {
                    read_pausing_ = false;
                    on_change();
                }
            });
        }
    }
    if (done_ || !socket_->receive_queue.empty()) {
        return;
    }
    if (socket_->is_over()) {
        error_ = socket_->error != 0 ? socket_->error : error_;
        saw_end_ = saw_end_ || socket_->fin_received;
        finish();
    } else if (socket_->fin_received) {
        saw_end_ = true;
        if (writer_.is_done() || script_.ends_with_peer) {
            finish();
        }
    }
}

void Client::leave() {
    if (done_) {
        return;
    }
    left_ = true;
    if (script_.leaves_with_reset) {
        socket_->reset_on_close = true;
    }
    left_with_reset_ = script_.leaves_with_reset || !socket_->receive_queue.empty();
    finish();
}

void Client::finish() {
    done_ = true;
    done_at_ = world_.now();
    world_.network().close(*socket_);
}

}  // namespace sluice::sim
