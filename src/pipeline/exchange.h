// Exchange: one request through the gateway, from its parsed head to its log line.
//
// One coroutine, cut by verb: receive the request (request_intake), choose a route, dispatch it to
// an upstream (dispatch), relay the response (relay), or simulate one (simulate), and finish. All
// of it waits on one signal, the client connection's; so "the client left", a deadline and the
// upstream's bytes wake it alike, in every phase. Lives in the frame of its handler; one shard.
#pragma once

#include <algorithm>
#include <coroutine>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/arena_list.h"
#include "base/error.h"
#include "base/local_ptr.h"
#include "base/prng.h"
#include "base/result.h"
#include "base/slice.h"
#include "base/time.h"
#include "coro/signal.h"
#include "coro/task.h"
#include "http/body_reader.h"
#include "http/body_writer.h"
#include "http/h1_writer.h"
#include "http/header_map.h"
#include "http/message.h"
#include "http/server_exchange.h"
#include "json/document.h"
#include "json/field_watch.h"
#include "json/tree.h"
#include "net/deadline.h"
#include "net/proactor.h"
#include "pipeline/client_call.h"
#include "pipeline/exchange_record.h"
#include "pipeline/held_keys.h"
#include "pipeline/llm_target.h"
#include "pipeline/processor.h"
#include "pipeline/relay_clocks.h"
#include "pipeline/remote_hosts.h"
#include "pipeline/route_table.h"
#include "pipeline/signature_cache.h"
#include "pipeline/snapshot.h"
#include "pipeline/stream_probe.h"
#include "providers/model_list.h"
#include "providers/provider_error.h"
#include "upstream/key_ring.h"
#include "upstream/patience.h"
#include "upstream/upstream.h"

namespace sluice::providers {
class SimulatedAnswer;
class ReplyFilter;
class WholeReply;
struct ChatRequest;
struct RemotePart;
}  // namespace sluice::providers

namespace sluice::balance {
class Balancer;
class Pool;
}  // namespace sluice::balance

namespace sluice::access {
struct VirtualKey;
}  // namespace sluice::access

namespace sluice::pipeline {

class ChainRun;
// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): it is final.
class Continuation;
// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): it is final.
class ReplyFacts;
enum class FailureClass : uint8_t;
// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): it is final.
class ContentCapture;
struct ListedModels;
struct RequestFields;
class TargetChoice;
struct ProcessorContext;
class HeaderEdits;
class RequestIntake;
// NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): it is final.
class QueuePlace;
enum class QueueRefusal : uint8_t;
class ShardBell;
struct RemoteFile;
struct Translated;

// What all exchanges of a shard share.
struct Services {
    net::Proactor& proactor;
    Prng& prng;
    Telemetry& telemetry;
    RemoteHosts& remote_hosts;
    SignatureCache& signatures;  // Of the process.
    LocalPtr<HeldKeys> keys;     // For exchanges that begin now; null for none.
    ShardBell& bell;
    LocalPtr<Snapshot> newest;                    // Of exchanges that begin now.
    json::Document document;                      // Scratch for small JSON texts.
    std::vector<http::HeaderField> head_scratch;  // Scratch for response heads.
};

class Exchange final : public upstream::Patience, private OwnFields {
public:
    Exchange(Services& services, LocalPtr<Snapshot> snapshot, http::ServerExchange& client);
    ~Exchange();

    // Runs it to its end. Afterwards the response is finished or aborted.
    coro::Task<void> run();

    // --- Patience.
    coro::Signal& signal() override { return client_.signal(); }
    std::optional<Error> reason_to_stop() override;

private:
    // exchange.cc
    coro::Task<Status> serve();
    coro::Task<Status> answer();
    coro::Task<Status> ask_target();
    void name_model(const RequestFields& fields);
    std::string_view name_at(const LlmTarget& target, const RequestFields& fields);
    void note_dialects();
    bool must_translate(const LlmTarget& target) const;
    bool must_ask_for_usage(const LlmTarget& target) const;
    SliceQueue edited_for(std::string_view model, bool asks_for_usage, SliceQueue& body);
    Status begin();
    Status choose_route(const PathRoutes& path);
    void edit_relayed_request();
    bool lists_models_itself(const PathRoutes* path) const;
    void respond_with_error(const Error& error);
    void write_own_fields(http::HeadWriter& writer,
                          const ResponseView& view,
                          bool is_relayed = false);
    void write_fields(http::HeadWriter& writer, const ResponseView& view) override {
        write_own_fields(writer, view);
    }
    void write_server_timing(http::HeadWriter& writer);
    void finish(const Error& error);
    void price();
    void look_at_half_closed_client();
    // run_processors.cc
    void begin_chain(const Route& route);
    void fill(ProcessorContext& context, const Route& route);
    bool must_read_whole_body(const PathRoutes& path) const;
    Status run_early_processors(const PathRoutes& path);
    coro::Task<Result<bool>> run_processors();
    Status take_fields();
    const HeaderEdits* request_edits() const;
    const HeaderEdits* response_edits() const;
    // What the texts of the answer go through; empty for most.
    std::span<providers::ReplyFilter* const> reply_filters() const;
    Status check_filters();
    coro::Task<Status> show_reply(providers::WholeReply& reply);
    void write_processors_fields(http::HeadWriter& writer, const ResponseView& view);
    void end_processors();
    bool hides_usage() const;
    bool has_followers() const;
    // request_intake.cc
    coro::Task<Status> receive_request(const PathRoutes& path);
    // retry.cc
    struct Refused;
    coro::Task<Status> ask();
    coro::Task<Status> try_once();
    bool may_go_again(const Error& error);
    coro::Task<Result<bool>> goes_again(const Error& error);
    coro::Task<Result<bool>> waits_to_go_again(const Error& error);
    coro::Task<Status> rest(Duration wait);
    Status choose_key();
    bool turns_to_sibling();
    bool note_key_trouble(const LlmTarget& target,
                          const upstream::Key* key,
                          std::string_view model,
                          const providers::ProviderError& refusal);
    std::optional<Duration> wait_before_retry(const Error& error, RetryReason& reason);
    void begin_retry(RetryReason reason);
    void forget_attempt();
    // fail_over.cc
    void turn_to(const LlmTarget& target);
    coro::Task<Status> choose_target();
    Status begin_choice(const TargetPool& pool);
    Result<const balance::Balancer*> strategy_asked_for();
    bool choose_among_left();
    void make_out_anew();
    Error refuse_without_target();
    coro::Task<Result<bool>> goes_elsewhere(const Error& error);
    void end_attempt(const Error& error);
    void on_first_event();
    // queueing.cc
    Status choose_priority();
    uint64_t queue_tenant() const;
    bool must_wait_its_turn();
    coro::Task<Status> waits_for_target();
    coro::Task<Status> stands_in_queue(QueuePlace& place, Instant until);
    Status follow_reload();
    // Of which the target is.
    const Snapshot& target_snapshot() const { return later_ ? *later_ : *snapshot_; }
    void tell_of_room(const balance::Pool* pool);
    Error refuse_in_queue(QueueRefusal why, Duration retry_after);
    // tracing.cc
    void begin_trace();
    void fill_attempt_note(trace::AttemptNote& note,
                           const LlmTarget& target,
                           std::string_view model);
    void begin_attempt_note();
    void end_attempt_note(const Error& error);
    void watch_reply();
    void end_trace();
    void begin_content();
    void end_content();
    void show_response_to(http::BodyTap* tap);
    std::string_view outgoing_traceparent(trace::SpanId span, Arena& arena) const;
    // hedge.cc
    // NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): it is final.
    class Hedge;
    upstream::Patience& patience();
    void begin_hedge();
    void hold_hedge();
    void end_race();
    coro::Task<Result<bool>> turns_to_hedge(const Error& error);
    coro::Task<void> end_hedge();
    coro::Task<Status> pass_on_reply();
    std::vector<http::BodyPiece> take_early_pieces();
    // mid_stream.cc
    bool keeps_request() const;
    bool has_told_part() const;
    bool must_tell_now(const Error& error);
    bool begins_anew(FailureClass failure);
    bool continues_streams() const;
    void mark_restart();
    void tell_in_stream(const Error& error);
    // dispatch.cc
    struct Sending;
    coro::Task<Status> dispatch();
    coro::Task<Status> attempt(bool fresh);
    coro::Task<Status> await_response_head();
    Status send_request_head();
    Result<Slice> request_head(const Sending& sending);
    std::string_view upstream_target(const Sending& sending, Arena& arena) const;
    Status pump_request_body();
    bool may_send_again(const Error& error) const;
    // translate.cc
    coro::Task<Status> translate();
    bool passes_on_messages(const LlmTarget& target) const;
    Slice hosted_request(Translated& translated, const json::Value& body);
    coro::Task<Status> ask_translated();
    coro::Task<Status> encode_for_upstream(const providers::ChatRequest& request, size_t bytes);
    Result<const json::Value*> begin_translation();
    std::unique_ptr<Translated> translation_for(const LlmTarget& target, std::string_view model);
    Result<const json::Value*> parse_whole(const SliceQueue& body);
    bool take_context(Translated& translated, const providers::ChatRequest& request) const;
    void replace_body(Slice body);
    Error keep_refusal(const Error& error);
    Status answer_with_count(const providers::ChatRequest& request);
    // fetch_remote.cc
    coro::Task<Result<const providers::ChatRequest*>> fetch_remote(
        const providers::ChatRequest& request,
        std::span<const providers::RemotePart> parts,
        std::vector<RemoteFile>& files);
    Error refuse_remote(const providers::RemotePart& part,
                        std::string_view url,
                        std::string_view reason);
    Error remote_failure(const providers::RemotePart& part,
                         std::string_view url,
                         const Error& error);
    uint64_t remote_bytes_max() const;
    // translate_embeddings.cc
    coro::Task<Status> translate_embeddings();
    // list_models.cc
    coro::Task<Status> list_models(std::span<const Route* const> routes);
    coro::Task<Status> add_models_of(const Route& route,
                                     const LlmTarget& target,
                                     ListedModels& listed);
    Result<const access::VirtualKey*> who_asks_for_models(std::span<const Route* const> routes);
    // transcode.cc
    std::span<providers::ReplyFilter* const> stream_filters() const;
    // NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): it is final.
    class Transcoding;
    coro::Task<Status> transcode_stream();
    coro::Task<Status> run_transcoding(Transcoding& transcoding);
    coro::Task<void> drain_reply();
    coro::Task<Status> transcode_whole();
    Status begin_translated_response(std::string_view content_type);
    void write_translated_fields(http::HeadWriter& writer);
    void keep_response_fields();
    void keep_context();
    void let_go_of_request();
    // read_reply.cc
    coro::Task<Result<std::string_view>> read_reply(uint32_t bytes_max);
    coro::Task<Status> read_refusal();
    Status pass_refusal(const Refused& refused);
    // respond.cc
    // NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): it is final.
    class HeldHead;
    coro::Task<Status> relay();
    Status send_response_head(const http::ResponseHead& head);
    RelayLimits relay_limits() const;
    void account_stream(const Usage& told, bool is_whole);
    // simulate.cc
    coro::Task<Status> simulate();
    coro::Task<Status> simulate_stream(providers::SimulatedAnswer& answer);
    Result<bool> ask_simulator_as_chat();
    Status answer_as_message(std::string_view chat);
    coro::Task<Status> think(Duration time);
    Status answer_with_models(int64_t now_s);
    Status answer_with_json(uint16_t status, std::string_view text);

    std::string_view model_for_upstream() const {
        return record_.upstream_model.empty() ? record_.model : record_.upstream_model;
    }
    Instant clock() const { return services_.proactor.ring().now(); }

    // Waits for anything to happen, and keeps account of the time that was not ours.
    struct Pause {
        Exchange& exchange;
        Instant began;
        bool await_ready() { return exchange.signal().await_ready(); }
        void await_suspend(std::coroutine_handle<> waiter) {
            began = exchange.clock();
            exchange.signal().await_suspend(waiter);
        }
        void await_resume() {
            if (began.is_set()) {
                // What came between the start of the turn and now is our own doing.
                const Instant woken = exchange.services_.proactor.now();
                exchange.waited_ = exchange.waited_ + std::max(woken - began, Duration());
            }
        }
    };
    Pause pause() { return {*this, {}}; }

    // What every event of a stream touches comes first.
    http::ServerExchange& client_;
    net::Deadline total_;           // Of the whole exchange, by the upstream's total timeout.
    net::Deadline next_probe_;      // Of a client that ended its direction.
    StreamProbe* probe_ = nullptr;  // While a response is written, for probing the client.
    bool half_closed_ = false;
    bool asked_at_end_ = false;  // Once its connection had ended, not only its TLS session.
    bool wants_stream_ = false;
    bool include_usage_ = false;  // The client asked for the usage chunk of its stream.
    bool wants_tier_ = false;     // Of service.
    bool strips_usage_ = false;   // We did, and the client must not see it.
    bool request_sent_whole_ = false;
    bool can_send_again_ = false;  // All of the request is held.
    bool owes_error_ = false;      // Its stream broke off, and the client was not told yet.
    bool is_left_behind_ = false;  // By its client; goes on for others.
    Services& services_;
    const LocalPtr<Snapshot> snapshot_;
    LocalPtr<Snapshot> later_;       // Whose targets it is with, when it waited while one came.
    const LocalPtr<HeldKeys> keys_;  // As they were when it began.
    const Route* route_ = nullptr;
    const LlmTarget* target_ = nullptr;        // Of the route; that is asked, or was the last.
    std::unique_ptr<RequestIntake> intake_;    // Until the request is sent.
    std::unique_ptr<Translated> translated_;   // When the upstream speaks another dialect.
    std::unique_ptr<ChainRun> chain_;          // When its route has processors.
    ReplyFacts* reply_facts_ = nullptr;        // For its trace; in the arena.
    std::unique_ptr<ContentCapture> content_;  // Where content is to be kept.
    // What the client is told when the exchange fails, where an Error has no room for it; in the
    // arena.
    const providers::ProviderError* refusal_ = nullptr;
    const Refused* refused_ = nullptr;  // The error response itself, where it may go on as it is.
    std::unique_ptr<TargetChoice> choice_;  // When its route leads to a pool.
    std::unique_ptr<Hedge> hedge_;          // When that may ask a second target at the same time.
    std::unique_ptr<Continuation> continuation_;  // When its stream may be gone on with.
    ClientCall call_;
    json::Field model_field_;             // Where the model stands, when its name is to be changed.
    const upstream::Key* key_ = nullptr;  // Of this attempt; lives as long as the snapshot.
    size_t key_index_ = 0;
    uint64_t keys_tried_ = 0;  // That were refused since the last wait.
    uint32_t retries_ = 0;     // That count.
    upstream::Lease lease_;
    ExchangeRecord record_;
    std::string_view origin_;  // Of the page that asks, for CORS; in the arena.
    Duration waited_;          // Up to the response head.
    Instant first_attempt_;
    Duration leasing_;  // Of the last attempt.
    http::BodyWriter request_writer_;
};

}  // namespace sluice::pipeline
