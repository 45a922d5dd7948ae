// The wire protocols: n readers and n writers around one canonical form, not n times n.
//
// A client dialect decodes requests and encodes replies; an upstream dialect encodes requests and
// decodes replies. Some do both. Each has a row in the tables of dialect_table.cc. Everything here
// is pure: bytes in, bytes out, memory from the arena that is given, time as an argument.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "base/result.h"
#include "json/tree.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/provider_error.h"
#include "providers/reply.h"
#include "providers/translation.h"

namespace sluice::providers {

struct Target;

enum class Dialect : uint8_t {
    chat,              // OpenAI chat completions.
    completions,       // OpenAI legacy completions; clients only.
    responses,         // OpenAI Responses; clients only, or relayed.
    messages,          // Anthropic Messages.
    generate_content,  // Gemini.
    converse,          // Bedrock Converse.
    invoke_messages,   // Anthropic Messages by way of Bedrock's InvokeModel.
    ollama,            // Ollama's own.
};
inline constexpr size_t kDialects = static_cast<size_t>(Dialect::ollama) + 1;

// How a streamed reply is cut into messages.
enum class Framing : uint8_t {
    sse,
    ndjson,
    aws_event_stream,
    aws_chunks,  // Likewise, around events of the model's own.
};

constexpr bool is_aws(Framing framing) {
    return framing == Framing::aws_event_stream || framing == Framing::aws_chunks;
}

// What an encoder of replies knows of the request.
struct ReplyContext {
    std::string_view fallback_id;  // Unique, plain, without a prefix: for replies without an id.
    std::string_view requested_model;  // Plain; where the provider names none.
    int64_t now_s = 0;                 // Seconds since 1970.
    bool include_usage = false;        // Streams: the client asked for the usage chunk.
    bool uses_functions = false;       // The form before tools.
    bool is_stream = false;
    std::span<const RenamedTool> renamed_tools = {};  // Of the request.
    std::string_view echo = {};                       // ChatRequest::echo
    // The reply is in the client's dialect already: its events and its whole text stay as they are,
    // and the encoder says errors only. Of Anthropic's dialect.
    bool passes_on = false;
};

// Encodes a stream; made in an arena. What goes to the client is appended to the output given when
// it was made.
class StreamEncoder : public ReplySink {
public:
    // What it holds of the reply until the end, where a dialect's last event repeats all of it.
    virtual uint64_t kept_bytes() const { return 0; }

protected:
    ~StreamEncoder() = default;
};

struct ClientDialect {
    Dialect id;
    Result<const ChatRequest*> (*decode_request)(const json::Value& body, Translation& translation);
    StreamEncoder& (*make_stream_encoder)(const ReplyContext& context,
                                          json::TextOutput& output,
                                          Arena& arena);
    void (*encode_reply)(const Reply& reply,
                         const ReplyContext& context,
                         json::TextOutput& output,
                         Arena& arena);
    // A whole body, and an event inside a stream (with its framing).
    void (*encode_error)(const ProviderError& error,
                         std::string_view request_id,
                         json::TextOutput& output);
    void (*encode_error_event)(const ProviderError& error,
                               std::string_view request_id,
                               json::TextOutput& output);
    // The status that clients of this dialect expect for one of OpenAI's (Anthropic: 529 for 503).
    uint16_t (*status)(uint16_t status);
    // Whether a whole reply can be said in this dialect at all; null: always.
    Status (*check_reply)(const Reply& reply, Arena& arena) = nullptr;
};

struct UpstreamDialect {
    Dialect id;
    Framing framing;
    Status (*encode_request)(const ChatRequest& request,
                             const Target& target,
                             Translation& translation,
                             json::TextOutput& body);
    ReplyDecoder& (*make_decoder)(ReplyOrder& order, const Target& target, Arena& arena);
};

// Null when the dialect is not spoken on that side.
const ClientDialect* client_dialect(Dialect dialect);
const UpstreamDialect* upstream_dialect(Dialect dialect);
std::string_view dialect_name(Dialect dialect);

}  // namespace sluice::providers
