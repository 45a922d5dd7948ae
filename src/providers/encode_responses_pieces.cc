// The response object and its items, written by hand: all of it has a fixed form.
#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "base/text.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/dialect.h"
#include "providers/encode_chat.h"
#include "providers/provider_error.h"
#include "providers/reply.h"
#include "providers/responses_output.h"

namespace sluice::providers {

namespace {

constexpr std::string_view kChatPrefix = "chatcmpl-";
constexpr std::string_view kResponsePrefix = "resp_";
constexpr size_t kDigitsMax = 20;

std::string_view item_prefix(ItemKind kind) {
    switch (kind) {
        case ItemKind::reasoning:
            return "rs_";
        case ItemKind::call:
            return "fc_";
        default:
            return "msg_";
    }
}

std::string_view status_name(ItemStatus status) {
    switch (status) {
        case ItemStatus::in_progress:
            return "in_progress";
        case ItemStatus::completed:
            return "completed";
        case ItemStatus::incomplete:
            return "incomplete";
    }
    return "";
}

std::string_view status_name(ResponseStatus status) {
    switch (status) {
        case ResponseStatus::in_progress:
            return "in_progress";
        case ResponseStatus::completed:
            return "completed";
        case ResponseStatus::incomplete:
            return "incomplete";
        case ResponseStatus::failed:
            return "failed";
    }
    return "";
}

int64_t known(int64_t count) {
    return std::max<int64_t>(count, 0);
}

void write_responses_usage(const Usage& usage, json::Writer& writer) {
    writer.begin_object().key("input_tokens").integer(known(usage.prompt_tokens));
    writer.key("input_tokens_details").begin_object();
    writer.key("cached_tokens").integer(known(usage.cached_tokens));
    if (usage.cache_write_tokens >= 0) {
        writer.key("cache_write_tokens").integer(usage.cache_write_tokens);
    }
    writer.end_object().key("output_tokens").integer(known(usage.completion_tokens));
    writer.key("output_tokens_details").begin_object();
    writer.key("reasoning_tokens").integer(known(usage.reasoning_tokens)).end_object();
    writer.key("total_tokens").integer(usage.total()).end_object();
}

void write_failure(const ProviderError* error, json::Writer& writer) {
    writer.key("error");
    if (error == nullptr) {
        writer.null();
        return;
    }
    writer.begin_object().key("code").string(error->code.empty() ? error->type : error->code);
    writer.key("message").string(error->message).end_object();
}

void write_incompleteness(const ResponsesObject& response, json::Writer& writer) {
    writer.key("incomplete_details");
    if (response.status != ResponseStatus::incomplete) {
        writer.null();
        return;
    }
    writer.begin_object().key("reason");
    writer.string(response.reason == FinishReason::length ? "max_output_tokens" : "content_filter");
    writer.end_object();
}

}  // namespace

ResponsesObject begin_response(const ReplyStart& start, const ReplyContext& context, Arena& arena) {
    std::string_view id =
        start.id.empty() ? json::escape(context.fallback_id, arena).raw : start.id.raw;
    for (const std::string_view prefix : {kChatPrefix, kResponsePrefix}) {
        if (id.starts_with(prefix)) {
            id.remove_prefix(prefix.size());
        }
    }
    return {.id = {arena.join({kResponsePrefix, id})},
            .model = {arena.copy(start.model.raw)},
            .created_s = start.created_s > 0 ? start.created_s : context.now_s};
}

ResponsesItem begin_item(ItemKind kind, uint32_t index, const ResponsesObject& of, Arena& arena) {
    json::ArenaText id(arena, of.id.raw.size() + kDigitsMax);
    id.append(item_prefix(kind));
    id.append(of.id.raw.substr(kResponsePrefix.size()));
    id.append('_');
    id.commit(write_decimal(index, id.room(kDigitsMax)));
    return {.kind = kind, .id = {id.view()}};
}

ResponseStatus response_status(FinishReason reason) {
    const bool is_cut = reason == FinishReason::length || reason == FinishReason::content_filter;
    return is_cut ? ResponseStatus::incomplete : ResponseStatus::completed;
}

void write_response_part(ItemKind kind, Text text, json::TextOutput& output) {
    json::Writer writer(output);
    writer.begin_object().key("type");
    if (kind == ItemKind::text) {
        writer.string("output_text").key("annotations").begin_array().end_array();
        writer.key("logprobs").begin_array().end_array().key("text").text(text.raw);
    } else if (kind == ItemKind::refusal) {
        writer.string("refusal").key("refusal").text(text.raw);
    } else {
        writer.string("summary_text").key("text").text(text.raw);
    }
    writer.end_object();
}

void write_response_item(const ResponsesItem& item, json::TextOutput& output) {
    json::Writer writer(output);
    writer.begin_object().key("id").text(item.id.raw).key("type");
    if (item.kind == ItemKind::call) {
        writer.string("function_call").key("status").string(status_name(item.status));
        writer.key("call_id").text(item.call_id.raw).key("name").text(item.name.raw);
        writer.key("arguments").text(item.text.raw);
        write_signature(item.signature, writer);
        writer.end_object();
        return;
    }
    const bool is_reasoning = item.kind == ItemKind::reasoning;
    writer.string(is_reasoning ? "reasoning" : "message");
    writer.key("status").string(status_name(item.status));
    if (!is_reasoning) {
        writer.key("role").string("assistant");
    }
    writer.key(is_reasoning ? "summary" : "content").begin_array();
    // At its start an item has no parts yet.
    if (item.status != ItemStatus::in_progress) {
        write_response_part(item.kind, item.text, output);
    }
    writer.end_array().end_object();
}

void write_response(const ResponsesObject& response,
                    const ReplyContext& context,
                    json::TextOutput& output) {
    json::Writer writer(output);
    writer.begin_object().key("id").text(response.id.raw).key("object").string("response");
    writer.key("created_at").integer(response.created_s);
    writer.key("status").string(status_name(response.status));
    writer.key("background").boolean(false);
    write_failure(response.error, writer);
    write_incompleteness(response, writer);
    writer.key("model");
    response.model.empty() ? writer.string(context.requested_model)
                           : writer.text(response.model.raw);
    writer.key("output").begin_array();
    for (const ResponsesItem& item : response.items) {
        output.append(output.back() == '[' ? "" : ",");
        write_response_item(item, output);
    }
    writer.end_array();
    if (!context.echo.empty()) {
        writer.raw(context.echo);
    }
    writer.key("usage");
    if (response.usage == nullptr) {
        writer.null();
    } else {
        write_responses_usage(*response.usage, writer);
    }
    writer.end_object();
}

}  // namespace sluice::providers
