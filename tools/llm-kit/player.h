// Player: plays one answer to one client, at its pace and with its faults.
//
// Lives in the frame of the exchange it plays to. Waits on the exchange's signal for two things
// only: that the next event is due (or the last one was taken), and that the client has left.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/slice.h"
#include "base/time.h"
#include "coro/task.h"
#include "http/framing.h"
#include "http/h1_writer.h"
#include "http/server_exchange.h"
#include "llm-kit/answer_cache.h"
#include "llm-kit/counters.h"
#include "llm-kit/fault.h"
#include "llm-kit/pacer.h"
#include "llm-kit/wire_form.h"
#include "net/deadline.h"
#include "net/proactor.h"

namespace sluice::llm_kit {

// An answer that its client did not wait for.
struct AbortRecord {
    Instant noticed_at;
    uint32_t events_sent = 0;
    bool head_sent = false;
};

class AbortListener {
public:
    virtual void note_abort(const AbortRecord& record) = 0;

protected:
    ~AbortListener() = default;
};

// What the exchanges of one shard share.
struct PlayContext {
    net::Proactor& proactor;
    Counters& counters;
    AbortListener* aborts = nullptr;  // May be null.
    // A client that has ended its direction still gets its answer.
    bool tolerates_half_close = false;
};

class Player {
public:
    // All references live as long as the player.
    Player(const PlayContext& context,
           http::ServerExchange& exchange,
           Pacer& pacer,
           const FaultSpec& fault);

    // Play to the end, or until the client is gone.
    coro::Task<void> play(const PreparedAnswer& answer);
    // The same in two parts, for an answer that is not known before its first token: waits for
    // that, false when nothing is to be played any more.
    coro::Task<bool> wait_for_first_token();
    coro::Task<void> play_begun(const PreparedAnswer& answer);
    coro::Task<void> play_text(uint16_t status, std::string_view content_type, Slice text);
    // The field x-amzn-errortype of what is played then. Static text.
    void set_error_type(std::string_view name) { error_type_ = name; }

    Instant head_sent_at() const { return head_sent_at_; }
    uint32_t events_sent() const { return events_sent_; }
    bool was_aborted() const { return was_aborted_; }

private:
    // Each of these is false when nothing more is to be sent.
    coro::Task<bool> begin();
    coro::Task<bool> cut_here();
    coro::Task<bool> wait_until(Instant due);
    coro::Task<bool> wait_until_due();
    coro::Task<bool> wait_until_sent();
    bool send_head(uint16_t status, std::string_view content_type, uint64_t body_bytes);

    coro::Task<void> send_whole(uint16_t status, std::string_view content_type, Slice body);
    coro::Task<void> send_events(const PreparedAnswer& answer);
    coro::Task<void> drip(std::string_view head, std::string_view body);
    coro::Task<void> stay_silent();
    std::string_view raw_head(uint16_t status, std::string_view content_type, size_t body_bytes);
    void add_fields(http::HeadWriter& writer, std::string_view content_type) const;
    void step_to(const PreparedAnswer& answer, size_t index);
    size_t run_length(const PreparedAnswer& answer, size_t first, size_t end);
    bool is_cut_at(size_t index) const;
    bool is_cut_inside(const PreparedAnswer::Event& event) const;
    void write_events(const PreparedAnswer& answer, size_t first, size_t count);
    void write_part(const PreparedAnswer& answer, const PreparedAnswer::Event& event);
    void write_payload(std::string_view payload);
    void finish();
    void note_gone();
    bool is_gone() const;
    bool is_due() const { return pacer_.due() <= now(); }
    Instant now() const { return context_.proactor.now(); }

    const PlayContext context_;
    http::ServerExchange& exchange_;
    Pacer& pacer_;
    const FaultSpec& fault_;
    const WireForm* form_ = &kOpenAiForm;
    std::string_view error_type_;
    net::Deadline deadline_;
    size_t stepped_to_ = 0;  // Events that the pacer was told of.
    bool has_first_token_ = false;
    Instant head_sent_at_;
    uint64_t payload_sent_ = 0;
    uint32_t events_sent_ = 0;
    http::BodyKind framing_ = http::BodyKind::none;
    bool is_stream_ = false;
    bool is_cut_done_ = false;
    bool was_aborted_ = false;
};

}  // namespace sluice::llm_kit
