// The question, the way there, and what the answer means.
#include "pipeline/processors/guard_webhook.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "base/error.h"
#include "base/local_ptr.h"
#include "base/result.h"
#include "base/time.h"
#include "coro/task.h"
#include "http/types.h"
#include "http/web_url.h"
#include "json/tree.h"
#include "json/writer.h"
#include "pipeline/exchange.h"
#include "pipeline/exchange_record.h"
#include "pipeline/fetch.h"
#include "pipeline/guard_options.h"
#include "pipeline/json_text.h"
#include "pipeline/processor.h"
#include "pipeline/processors/guard.h"
#include "pipeline/remote_hosts.h"
#include "upstream/options.h"
#include "upstream/upstream.h"

namespace sluice::pipeline {

namespace {

constexpr size_t kQuestionBytesFirst = 1024;
constexpr size_t kReasonBytesMax = 512;

Error webhook_error(const char* where) {
    return {.kind = ErrorKind::malformed, .source = ErrorSource::upstream, .where = where};
}

std::string_view question(const ProcessorContext& context,
                          std::string_view direction,
                          std::span<const std::string_view> texts) {
    json::ArenaText text(context.arena, kQuestionBytesFirst);
    json::Writer writer(text);
    writer.begin_object();
    writer.key("direction").string(direction);
    writer.key("request_id").string(context.record.request_id);
    writer.key("model").string(context.record.model);
    writer.key("key").string(context.record.key_name);
    writer.key("tenant").string(context.record.tenant);
    writer.key("texts").begin_array();
    for (const std::string_view one : texts) {
        writer.string(one);
    }
    writer.end_array();
    writer.end_object();
    return text.view();
}

// One for the shard, kept with the snapshot, so that its connections serve again.
upstream::Upstream* webhook_of(const ProcessorContext& context,
                               const GuardParts& parts,
                               const http::WebUrl& url) {
    if (!parts.webhook) {
        upstream::UpstreamOptions options;
        options.name = "guard/" + std::string(parts.name);
        options.base_url = url.origin;
        options.timeouts.connect_ms = parts.options.webhook_timeout_ms;
        parts.webhook = context.services->remote_hosts.open(options, upstream::Reach::any);
    }
    return parts.webhook.get();
}

}  // namespace

coro::Task<Result<WebhookAnswer>> ask_webhook(ProcessorContext& context,
                                              const GuardParts& parts,
                                              std::string_view direction,
                                              std::span<const std::string_view> texts) {
    const std::optional<http::WebUrl> url = http::parse_web_url(parts.options.webhook_url);
    upstream::Upstream* const upstream = url ? webhook_of(context, parts, *url) : nullptr;
    if (!url || upstream == nullptr) {
        co_return fail(webhook_error("the webhook's certificate cannot be verified"));
    }
    const LocalPtr<upstream::Upstream> held(parts.webhook);
    FetchRequest request;
    request.method = http::Method::post;
    request.target = url->target;
    request.body = question(context, direction, texts);
    request.content_type = "application/json";
    request.reply_bytes_max = parts.options.webhook_bytes_max;
    request.timeout = Duration::milliseconds(parts.options.webhook_timeout_ms);
    CO_TRY(const FetchedReply reply,
           co_await fetch(context.services->proactor, *context.patience, *upstream, request));
    if (reply.status != 200) {
        Error error = webhook_error("the webhook did not answer with 200");
        error.kind = ErrorKind::upstream_status;
        error.status = reply.status;
        co_return fail(error);
    }
    co_return read_webhook_answer(context.arena.copy(reply.body), texts.size(), context.arena);
}

Result<WebhookAnswer> read_webhook_answer(std::string_view body, size_t count, Arena& arena) {
    const auto tree = json::Value::parse(body, arena, ErrorSource::upstream);
    if (!tree) {
        return fail(webhook_error("the webhook's answer is not JSON"));
    }
    const json::Value& answer = **tree;
    WebhookAnswer read;
    const json::Text action = answer["action"].text();
    read.reason = plain_text(answer["reason"].text().raw, arena).substr(0, kReasonBytesMax);
    if (action == "allow") {
        return read;
    }
    if (action == "block") {
        read.action = WebhookAnswer::Action::block;
        return read;
    }
    if (!(action == "redact")) {
        return fail(webhook_error("the webhook's answer has no known action"));
    }
    const json::Value& texts = answer["texts"];
    if (!texts.is_array() || texts.size() != count) {
        return fail(webhook_error("the webhook's answer has another number of texts"));
    }
    const auto list = arena.allocate_array<std::string_view>(count);
    size_t next = 0;
    for (const json::Value& text : texts) {
        if (!text.is_string()) {
            return fail(webhook_error("the webhook's answer has texts that are none"));
        }
        list[next++] = plain_text(text.text().raw, arena);
    }
    read.action = WebhookAnswer::Action::redact;
    read.texts = list;
    return read;
}

}  // namespace sluice::pipeline
