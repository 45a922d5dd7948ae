// Reading bodies once more, by the client's dialect.
#include "server/trace_messages.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "base/error.h"
#include "http/types.h"
#include "json/tree.h"
#include "json/writer.h"
#include "pipeline/client_call.h"
#include "pipeline/respond_error.h"
#include "providers/dialect.h"
#include "providers/reply.h"
#include "providers/semantic_messages.h"
#include "providers/transcoder.h"
#include "providers/translation.h"
#include "trace/content.h"
#include "trace/record.h"

namespace sluice::server {

namespace {

constexpr uint16_t kOk = 200;

std::string input_of(std::string_view body, const pipeline::ClientCall& call) {
    const providers::ClientDialect* const dialect = providers::client_dialect(call.dialect);
    Arena arena;
    const auto tree = json::Value::parse(body, arena, ErrorSource::client);
    if (dialect == nullptr || !tree) {
        return "";
    }
    providers::Translation translation(arena);
    const auto request = dialect->decode_request(**tree, translation);
    std::string messages;
    if (request && !(**request).messages.empty()) {
        json::StringText text(messages);
        providers::write_input_messages(**request, text);
    }
    return messages;
}

std::string output_of(std::string_view body, const pipeline::ClientCall& call, bool is_stream) {
    const providers::UpstreamDialect* const dialect = providers::upstream_dialect(call.dialect);
    if (dialect == nullptr) {
        return "";
    }
    Arena arena;
    const std::optional<providers::Reply> reply =
        providers::read_reply(*dialect, body, is_stream, arena);
    std::string messages;
    if (reply && !reply->choices.empty()) {
        json::StringText text(messages);
        providers::write_output_messages(*reply, text);
    }
    return messages;
}

}  // namespace

TraceMessages messages_of(const trace::Record& record) {
    const trace::ExchangeFacts& exchange = record.exchange;
    // They stand on the span of an attempt.
    if (record.content == nullptr || record.attempt_count == 0) {
        return {};
    }
    const pipeline::ClientCall call =
        pipeline::client_call(http::Method::post, record.text(exchange.path));
    if (!pipeline::has_reply_text(call)) {
        return {};
    }
    TraceMessages messages;
    const trace::Content& content = *record.content;
    if (!content.request.is_cut()) {
        messages.input = input_of(content.request.view(), call);
    }
    // Of a stream that began anew, both parts would be read as one answer.
    const bool is_one_answer = !content.reply.view().contains(pipeline::kRestartMark);
    if (call.is_chat() && !content.reply.is_cut() && exchange.status == kOk && is_one_answer) {
        messages.output = output_of(content.reply.view(), call, exchange.is_stream);
    }
    return messages;
}

}  // namespace sluice::server
