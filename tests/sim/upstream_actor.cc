// One request after the other on each connection; a pipelined one waits for its turn.
#include "sim/upstream_actor.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"
#include "base/time.h"
#include "net/address.h"
#include "sim/actors.h"
#include "sim/http_text.h"
#include "sim/network.h"
#include "sim/socket.h"
#include "sim/world.h"

namespace sluice::sim {

class UpstreamActor::Connection {
public:
    Connection(UpstreamActor& actor, Socket& socket, uint32_t number)
        : actor_(actor), world_(actor.world_), socket_(socket), number_(number) {
        socket_.on_change = [this] { on_change(); };
        world_.after(Duration(), [this, alive = alive_] {
            if (*alive) {
                on_change();
                wait_idle();
            }
        });
    }
    ~Connection() {
        *alive_ = false;
        world_.network().close(socket_);
    }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    bool is_open() const { return !ended_; }
    Instant left_at() const { return left_at_; }
    Instant ended_at() const { return ended_at_; }

private:
    void on_change();
    void read_requests();
    void begin_answer(UpstreamAnswer answer);
    void play();
    void end_answer();
    void wait_idle();
    void end(bool with_reset);

    UpstreamActor& actor_;
    World& world_;
    Socket& socket_;
    const uint32_t number_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
    std::string input_;
    UpstreamRequest* request_ = nullptr;  // The one that is being read or answered.
    uint32_t request_count_ = 0;
    bool request_is_whole_ = false;
    std::unique_ptr<TimedWriter> writer_;  // While an answer is played.
    UpstreamAnswer answer_;
    bool stalled_ = false;
    bool ended_ = false;
    uint64_t idle_round_ = 0;
    Instant left_at_;
    Instant ended_at_;
};

void UpstreamActor::Connection::on_change() {
    if (ended_) {
        return;
    }
    input_ += world_.network().read(socket_, SIZE_MAX);
    read_requests();
    if (ended_) {
        return;
    }
    if (writer_ != nullptr && !stalled_) {
        play();
    }
    const bool peer_left = socket_.is_over() || socket_.fin_received;
    if (peer_left && !ended_ && socket_.receive_queue.empty()) {
        if (!left_at_.is_set()) {
            left_at_ = world_.now();
        }
        if (socket_.is_over() || request_ == nullptr || stalled_) {
            end(false);
        }
    }
}

void UpstreamActor::Connection::read_requests() {
    if (request_is_whole_) {
        return;  // Answered first; what follows waits in `input_`.
    }
    const HttpRead read = read_request(input_);
    if (read.state == ReadState::broken) {
        actor_.complaints_.push_back("request is malformed: " + read.why);
        return end(true);
    }
    if (!read.head_is_complete) {
        return;
    }
    const bool is_new = request_ == nullptr;
    if (is_new) {
        actor_.requests_.push_back(std::make_unique<UpstreamRequest>());
        request_ = actor_.requests_.back().get();
        *request_ = {.message = read.message,
                     .connection = number_,
                     .on_connection = request_count_++,
                     .arrived_at = world_.now(),
                     .answered_at = {}};
        ++idle_round_;
    }
    request_->message = read.message;
    request_is_whole_ = read.state == ReadState::complete;
    request_->is_whole = request_is_whole_;
    if (request_is_whole_) {
        input_.erase(0, read.used_bytes);
    }
    if (is_new && !request_is_whole_ && actor_.early_script_) {
        if (auto early = actor_.early_script_(*request_)) {
            begin_answer(std::move(*early));
        }
    }
    if (request_is_whole_ && writer_ == nullptr) {
        begin_answer(actor_.script_(*request_));
    }
}

void UpstreamActor::Connection::begin_answer(UpstreamAnswer answer) {
    answer_ = std::move(answer);
    writer_ = std::make_unique<TimedWriter>(world_, socket_);
    writer_->add(std::exchange(answer_.parts, {}));
    writer_->stop_at(answer_.cut_at_bytes);
}

void UpstreamActor::Connection::play() {
    writer_->advance([this, alive = alive_] {
        if (*alive) {
            on_change();
        }
    });
    if (writer_->is_done() || writer_->has_stopped()) {
        if (!request_->answered_at.is_set()) {
            request_->answered_at = world_.now();
        }
        end_answer();
    }
}

void UpstreamActor::Connection::end_answer() {
    switch (answer_.ending) {
        case UpstreamAnswer::Ending::keep:
            if (!request_is_whole_) {
                return;  // An early answer: the rest of the request is still to come.
            }
            ++actor_.answers_completed_;
            writer_.reset();
            request_ = nullptr;
            request_is_whole_ = false;
            if (!input_.empty()) {
                world_.after(Duration(), [this, alive = alive_] {
                    if (*alive) {
                        on_change();
                    }
                });
            }
            wait_idle();
            return;
        case UpstreamAnswer::Ending::close:
            ++actor_.answers_completed_;
            return end(false);
        case UpstreamAnswer::Ending::reset:
            return end(true);
        case UpstreamAnswer::Ending::stall:
            stalled_ = true;
            return;
    }
}

void UpstreamActor::Connection::wait_idle() {
    if (actor_.idle_limit_ <= Duration() || ended_) {
        return;
    }
    world_.after(actor_.idle_limit_, [this, alive = alive_, round = ++idle_round_] {
        if (!*alive || round != idle_round_ || request_ != nullptr) {
            return;
        }
        // A real server, too, may close before it has looked at what arrived last; but then nobody
        // can tell whether it saw the request. And it would not cut its own answer.
        if (!input_.empty() || !socket_.receive_queue.empty() || !socket_.send_queue.empty() ||
            socket_.flight_bytes > 0) {
            return wait_idle();
        }
        end(world_.prng().chance(actor_.idle_resets_));
    });
}

void UpstreamActor::Connection::end(bool with_reset) {
    if (!ended_) {
        ended_ = true;
        ended_at_ = world_.now();
        socket_.reset_on_close = socket_.reset_on_close || with_reset;
        world_.network().close(socket_);
    }
}

// --- The actor.

UpstreamActor::UpstreamActor(World& world, const net::Address& at, Script script)
    : world_(world), address_(at), script_(std::move(script)) {
    set_listening(true);
}

UpstreamActor::~UpstreamActor() {
    set_listening(false);
}

void UpstreamActor::set_listening(bool listening) {
    if (listening == (listener_ != nullptr)) {
        return;
    }
    if (!listening) {
        world_.network().stop_listening(*std::exchange(listener_, nullptr));
        return;
    }
    listener_ = &world_.network().actor_listen(address_, [this](Socket& socket) {
        connections_.push_back(std::make_unique<Connection>(
            *this, socket, static_cast<uint32_t>(connections_.size())));
    });
}

uint32_t UpstreamActor::open_connections() const {
    return static_cast<uint32_t>(std::ranges::count_if(
        connections_, [](const auto& connection) { return connection->is_open(); }));
}

Instant UpstreamActor::left_at(uint32_t connection) const {
    return connections_[connection]->left_at();
}

Instant UpstreamActor::ended_at(uint32_t connection) const {
    return connections_[connection]->ended_at();
}

// --- Usual answers.

namespace {

std::string head(int status, std::string_view type, std::string_view fields) {
    std::string text = "HTTP/1.1 " + std::to_string(status) + " Status\r\ncontent-type: ";
    text += type;
    text += "\r\n";
    text += fields;
    return text;
}

std::string chunk(std::string_view bytes) {
    std::string text(16, '\0');
    text.resize(write_hex(bytes.size(), text.data()));
    text += "\r\n";
    text += bytes;
    text += "\r\n";
    return text;
}

}  // namespace

UpstreamAnswer json_answer(std::string_view body, int status, std::string_view fields) {
    std::string text = head(status, "application/json", fields);
    text += "content-length: " + std::to_string(body.size()) + "\r\n\r\n";
    text += body;
    return {.parts = {{std::move(text), {}}}};
}

UpstreamAnswer sse_answer(const std::vector<std::string>& events,
                          Delimiting delimiting,
                          Duration pace,
                          std::string_view fields) {
    UpstreamAnswer answer;
    std::string text = head(200, "text/event-stream", fields);
    size_t total = 0;
    for (const std::string& event : events) {
        total += event.size();
    }
    switch (delimiting) {
        case Delimiting::chunked:
            text += "transfer-encoding: chunked\r\n\r\n";
            break;
        case Delimiting::content_length:
            text += "content-length: " + std::to_string(total) + "\r\n\r\n";
            break;
        case Delimiting::until_close:
            text += "connection: close\r\n\r\n";
            answer.ending = UpstreamAnswer::Ending::close;
            break;
    }
    answer.parts.push_back({std::move(text), {}});
    for (const std::string& event : events) {
        answer.parts.push_back({delimiting == Delimiting::chunked ? chunk(event) : event, pace});
    }
    if (delimiting == Delimiting::chunked) {
        answer.parts.push_back({"0\r\n\r\n", {}});
    }
    return answer;
}

UpstreamAnswer with_interim(UpstreamAnswer answer, int status, Duration pause) {
    answer.parts.front().pause = pause;
    answer.parts.insert(answer.parts.begin(),
                        {"HTTP/1.1 " + std::to_string(status) + " Interim\r\n\r\n", {}});
    return answer;
}

}  // namespace sluice::sim
