// Members of all dialects that say that a request leaves something behind.
#include "pipeline/repeatable.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "json/tree.h"
#include "pipeline/client_call.h"
#include "providers/vendor.h"

namespace sluice::pipeline {

namespace {

using providers::Operation;

// Each is a state at the provider, or has the provider do something on the way.
constexpr auto kTelling = std::to_array<std::string_view>(
    {"previous_response_id", "conversation", "container", "mcp_servers", "web_search_options"});
constexpr auto kCounts = std::to_array<std::string_view>({"n", "best_of"});
// Tools that the client calls itself, by their type; Anthropic's have none.
constexpr auto kOwnTools = std::to_array<std::string_view>({"function", "custom"});

bool is_more_than_one(const json::Value& count) {
    const std::optional<int64_t> number = count.integer();
    return !count.is_nothing() && (!number || *number > 1);
}

bool is_clients_tool(const json::Value& tool) {
    const json::Value& type = tool["type"];
    return type.is_nothing() || std::ranges::any_of(kOwnTools, [&type](std::string_view own) {
               return type.text() == own;
           });
}

bool has_only_clients_tools(const json::Value& tools) {
    for (const json::Value& tool : tools) {
        if (!is_clients_tool(tool)) {
            return false;
        }
    }
    return true;
}

}  // namespace

bool is_repeatable(const ClientCall& call, const json::Value& body) {
    const bool is_asked = call.operation == Operation::chat ||
                          call.operation == Operation::completions ||
                          call.operation == Operation::embeddings;
    // Responses are stored unless they say otherwise.
    const json::Value& store = body["store"];
    const bool is_unstored =
        call.operation == Operation::responses && store.is_boolean() && !store.is_true();
    if (!call.is_known || !body.is_object() || !(is_asked || is_unstored)) {
        return false;
    }
    const auto says = [&body](std::string_view member) { return !body[member].is_nothing(); };
    const auto asks_for_more = [&body](std::string_view member) {
        return is_more_than_one(body[member]);
    };
    if (store.is_true() || body["background"].is_true() || std::ranges::any_of(kTelling, says) ||
        std::ranges::any_of(kCounts, asks_for_more)) {
        return false;
    }
    return has_only_clients_tools(body["tools"]);
}

}  // namespace sluice::pipeline
