// Wrapping and unwrapping.
#include "providers/emulated_json.h"

#include <string_view>

#include "base/arena.h"
#include "base/error.h"
#include "base/result.h"
#include "json/tree.h"
#include "json/unescape.h"
#include "json/writer.h"

namespace sluice::providers {

namespace {

using json::Value;

bool describes_object(const Value& schema) {
    return schema["type"].text() == "object" ||
           (schema["type"].is_nothing() && schema["properties"].is_object());
}

}  // namespace

std::string_view json_tool_for(std::string_view schema, Arena& arena) {
    const Result<const Value*> tree = Value::parse(schema, arena, ErrorSource::client);
    return tree && describes_object(**tree) ? kJsonTool : kJsonValueTool;
}

std::string_view json_tool_schema(std::string_view schema, Arena& arena) {
    const Result<const Value*> tree = Value::parse(schema, arena, ErrorSource::client);
    if (!tree || describes_object(**tree)) {
        return schema;
    }
    json::ArenaText text(arena, schema.size() + 128);
    json::Writer writer(text);
    writer.begin_object().key("type").string("object");
    writer.key("properties").begin_object().key("value").raw(schema).end_object();
    writer.key("required").begin_array().string("value").end_array();
    // References count from the root.
    for (const std::string_view shared : {"$defs", "definitions"}) {
        if ((**tree)[shared].is_object()) {
            writer.key(shared).raw((**tree)[shared].raw());
        }
    }
    writer.end_object();
    return text.view();
}

json::Text json_schema_instruction(std::string_view schema, Arena& arena) {
    json::ArenaText text(arena, schema.size() + 128);
    text.append(
        "Answer with JSON that is valid by the following JSON schema, and nothing else: no "
        "explanation, no Markdown. ");
    json::append_escaped(text, schema);
    return {text.view()};
}

json::Text unwrap_json_value(json::Text arguments, Arena& arena) {
    const Result<std::string_view> plain = json::unescape(arguments.raw, arena);
    if (!plain) {
        return arguments;
    }
    const Result<const Value*> tree = Value::parse(*plain, arena, ErrorSource::upstream);
    if (!tree || !(**tree)["value"].is_present()) {
        return arguments;
    }
    return json::escape((**tree)["value"].raw(), arena);
}

}  // namespace sluice::providers
