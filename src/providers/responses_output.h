// What whole and streamed replies of the Responses API have in common: the response object and the
// items of its output.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/dialect.h"
#include "providers/provider_error.h"
#include "providers/reply.h"

namespace sluice::providers {

// One run of reasoning, text or refusal, or one call: each is an item of its own.
enum class ItemKind : uint8_t { reasoning, text, refusal, call };
enum class ItemStatus : uint8_t { in_progress, completed, incomplete };

struct ResponsesItem {
    ItemKind kind = ItemKind::text;
    ItemStatus status = ItemStatus::in_progress;
    Text id = {};
    Text text = {};     // Of a call its arguments.
    Text call_id = {};  // Of a call, as its name.
    Text name = {};
    Text signature = {};  // Gemini's, as chat clients get it.
};

enum class ResponseStatus : uint8_t { in_progress, completed, incomplete, failed };

struct ResponsesObject {
    Text id = {};
    Text model = {};  // Empty: the name that was asked for.
    int64_t created_s = 0;
    ResponseStatus status = ResponseStatus::in_progress;
    FinishReason reason = FinishReason::stop;  // Why it is incomplete.
    std::span<const ResponsesItem> items = {};
    const Usage* usage = nullptr;          // At the end, if it is known.
    const ProviderError* error = nullptr;  // Why it has failed.
};

// Without items, as it stands at the start; texts are copied.
ResponsesObject begin_response(const ReplyStart& start, const ReplyContext& context, Arena& arena);
// An item's id follows from the response's and its place in the output.
ResponsesItem begin_item(ItemKind kind, uint32_t index, const ResponsesObject& of, Arena& arena);
// Completed, or incomplete for a limit or a filter.
ResponseStatus response_status(FinishReason reason);

void write_response(const ResponsesObject& response,
                    const ReplyContext& context,
                    json::TextOutput& output);
void write_response_item(const ResponsesItem& item, json::TextOutput& output);
// What an item other than a call consists of.
void write_response_part(ItemKind kind, Text text, json::TextOutput& output);

}  // namespace sluice::providers
