// Whole replies and errors in Anthropic's dialect.
#include <algorithm>
#include <cstdint>
#include <string_view>

#include "base/arena.h"
#include "base/error.h"
#include "base/result.h"
#include "json/tree.h"
#include "json/unescape.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/dialect.h"
#include "providers/messages.h"
#include "providers/messages_output.h"
#include "providers/provider_error.h"
#include "providers/reply.h"
#include "providers/tool_names.h"

namespace sluice::providers {

namespace {

// The arguments as an object; empty when they are none.
std::string_view input_of(Text arguments, Arena& arena) {
    const Result<std::string_view> plain = json::unescape(arguments.raw, arena);
    if (!plain) {
        return {};
    }
    if (plain->find_first_not_of(" \t\r\n") == std::string_view::npos) {
        return "{}";
    }
    const Result<const json::Value*> tree =
        json::Value::parse(*plain, arena, ErrorSource::upstream);
    return tree && (**tree).is_object() ? (**tree).raw() : std::string_view();
}

void write_text(Text text, json::Writer& writer) {
    if (!text.empty()) {
        writer.begin_object().key("type").string("text").key("text").text(text.raw).end_object();
    }
}

void write_thinking(const ThinkingBlock& block, json::Writer& writer) {
    writer.begin_object().key("type");
    if (!block.redacted.empty()) {
        writer.string("redacted_thinking").key("data").text(block.redacted.raw);
    } else {
        writer.string("thinking").key("thinking").text(block.thinking.raw);
        writer.key("signature").text(block.signature.raw);
    }
    writer.end_object();
}

void write_call(const ReplyToolCall& call,
                const ReplyContext& context,
                Arena& arena,
                json::Writer& writer) {
    const std::string_view input = input_of(call.arguments, arena);
    writer.begin_object().key("type").string("tool_use").key("id").text(call.start.id.raw);
    writer.key("name").text(client_tool_name(call.start.name, context.renamed_tools).raw);
    writer.key("input").raw(input.empty() ? "{}" : input).end_object();
}

void write_content(const ReplyChoice& choice,
                   const ReplyContext& context,
                   Arena& arena,
                   json::Writer& writer) {
    writer.key("content").begin_array();
    for (const ThinkingBlock& block : choice.thinking) {
        write_thinking(block, writer);
    }
    if (choice.thinking.empty() && !choice.reasoning.empty()) {
        write_thinking({.thinking = choice.reasoning}, writer);
    }
    write_text(choice.text, writer);
    write_text(choice.refusal, writer);
    for (const ReplyToolCall& call : choice.tool_calls) {
        write_call(call, context, arena, writer);
    }
    writer.end_array();
}

std::string_view error_type(uint16_t status) {
    switch (status) {
        case 401:
            return "authentication_error";
        case 402:
            return "billing_error";
        case 403:
            return "permission_error";
        case 404:
            return "not_found_error";
        case 413:
            return "request_too_large";
        case 429:
            return "rate_limit_error";
        case 503:
        case 529:
            return "overloaded_error";
        case 504:
            return "timeout_error";
        default:
            return status >= 500 ? "api_error" : "invalid_request_error";
    }
}

}  // namespace

void write_messages_head(const ReplyStart& start,
                         const ReplyContext& context,
                         json::TextOutput& output,
                         json::Writer& writer) {
    constexpr std::string_view kPrefix = "msg_";
    const std::string_view id = start.id.empty() ? context.fallback_id : start.id.raw;
    writer.key("id").raw("\"");
    output.append(id.starts_with(kPrefix) ? std::string_view() : kPrefix);
    output.append(id);
    output.append('"');
    writer.key("type").string("message").key("role").string("assistant").key("model");
    if (start.model.empty()) {
        writer.string(context.requested_model);
    } else {
        writer.text(start.model.raw);
    }
}

void write_messages_usage(const Usage& usage, json::Writer& writer) {
    const auto known = [](int64_t count) { return std::max<int64_t>(0, count); };
    const int64_t cached = known(usage.cached_tokens);
    const int64_t written = known(usage.cache_write_tokens);
    writer.begin_object().key("input_tokens");
    writer.integer(known(usage.prompt_tokens - cached - written));
    writer.key("cache_creation_input_tokens").integer(written);
    writer.key("cache_read_input_tokens").integer(cached);
    writer.key("output_tokens").integer(known(usage.completion_tokens)).end_object();
}

std::string_view messages_stop_reason(FinishReason reason, bool has_refused) {
    switch (reason) {
        case FinishReason::stop:
            return has_refused ? "refusal" : "end_turn";
        case FinishReason::length:
            return "max_tokens";
        case FinishReason::tool_calls:
            return "tool_use";
        case FinishReason::content_filter:
            return "refusal";
    }
    return "end_turn";
}

// Anthropic's clients want an object as input. Arguments that were cut by the limit become an empty
// one, and the stop reason says so; others that are none mean that the reply is broken.
Status check_messages_reply(const Reply& reply, Arena& arena) {
    for (const ReplyChoice& choice :
         reply.choices.first(std::min<size_t>(1, reply.choices.size()))) {
        for (const ReplyToolCall& call : choice.tool_calls) {
            if (choice.finish != FinishReason::length && input_of(call.arguments, arena).empty()) {
                return fail(
                    {.kind = ErrorKind::malformed,
                     .source = ErrorSource::upstream,
                     .where = "The upstream's tool call has arguments that are no object."});
            }
        }
    }
    return {};
}

void encode_messages_reply(const Reply& reply,
                           const ReplyContext& context,
                           json::TextOutput& output,
                           Arena& arena) {
    const ReplyChoice choice = reply.choices.empty() ? ReplyChoice{} : reply.choices.front();
    json::Writer writer(output);
    writer.begin_object();
    write_messages_head(reply.start, context, output, writer);
    write_content(choice, context, arena, writer);
    writer.key("stop_reason").string(messages_stop_reason(choice.finish, !choice.refusal.empty()));
    writer.key("stop_sequence").null().key("usage");
    write_messages_usage(reply.usage, writer);
    writer.end_object();
}

void encode_messages_error(const ProviderError& error,
                           std::string_view request_id,
                           json::TextOutput& output) {
    // Coding agents know by these words that their history is to be made shorter.
    constexpr std::string_view kTooLong = "prompt is too long";
    json::Writer writer(output);
    writer.begin_object().key("type").string("error").key("error").begin_object();
    writer.key("type").string(error_type(error.status)).key("message");
    if (error.refusal == Refusal::context_length && !error.message.starts_with(kTooLong)) {
        Arena arena;
        writer.string(arena.join({kTooLong, ": ", error.message}));
    } else {
        writer.string(error.message);
    }
    writer.end_object();
    if (!request_id.empty()) {
        writer.key("request_id").string(request_id);
    }
    writer.end_object();
}

void encode_messages_error_event(const ProviderError& error,
                                 std::string_view request_id,
                                 json::TextOutput& output) {
    output.append("event: error\ndata: ");
    encode_messages_error(error, request_id, output);
    output.append("\n\n");
}

uint16_t messages_status(uint16_t status) {
    constexpr uint16_t kUnavailable = 503;
    constexpr uint16_t kOverloaded = 529;
    return status == kUnavailable ? kOverloaded : status;
}

extern constinit const ClientDialect kMessagesClient = {
    .id = Dialect::messages,
    .decode_request = decode_messages_request,
    .make_stream_encoder = make_messages_stream_encoder,
    .encode_reply = encode_messages_reply,
    .encode_error = encode_messages_error,
    .encode_error_event = encode_messages_error_event,
    .status = messages_status,
    .check_reply = check_messages_reply,
};

}  // namespace sluice::providers
