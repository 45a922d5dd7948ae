// response_format of a chat request: by a field where the service has one, else by words.
#include <string_view>

#include "base/result.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/encode_chat_request.h"
#include "providers/translation.h"
#include "providers/vendor.h"

namespace sluice::providers {

namespace {

constexpr std::string_view kOneObject =
    "Answer with a single JSON object and nothing else: no explanation, no code fence.";
constexpr std::string_view kFollowing = " The object must be valid under this JSON schema:\\n";

// The inside of a JSON string.
std::string_view instruct(ChatBody& body) {
    const std::string_view schema = body.request.response_format.schema;
    json::ArenaText text(body.translation.arena(), 256 + 2 * schema.size());
    text.append(kOneObject);
    if (!schema.empty()) {
        text.append(kFollowing);
        json::append_escaped(text, schema);
    }
    return text.view();
}

void write_schema(ChatBody& body, const ResponseFormat& format) {
    json::Writer& writer = body.writer;
    writer.key("json_schema").begin_object().key("name").text(format.name.raw);
    if (!format.description.empty()) {
        writer.key("description").text(format.description.raw);
    }
    if (!format.schema.empty()) {
        writer.key("schema").raw(format.schema);
    }
    if (format.strict) {
        writer.key("strict").boolean(*format.strict);
    }
    writer.end_object();
}

// TGI wants a grammar, and has none beside tools.
Status write_grammar(ChatBody& body, const ResponseFormat& format) {
    if (!body.request.tools.empty()) {
        return body.translation.refuse("response_format",
                                       "The server does not take tools and a format together.");
    }
    const std::string_view schema =
        format.schema.empty() ? std::string_view(R"({"type":"object"})") : format.schema;
    json::Writer& writer = body.writer;
    writer.key("response_format").begin_object().key("type");
    if (format.kind == FormatKind::json_object) {
        writer.string("json").key("value").raw(schema).end_object();
        return {};
    }
    writer.string("json_schema").key("value").begin_object();
    writer.key("name").text(format.name.raw).key("schema").raw(schema);
    writer.end_object().end_object();
    return {};
}

void write_json_object(ChatBody& body, const ResponseFormat& format) {
    json::Writer& writer = body.writer;
    writer.key("response_format").begin_object().key("type").string("json_object");
    if (format.kind == FormatKind::json_object && !format.schema.empty()) {
        writer.key("schema").raw(format.schema);
    }
    writer.end_object();
}

}  // namespace

Result<std::string_view> encode_chat_format(ChatBody& body) {
    const ResponseFormat& format = body.request.response_format;
    const Capabilities& can = body.target.capabilities();
    json::Writer& writer = body.writer;
    if (format.kind == FormatKind::absent) {
        return std::string_view();
    }
    if (format.kind == FormatKind::text) {
        if (!body.target.has(Quirk::tgi_request)) {
            writer.key("response_format").begin_object().key("type").string("text").end_object();
        }
        return std::string_view();
    }
    if (body.target.has(Quirk::tgi_request)) {
        TRY_VOID(write_grammar(body, format));
        return std::string_view();
    }
    if (format.kind == FormatKind::json_schema && can.json_schema) {
        writer.key("response_format").begin_object().key("type").string("json_schema");
        write_schema(body, format);
        writer.end_object();
        return std::string_view();
    }
    if (can.json_object) {
        write_json_object(body, format);
    }
    if (format.kind == FormatKind::json_schema) {
        TRY_VOID(body.translation.drop("response_format.json_schema"));
        return instruct(body);
    }
    return can.json_object ? std::string_view() : instruct(body);
}

}  // namespace sluice::providers
