// Embeddings at services that want them asked for in another form, some of them one text at a time.
#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/result.h"
#include "coro/task.h"
#include "http/h1_writer.h"
#include "http/header_names.h"
#include "http/server_exchange.h"
#include "json/tree.h"
#include "pipeline/exchange.h"
#include "pipeline/exchange_record.h"
#include "pipeline/output_text.h"
#include "pipeline/service.h"
#include "pipeline/translated.h"
#include "providers/embeddings.h"
#include "providers/provider_error.h"
#include "upstream/upstream.h"

namespace sluice::pipeline {

namespace {

constexpr size_t kTextBytesFirst = 4096;

constexpr Error kUpstreamRefused = {.kind = ErrorKind::upstream_status,
                                    .source = ErrorSource::upstream,
                                    .where = "the upstream's reply could not be translated"};

}  // namespace

coro::Task<Status> Exchange::translate_embeddings() {
    CO_TRY(const json::Value* body, begin_translation());
    Translated& translated = *translated_;
    providers::Translation& translation = translated.translation;
    const auto request = providers::decode_embedding_request(*body, translation);
    if (!request) {
        co_return fail(keep_refusal(request.error()));
    }
    const auto form = providers::embedding_form(translated.target, translation);
    if (!form) {
        co_return fail(keep_refusal(form.error()));
    }
    const size_t step = providers::embedding_inputs_max(*form, translated.target.model);
    providers::EmbeddingReply reply(client_.arena());
    providers::ProviderError failure;
    for (size_t first = 0; first < (*request)->inputs; first += step) {
        const size_t count = std::min(step, (*request)->inputs - first);
        BodyText encoded(kTextBytesFirst);
        const Status done = providers::encode_embedding_request(
            **request, *form, translated.target, {first, count}, translation, encoded);
        if (!done) {
            co_return fail(keep_refusal(done.error()));
        }
        replace_body(encoded.take());
        // What the calls before this one have used stands, whatever becomes of it.
        record_.usage.prompt_tokens =
            static_cast<uint64_t>(std::max<int64_t>(reply.prompt_tokens, 0));
        record_.usage.is_known = first > 0;
        CO_TRY_VOID(co_await ask());
        CO_TRY(const std::string_view answer,
               co_await read_reply(target_->service->reply_bytes_max()));
        lease_.give_back(request_sent_whole_);
        if (!providers::decode_embedding_reply(answer, *form, count, client_.arena(), reply,
                                               failure)) {
            refusal_ = &client_.arena().make<providers::ProviderError>(failure);
            co_return fail(kUpstreamRefused);
        }
    }
    if (reply.model.empty()) {
        reply.model = json::escape(record_.model, client_.arena());
    }
    BodyText text(kTextBytesFirst);
    if (!providers::encode_embedding_reply(reply, **request, text)) {
        refusal_ = &client_.arena().make<providers::ProviderError>(
            providers::invalid_reply("The upstream's vectors could not be read."));
        co_return fail(kUpstreamRefused);
    }
    record_.usage = {.prompt_tokens = static_cast<uint64_t>(reply.prompt_tokens), .is_known = true};
    http::HeadWriter writer = client_.begin_response(200);
    writer.field(http::HeaderId::content_type, "application/json");
    write_own_fields(writer, {200, "application/json"});
    CO_TRY_VOID(client_.respond(writer, 200, text.take()));
    record_.responded = clock();
    record_.ended_in = Phase::done;
    co_return Status();
}

}  // namespace sluice::pipeline
