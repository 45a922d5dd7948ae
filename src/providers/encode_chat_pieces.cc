// Ids, finish reasons, usage and reasoning as OpenAI's clients want them.
#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/text.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/dialect.h"
#include "providers/encode_chat.h"
#include "providers/provider_error.h"
#include "providers/reply.h"
#include "providers/usage_details.h"

namespace sluice::providers {

namespace {

constexpr size_t kDigitsMax = 20;

// OpenAI allows forty characters; what is left holds the number of the call.
constexpr size_t kCallIdBytes = 24;

int64_t known(int64_t count) {
    return std::max<int64_t>(count, 0);
}

void write_details(const Usage& usage,
                   std::string_view key,
                   std::span<const UsageDetail> details,
                   json::Writer& writer) {
    const auto is_reported = [&usage](const UsageDetail& detail) {
        return usage.*detail.count >= 0;
    };
    if (std::ranges::none_of(details, is_reported)) {
        return;
    }
    writer.key(key).begin_object();
    for (const UsageDetail& detail : details) {
        if (is_reported(detail)) {
            writer.key(detail.name).integer(usage.*detail.count);
        }
    }
    writer.end_object();
}

void write_nullable(std::string_view key, std::string_view value, json::Writer& writer) {
    writer.key(key);
    value.empty() ? writer.null() : writer.string(value);
}

}  // namespace

void write_chat_reply_id(const ReplyStart& start,
                         const ReplyContext& context,
                         json::TextOutput& output) {
    if (!start.id.empty()) {
        output.append(start.id.raw);
        return;
    }
    output.append("chatcmpl-");
    json::append_escaped(output, context.fallback_id);
}

void write_tool_call_id(const ToolCallStart& start,
                        const ReplyContext& context,
                        uint32_t choice,
                        uint32_t call,
                        json::TextOutput& output) {
    if (!start.id.empty()) {
        output.append(start.id.raw);
        return;
    }
    output.append("call_");
    json::append_escaped(output, context.fallback_id.substr(0, kCallIdBytes));
    output.append('_');
    output.commit(
        write_hex(uint64_t{choice} * ReplyOrder::kToolCallsMax + call, output.room(kDigitsMax)));
}

std::string_view finish_name(FinishReason reason, bool uses_functions) {
    switch (reason) {
        case FinishReason::stop:
            return "stop";
        case FinishReason::length:
            return "length";
        case FinishReason::tool_calls:
            return uses_functions ? "function_call" : "tool_calls";
        case FinishReason::content_filter:
            return "content_filter";
    }
    return "stop";
}

void write_usage(const Usage& usage, json::Writer& writer) {
    writer.begin_object();
    writer.key("prompt_tokens").integer(known(usage.prompt_tokens));
    writer.key("completion_tokens").integer(known(usage.completion_tokens));
    writer.key("total_tokens").integer(usage.total());
    write_details(usage, "prompt_tokens_details", kPromptDetails, writer);
    write_details(usage, "completion_tokens_details", kCompletionDetails, writer);
    writer.end_object();
}

void write_thinking_block(const ThinkingBlock& block, json::Writer& writer) {
    writer.begin_object().key("type");
    if (!block.redacted.empty()) {
        writer.string("redacted_thinking").key("data").text(block.redacted.raw).end_object();
        return;
    }
    writer.string("thinking").key("thinking").text(block.thinking.raw);
    writer.key("signature").text(block.signature.raw).end_object();
}

void write_signature(Text signature, json::Writer& writer) {
    if (!signature.empty()) {
        writer.key("extra_content").begin_object().key("google").begin_object();
        writer.key("thought_signature").text(signature.raw).end_object().end_object();
    }
}

void encode_chat_error(const ProviderError& error, std::string_view, json::TextOutput& output) {
    json::Writer writer(output);
    writer.begin_object().key("error").begin_object();
    writer.key("message").string(error.message);
    writer.key("type").string(error.type);
    write_nullable("param", error.param, writer);
    write_nullable("code", error.code, writer);
    writer.end_object().end_object();
}

void encode_chat_error_event(const ProviderError& error,
                             std::string_view request_id,
                             json::TextOutput& output) {
    output.append("data: ");
    encode_chat_error(error, request_id, output);
    output.append("\n\n");
}

}  // namespace sluice::providers
