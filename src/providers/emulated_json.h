// JSON output where a model has no mode for it: a tool whose arguments are the answer, or a
// sentence in the system text.
//
// Who encodes the request and who decodes the reply know of each other only by the names of these
// tools, which no client uses.
#pragma once

#include <string_view>

#include "base/arena.h"
#include "json/tree.h"
#include "json/writer.h"

namespace sluice::providers {

// The arguments of the first are the answer; those of the second hold it as "value", for schemas
// that do not describe an object.
inline constexpr std::string_view kJsonTool = "sluice_json_response";
inline constexpr std::string_view kJsonValueTool = "sluice_json_response_value";
inline constexpr std::string_view kJsonToolDescription =
    "Gives the final answer. Call this tool once, with the whole answer as its arguments.";

inline constexpr std::string_view kJsonObjectInstruction =
    "Answer with a single JSON object and nothing else: no explanation, no Markdown.";

inline bool is_json_tool(json::Text name) {
    return name == kJsonTool || name == kJsonValueTool;
}

// Which of the two tools `schema` needs, and the schema of its arguments.
std::string_view json_tool_for(std::string_view schema, Arena& arena);
std::string_view json_tool_schema(std::string_view schema, Arena& arena);

// The sentence that asks for an answer by `schema`, as the inside of a JSON string.
json::Text json_schema_instruction(std::string_view schema, Arena& arena);

// The answer inside the arguments of kJsonValueTool, both as the inside of a JSON string; the
// arguments themselves when there is none.
json::Text unwrap_json_value(json::Text arguments, Arena& arena);

}  // namespace sluice::providers
