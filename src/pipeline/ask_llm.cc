// Encode, fetch, decode; or let the simulator think for as long as it would.
#include "pipeline/ask_llm.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "base/arena_list.h"
#include "base/error.h"
#include "base/result.h"
#include "base/time.h"
#include "coro/task.h"
#include "http/types.h"
#include "http/url.h"
#include "json/tree.h"
#include "json/writer.h"
#include "net/deadline.h"
#include "pipeline/credential_keeper.h"
#include "pipeline/exchange.h"
#include "pipeline/fetch.h"
#include "pipeline/llm_target.h"
#include "pipeline/service.h"
#include "providers/canonical.h"
#include "providers/dialect.h"
#include "providers/simulated_llm.h"
#include "providers/simulated_request.h"
#include "providers/transcoder.h"
#include "providers/translation.h"
#include "providers/vendor.h"
#include "upstream/key_ring.h"
#include "upstream/options.h"
#include "upstream/patience.h"
#include "upstream/upstream.h"

namespace sluice::pipeline {

namespace {

constexpr size_t kBodyBytesExtra = 1024;

Error llm_error(const char* where) {
    return {.kind = ErrorKind::malformed, .source = ErrorSource::upstream, .where = where};
}

// Also ends a wait for credentials, which has no time of its own.
class BoundedPatience final : public upstream::Patience {
public:
    BoundedPatience(net::Proactor& proactor, upstream::Patience& patience, Duration timeout)
        : patience_(patience), deadline_(proactor, patience.signal()) {
        deadline_.set(timeout);
    }

    coro::Signal& signal() override { return patience_.signal(); }
    std::optional<Error> reason_to_stop() override {
        if (const std::optional<Error> stop = patience_.reason_to_stop()) {
            return stop;
        }
        if (deadline_.has_passed()) {
            return Error{.kind = ErrorKind::first_byte_timeout,
                         .source = ErrorSource::upstream,
                         .where = "the model took too long"};
        }
        return std::nullopt;
    }

private:
    upstream::Patience& patience_;
    net::Deadline deadline_;
};

providers::ChatRequest request_of(const LlmQuestion& question, Arena& arena) {
    const auto parts = arena.allocate_array<providers::Part>(2);
    parts[0].text = json::escape(question.system_prompt, arena);
    parts[1].text = question.text;
    const auto messages = arena.allocate_array<providers::Message>(2);
    messages[0] = {.role = providers::Role::system, .parts = parts.first(1), .is_plain = true};
    messages[1] = {.role = providers::Role::user, .parts = parts.last(1), .is_plain = true};
    providers::ChatRequest request;
    request.model = json::escape(question.model, arena);
    request.messages = question.system_prompt.empty() ? messages.last(1) : messages;
    request.max_tokens = arena.copy(std::to_string(question.tokens_max));
    return request;
}

class LlmCall {
public:
    LlmCall(Services& services,
            upstream::Patience& patience,
            Arena& arena,
            const LlmTarget& target,
            const LlmQuestion& question)
        : services_(services),
          patience_(services.proactor, patience, question.timeout),
          arena_(arena),
          target_(target),
          question_(question),
          translation_(arena),
          body_(arena, question.text.raw.size() + question.system_prompt.size() + kBodyBytesExtra) {
    }

    coro::Task<Result<LlmAnswer>> run() {
        const bool is_simulated = target_.upstream->options().is_simulated();
        dialect_ = is_simulated ? providers::upstream_dialect(providers::Dialect::chat)
                                : providers::upstream_dialect(target_.service->vendor().dialect);
        towards_ = target_.service->target(question_.model, false);
        const providers::ChatRequest request = request_of(question_, arena_);
        if (dialect_ == nullptr) {
            co_return fail(llm_error("the provider has no dialect to be asked in"));
        }
        if (!dialect_->encode_request(request, towards_, translation_, body_)) {
            co_return fail(llm_error("the question cannot be put to this provider"));
        }
        if (is_simulated) {
            co_return co_await simulate();
        }
        co_return co_await fetch_answer();
    }

private:
    coro::Task<Result<LlmAnswer>> fetch_answer() {
        const Service& service = *target_.service;
        if (CredentialKeeper* keeper = service.credentials()) {
            CO_TRY_VOID(co_await keeper->ensure(services_.proactor, patience_));
        }
        const upstream::KeyRing::Choice choice =
            service.keys().choose(question_.model, 0, services_.proactor.now());
        if (service.keys().size() > 0 && choice.key == nullptr) {
            co_return fail(llm_error("every key of the model's provider rests"));
        }
        key_ = choice.key;
        FetchRequest request;
        request.method = http::Method::post;
        request.target = http::join_target(
            arena_, target_.upstream->url().path_prefix,
            service.path(providers::Operation::chat, question_.model, false, arena_));
        request.body = body_.view();
        request.content_type = "application/json";
        request.reply_bytes_max = question_.reply_bytes_max;
        request.timeout = question_.timeout;
        ArenaList<providers::HeaderLine> headers(arena_);
        add_headers(request.target, headers);
        request.headers = headers.view();
        CO_TRY(const FetchedReply reply,
               co_await fetch(services_.proactor, patience_, *target_.upstream, request));
        if (reply.status != 200) {
            Error error = llm_error("the model's provider did not answer with 200");
            error.kind = ErrorKind::upstream_status;
            error.status = reply.status;
            co_return fail(error);
        }
        co_return decode(arena_.copy(reply.body));
    }

    void add_headers(std::string_view target, ArenaList<providers::HeaderLine>& headers) const {
        headers.push_back({"accept", "application/json"});
        headers.push_back({"user-agent", "sluice"});
        headers.push_back({"x-request-id", question_.request_id});
        target_.service->add_fields(headers, key_);
        for (const upstream::HeaderOption& extra : target_.upstream->options().headers) {
            headers.push_back({extra.name, extra.value});
        }
        target_.service->add_signature(
            headers,
            {.method = "POST",
             .target = target,
             .host = target_.upstream->host_field(),
             .body = body_.view(),
             .now_s = services_.proactor.ring().wall_clock_ns() / 1'000'000'000},
            arena_);
    }

    Result<LlmAnswer> decode(std::string_view body) const {
        providers::WholeReply whole(arena_);
        if (!whole.decode(*dialect_, towards_, {}, body) || whole.reply().choices.empty()) {
            return fail(llm_error("the model's reply could not be read"));
        }
        const providers::ReplyChoice& choice = whole.reply().choices.front();
        return LlmAnswer{.text = choice.text,
                         .usage = whole.usage(),
                         .is_whole = choice.finish == providers::FinishReason::stop};
    }

    coro::Task<Result<LlmAnswer>> simulate() {
        const upstream::SimulatorOptions& options = target_.upstream->options().simulator;
        CO_TRY(const auto texts,
               providers::read_simulated_request(providers::SimulatedEndpoint::chat, body_.view(),
                                                 services_.document, arena_));
        const providers::SimulatedSettings settings = {
            .tokens = options.tokens,
            .created_s = services_.proactor.ring().wall_clock_ns() / 1'000'000'000,
            .id_seed = services_.prng.next()};
        const providers::SimulatedAnswer answer(texts.request, settings);
        net::Deadline thought(services_.proactor, patience_.signal());
        const Duration time =
            Duration::milliseconds(options.time_to_first_token_ms +
                                   int64_t{answer.tokens_to_make()} * options.inter_token_time_ms);
        thought.set(time);
        while (time.ns() > 0 && !thought.has_passed()) {
            if (const std::optional<Error> stop = patience_.reason_to_stop()) {
                co_return fail(*stop);
            }
            co_await patience_.signal().wait();
        }
        std::string text;
        answer.append_body(text);
        co_return decode(arena_.copy(text));
    }

    Services& services_;
    BoundedPatience patience_;
    Arena& arena_;
    const LlmTarget& target_;
    const LlmQuestion& question_;
    providers::Translation translation_;
    json::ArenaText body_;
    const upstream::Key* key_ = nullptr;  // Null where none is needed.
    const providers::UpstreamDialect* dialect_ = nullptr;
    providers::Target towards_;
};

}  // namespace

coro::Task<Result<LlmAnswer>> ask_llm(Services& services,
                                      upstream::Patience& patience,
                                      Arena& arena,
                                      const LlmTarget& target,
                                      const LlmQuestion& question) {
    LlmCall call(services, patience, arena, target, question);
    co_return co_await call.run();
}

}  // namespace sluice::pipeline
