// UpstreamActor: an OpenAI-like server of a simulated world, as good or bad as its script.
//
// Listens on an address, reads requests with its own reader, asks the script for an answer to each
// and plays it: paced, cut, reset, stalled, early or broken. Writes down every request and what
// became of every connection.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "net/address.h"
#include "sim/actors.h"
#include "sim/http_text.h"
#include "sim/network.h"
#include "sim/socket.h"
#include "sim/world.h"

namespace sluice::sim {

struct UpstreamRequest {
    HttpText message;
    uint32_t connection = 0;     // From 0, in order of accepting.
    uint32_t on_connection = 0;  // From 0, in order of arrival on it.
    Instant arrived_at;          // The head.
    bool is_whole = false;
    Instant answered_at;  // When the last byte of the answer was written; not set before that.
};

struct UpstreamAnswer {
    enum class Ending : uint8_t {
        keep,   // Waits for the next request.
        close,  // An orderly end.
        reset,
        stall,  // Sends nothing more and ends nothing.
    };

    std::vector<TimedBytes> parts = {};  // Everything from the status line on, interim answers too.
    Ending ending = Ending::keep;
    // After this many bytes the ending strikes.
    uint64_t cut_at_bytes = UINT64_MAX;
};

// How a body is delimited.
enum class Delimiting : uint8_t { chunked, content_length, until_close };

// Builders of usual answers. `fields` are whole lines with their ends.
UpstreamAnswer json_answer(std::string_view body, int status = 200, std::string_view fields = {});
UpstreamAnswer sse_answer(const std::vector<std::string>& events,
                          Delimiting delimiting,
                          Duration pace,
                          std::string_view fields = {});
// "HTTP/1.1 100 Continue" or another interim answer in front of `answer`.
UpstreamAnswer with_interim(UpstreamAnswer answer, int status, Duration pause);

class UpstreamActor {
public:
    // Asked for an answer when a request is whole.
    using Script = std::function<UpstreamAnswer(const UpstreamRequest&)>;
    // Asked when its head is there: an answer that does not wait for the body, or nothing.
    using EarlyScript = std::function<std::optional<UpstreamAnswer>(const UpstreamRequest&)>;

    UpstreamActor(World& world, const net::Address& at, Script script);
    ~UpstreamActor();
    UpstreamActor(const UpstreamActor&) = delete;
    UpstreamActor& operator=(const UpstreamActor&) = delete;

    void set_early_script(EarlyScript script) { early_script_ = std::move(script); }
    // Every request whose head arrived; the body is filled in as it comes.
    const std::vector<std::unique_ptr<UpstreamRequest>>& requests() const { return requests_; }
    uint32_t connections() const { return static_cast<uint32_t>(connections_.size()); }
    uint32_t open_connections() const;
    // When the other side ended or reset the connection; not set while it is there.
    Instant left_at(uint32_t connection) const;
    // When this side ended the connection; not set while it has not.
    Instant ended_at(uint32_t connection) const;
    // Answers played to their end.
    uint32_t answers_completed() const { return answers_completed_; }
    const std::vector<std::string>& complaints() const { return complaints_; }

    // An idle connection is closed after this; zero: never. With a reset in `idle_resets` of them.
    void set_idle_limit(Duration limit, double idle_resets) {
        idle_limit_ = limit;
        idle_resets_ = idle_resets;
    }
    // Accepts nothing (connections are refused) until it is called again with true.
    void set_listening(bool listening);

private:
    class Connection;

    World& world_;
    const net::Address address_;
    Script script_;
    EarlyScript early_script_;
    Socket* listener_ = nullptr;
    std::vector<std::unique_ptr<Connection>> connections_;
    std::vector<std::unique_ptr<UpstreamRequest>> requests_;
    std::vector<std::string> complaints_;
    Duration idle_limit_;
    double idle_resets_ = 0;
    uint32_t answers_completed_ = 0;
};

}  // namespace sluice::sim
