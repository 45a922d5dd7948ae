// The embedded provider: an exchange answered by the simulated LLM, at the pace of a real one.
//
// Takes the place of dispatch and relay for upstreams with provider = "simulated", so that a
// gateway without a key answers at once, and everything around an upstream can be tried.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/arena.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/result.h"
#include "base/slice.h"
#include "base/time.h"
#include "coro/task.h"
#include "http/framing.h"
#include "http/h1_writer.h"
#include "http/header_names.h"
#include "http/server_exchange.h"
#include "http/types.h"
#include "json/tree.h"
#include "json/writer.h"
#include "net/deadline.h"
#include "pipeline/exchange.h"
#include "pipeline/exchange_record.h"
#include "pipeline/output_text.h"
#include "pipeline/request_intake.h"
#include "pipeline/translated.h"
#include "pipeline/usage_chunk.h"
#include "providers/canonical.h"
#include "providers/dialect.h"
#include "providers/provider_error.h"
#include "providers/simulated_llm.h"
#include "providers/simulated_request.h"
#include "providers/transcoder.h"
#include "upstream/options.h"

namespace sluice::pipeline {

namespace {

using http::HeaderId;
using providers::SimulatedAnswer;
using providers::SimulatedPace;

constexpr std::string_view kModelsPath = "/models";

// Events of a chat completion as those of a message.
class MessageEvents {
public:
    MessageEvents(const Translated& translated, Arena& arena)
        : transcoder_(*translated.client,
                      *translated.upstream,
                      translated.target,
                      translated.context,
                      text_,
                      arena) {}
    void write(std::string_view events, bool is_last, http::ServerExchange& client) {
        transcoder_.feed(events);
        if (is_last) {
            transcoder_.end();
        }
        if (text_.has_text()) {
            client.write_body(text_.take());
        }
    }

private:
    EventText text_;
    providers::StreamTranscoder transcoder_;
};

Usage usage_of(const SimulatedAnswer& answer) {
    return {.prompt_tokens = answer.usage().prompt_tokens,
            .completion_tokens = answer.usage().completion_tokens,
            .is_known = true};
}

}  // namespace

coro::Task<Status> Exchange::simulate() {
    record_.ended_in = Phase::first_byte;
    const int64_t now_s = services_.proactor.ring().wall_clock_ns() / 1'000'000'000;
    if (client_.head().path.find(kModelsPath) != std::string_view::npos) {
        co_return answer_with_models(now_s);
    }
    providers::SimulatedEndpoint endpoint{};
    const bool is_messages = call_.is_known && call_.dialect == providers::Dialect::messages;
    if ((!is_messages && !providers::simulated_endpoint_of(record_.path, endpoint)) ||
        client_.head().method != http::Method::post) {
        co_return fail({.kind = ErrorKind::no_route, .source = ErrorSource::client});
    }
    const upstream::SimulatorOptions& options = target_->upstream->options().simulator;
    if (is_messages) {
        CO_TRY(const bool is_answered, ask_simulator_as_chat());
        if (is_answered) {
            co_return Status();
        }
    }
    const std::string body = intake_->held().to_string();
    CO_TRY(auto texts, providers::read_simulated_request(endpoint, body, services_.document,
                                                         client_.request_arena()));
    if (!is_messages) {
        strips_usage_ = wants_stream_ && !texts.request.include_usage && hides_usage();
    }
    texts.request.include_usage = texts.request.include_usage || strips_usage_ || is_messages;
    SimulatedAnswer answer(texts.request, {.tokens = options.tokens,
                                           .embedding_dimensions = options.embedding_dimensions,
                                           .created_s = now_s,
                                           .id_seed = services_.prng.next()});
    intake_.reset();
    record_.usage = usage_of(answer);
    record_.is_stream = texts.request.stream;
    record_.sent = clock();
    if (record_.is_stream) {
        co_return co_await simulate_stream(answer);
    }
    const bool thinks = endpoint != providers::SimulatedEndpoint::embeddings;
    const int64_t tokens = thinks ? answer.tokens_to_make() : 0;
    CO_TRY_VOID(co_await think(Duration::milliseconds(options.time_to_first_token_ms +
                                                      tokens * options.inter_token_time_ms)));
    record_.first_byte = clock();
    std::string text;
    answer.append_body(text);
    co_return is_messages ? answer_as_message(text) : answer_with_json(200, text);
}

// The simulator speaks OpenAI's API; clients of Anthropic's are translated for. True when the
// answer is there already.
Result<bool> Exchange::ask_simulator_as_chat() {
    TRY(const json::Value* const body, begin_translation());
    Translated& translated = *translated_;
    const auto request = translated.client->decode_request(*body, translated.translation);
    if (!request) {
        return fail(keep_refusal(request.error()));
    }
    if (call_.operation == providers::Operation::count_tokens) {
        TRY_VOID(answer_with_count(**request));
        return true;
    }
    take_context(translated, **request);
    keep_context();
    BodyText encoded(body->raw().size() + kWrappingBytes);
    TRY_VOID(translated.upstream->encode_request(**request, translated.target,
                                                 translated.translation, encoded));
    replace_body(encoded.take());
    return false;
}

Status Exchange::answer_as_message(std::string_view chat) {
    std::string text;
    json::StringText output(text);
    providers::Usage usage;
    providers::ProviderError failure;
    const bool is_said = providers::transcode_whole(*translated_->client, *translated_->upstream,
                                                    translated_->target, translated_->context, chat,
                                                    output, client_.arena(), usage, failure);
    SLUICE_ASSERT(is_said);
    output.finish();
    return answer_with_json(200, text);
}

// Waits as a model would; ends early when the client leaves.
coro::Task<Status> Exchange::think(Duration time) {
    net::Deadline thought(services_.proactor, signal());
    thought.set(time);
    while (time.ns() > 0 && !thought.has_passed()) {
        if (const std::optional<Error> stop = reason_to_stop()) {
            co_return fail(*stop);
        }
        co_await pause();
    }
    co_return Status();
}

coro::Task<Status> Exchange::simulate_stream(SimulatedAnswer& answer) {
    const upstream::SimulatorOptions& options = target_->upstream->options().simulator;
    CO_TRY_VOID(co_await think(Duration::milliseconds(options.time_to_first_token_ms)));
    record_.first_byte = clock();
    on_first_event();
    http::HeadWriter writer = client_.begin_response(200);
    writer.field(HeaderId::content_type, "text/event-stream; charset=utf-8");
    writer.field(HeaderId::cache_control, "no-cache");
    write_own_fields(writer, {200, "text/event-stream; charset=utf-8"});
    CO_TRY_VOID(client_.send_head(writer, 200, {.kind = http::BodyKind::chunked}));
    let_go_of_request();
    record_.responded = clock();
    record_.ended_in = Phase::relay;
    std::optional<MessageEvents> as_message;
    if (translated_ != nullptr) {
        as_message.emplace(*translated_, client_.arena());
    }
    std::string events;
    while (answer.has_event()) {
        events.clear();
        do {
            answer.append_event(events);
            ++record_.events;
        } while (answer.has_event() && answer.pace() == SimulatedPace::at_once);
        if (as_message) {
            as_message->write(events, !answer.has_event(), client_);
        } else if (strips_usage_ && may_hold_usage(events)) {
            write_without_usage(client_, events);
        } else {
            client_.write_body(Slice::copy_of(events));
        }
        while (client_.stream().is_congested()) {
            if (const std::optional<Error> stop = reason_to_stop()) {
                co_return fail(*stop);
            }
            co_await pause();
        }
        if (answer.has_event() && answer.pace() == SimulatedPace::next_token) {
            CO_TRY_VOID(co_await think(Duration::milliseconds(options.inter_token_time_ms)));
        }
    }
    client_.finish_response();
    record_.ended_in = Phase::done;
    co_return Status();
}

Status Exchange::answer_with_models(int64_t now_s) {
    const auto& models = target_->upstream->options().simulator.models;
    std::string text;
    const std::string_view path = client_.head().path;
    const size_t list = path.find(kModelsPath) + kModelsPath.size();
    if (path.size() <= list + 1) {
        providers::append_simulated_models(text, models, now_s);
    } else {
        providers::append_simulated_model(text, path.substr(list + 1), now_s);
    }
    return answer_with_json(200, text);
}

Status Exchange::answer_with_json(uint16_t status, std::string_view text) {
    http::HeadWriter writer = client_.begin_response(status);
    writer.field(HeaderId::content_type, "application/json");
    write_own_fields(writer, {status, "application/json"});
    TRY_VOID(client_.respond(writer, status, Slice::copy_of(text)));
    record_.responded = clock();
    record_.ended_in = Phase::done;
    return {};
}

}  // namespace sluice::pipeline
