// A request in one dialect becomes a request in another: read whole, decoded, encoded, dispatched.
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/arena.h"
#include "base/error.h"
#include "base/result.h"
#include "base/slice.h"
#include "base/slice_queue.h"
#include "base/time.h"
#include "coro/task.h"
#include "http/header_names.h"
#include "json/tree.h"
#include "pipeline/continuation.h"
#include "pipeline/exchange.h"
#include "pipeline/fetch_remote.h"
#include "pipeline/llm_target.h"
#include "pipeline/output_text.h"
#include "pipeline/request_intake.h"
#include "pipeline/service.h"
#include "pipeline/snapshot.h"
#include "pipeline/translated.h"
#include "providers/canonical.h"
#include "providers/dialect.h"
#include "providers/messages.h"
#include "providers/remote_content.h"
#include "providers/token_estimate.h"
#include "providers/translation.h"
#include "providers/vendor.h"

namespace sluice::pipeline {

namespace {

using providers::Operation;

}  // namespace

// Refusals of the translation keep their words for the answer.
Error Exchange::keep_refusal(const Error& error) {
    const providers::Translation& translation = translated_->translation;
    if (!translation.refused_message().empty()) {
        refusal_ = &client_.arena().make<providers::ProviderError>(providers::ProviderError{
            .status = 400,
            .type = "invalid_request_error",
            .code = translation.refused_code(),
            .param = client_.arena().copy(translation.refused_param()),
            .message = client_.arena().copy(translation.refused_message())});
    }
    return error;
}

// What every translation begins with; the parsed body is returned.
Result<const json::Value*> Exchange::begin_translation() {
    translated_ = translation_for(*target_, model_for_upstream());
    return parse_whole(intake_->held());
}

std::unique_ptr<Translated> Exchange::translation_for(const LlmTarget& target,
                                                      std::string_view model) {
    const Service& service = *target.service;
    auto translated = std::make_unique<Translated>(
        client_.arena(), service.policy(), TenantSignatures(services_.signatures, record_.tenant));
    translated->client = providers::client_dialect(call_.dialect);
    translated->upstream = providers::upstream_dialect(service.vendor().dialect);
    translated->target = service.target(model, wants_stream_);
    translated->target.signatures = &translated->signatures;
    const bool is_embedding = call_.operation == Operation::embeddings;
    translated->path = service.path(is_embedding ? Operation::embeddings : Operation::chat, model,
                                    wants_stream_, client_.arena());
    translated->context = {.fallback_id = record_.request_id,
                           .requested_model = record_.model,
                           .now_s = services_.proactor.ring().wall_clock_ns() / 1'000'000'000,
                           .is_stream = wants_stream_};
    return translated;
}

// What is decoded looks into the text, and the body gives way to its translation.
Result<const json::Value*> Exchange::parse_whole(const SliceQueue& body) {
    Arena& arena = client_.request_arena();
    auto* const text = static_cast<char*>(arena.allocate(body.size_bytes(), 1));
    const size_t size = body.copy_out(0, body.size_bytes(), text);
    return json::Value::parse({text, size}, arena, ErrorSource::client);
}

// What the reply will need of the request. True when usage is asked for that the client does not
// want to see.
bool Exchange::take_context(Translated& translated, const providers::ChatRequest& request) const {
    const bool strips_usage = wants_stream_ && !request.include_usage && hides_usage();
    translated.context.include_usage = request.include_usage || strips_usage;
    translated.context.uses_functions = request.uses_functions;
    translated.context.renamed_tools = request.renamed_tools;
    translated.context.echo = request.echo;
    return strips_usage;
}

void Exchange::replace_body(Slice body) {
    SliceQueue whole;
    whole.push_back(std::move(body));
    intake_->replace_held(std::move(whole));
    request_sent_whole_ = false;
}

coro::Task<Status> Exchange::translate() {
    CO_TRY(const json::Value* body, begin_translation());
    Translated& translated = *translated_;
    if (passes_on_messages(*target_)) {
        replace_body(hosted_request(translated, *body));
        co_return co_await ask_translated();
    }
    const auto request = translated.client->decode_request(*body, translated.translation);
    if (!request) {
        co_return fail(keep_refusal(request.error()));
    }
    if (call_.operation == Operation::count_tokens) {
        co_return answer_with_count(**request);
    }
    strips_usage_ = take_context(translated, **request);
    const providers::ChatRequest* asked = *request;
    if (continues_streams() && has_told_part()) {
        asked = continuation_->continued(asked, client_.request_arena());
    } else if (continues_streams() && Continuation::can_follow(**request)) {
        continuation_ = std::make_unique<Continuation>();
    }
    CO_TRY_VOID(co_await encode_for_upstream(*asked, body->raw().size()));
    co_return co_await ask_translated();
}

Status Exchange::answer_with_count(const providers::ChatRequest& request) {
    const std::string tokens = std::to_string(providers::estimate_prompt_tokens(request));
    const std::string text = "{\"input_tokens\":" + tokens + "}";
    return answer_with_json(200, text);
}

// Anthropic's API on both sides, though another cloud hosts it: nothing is lost that nobody here
// knows. Filters of the reply want to read and write it.
bool Exchange::passes_on_messages(const LlmTarget& target) const {
    return call_.operation == Operation::chat && call_.dialect == providers::Dialect::messages &&
           !target.service->vendor().hosted_version.empty() && reply_filters().empty() &&
           !continues_streams();
}

Slice Exchange::hosted_request(Translated& translated, const json::Value& body) {
    translated.context.passes_on = true;
    const std::string_view betas = client_.head().headers.value(http::HeaderId::anthropic_beta);
    BodyText text(body.raw().size() + betas.size() + kWrappingBytes);
    providers::write_hosted_request(body, translated.target, betas, text);
    return text.take();
}

// Until it has an answer, or nothing is left to try.
coro::Task<Status> Exchange::ask_translated() {
    while (true) {
        CO_TRY_VOID(co_await ask());
        Status done;
        if (wants_stream_) {
            done = co_await transcode_stream();
        } else {
            done = co_await transcode_whole();
        }
        if (done) {
            co_return done;
        }
        CO_TRY(const bool again, co_await goes_again(done.error()));
        if (!again) {
            co_return done;
        }
    }
}

// The body becomes that of the upstream's dialect. `bytes`: of the client's.
coro::Task<Status> Exchange::encode_for_upstream(const providers::ChatRequest& request,
                                                 size_t bytes) {
    Translated& translated = *translated_;
    const providers::ChatRequest* whole = &request;
    std::vector<RemoteFile> files;
    const auto remote =
        providers::remote_parts(request, translated.target, client_.request_arena());
    if (!remote.empty() && snapshot_->remote_content.enabled) {
        const Instant began = clock();
        const auto fetched = co_await fetch_remote(request, remote, files);
        waited_ = waited_ + (clock() - began);
        if (!fetched) {
            co_return fail(keep_refusal(fetched.error()));
        }
        whole = *fetched;
        for (const RemoteFile& file : files) {
            bytes += file.base64.size();
        }
    }
    BodyText encoded(bytes + kWrappingBytes);
    const Status done = translated.upstream->encode_request(*whole, translated.target,
                                                            translated.translation, encoded);
    if (!done) {
        co_return fail(keep_refusal(done.error()));
    }
    replace_body(encoded.take());
    co_return Status();
}

}  // namespace sluice::pipeline
