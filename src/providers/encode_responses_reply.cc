// A whole reply as a response object.
#include <cstdint>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "base/arena_list.h"
#include "json/writer.h"
#include "providers/arguments_scan.h"
#include "providers/canonical.h"
#include "providers/dialect.h"
#include "providers/encode_chat.h"
#include "providers/reply.h"
#include "providers/responses.h"
#include "providers/responses_output.h"
#include "providers/tool_names.h"

namespace sluice::providers {

namespace {

// Gathers the items of one choice; a response has no other.
class ItemList {
public:
    ItemList(const ResponsesObject& response, const ReplyContext& context, Arena& arena)
        : response_(response), context_(context), arena_(arena), items_(arena) {}

    void add(ItemKind kind, Text text) {
        if (!text.empty()) {
            begin(kind).text = text;
        }
    }

    void add_call(const ReplyToolCall& call, uint32_t number) {
        ResponsesItem& item = begin(ItemKind::call);
        json::ArenaText id(arena_, 64);
        write_tool_call_id(call.start, context_, 0, number, id);
        item.call_id = {id.view()};
        item.name = client_tool_name(call.start.name, context_.renamed_tools);
        item.text = call.arguments;
        item.signature = call.start.signature;
    }

    // What was cut is the end of the last item; of a call, only if its arguments are not complete.
    std::span<const ResponsesItem> finish(bool is_cut) {
        if (!items_.empty() && is_cut) {
            ResponsesItem& last = items_.back();
            ArgumentsScan scan;
            scan.feed(last.text);
            if (last.kind != ItemKind::call || !scan.is_complete()) {
                last.status = ItemStatus::incomplete;
            }
        }
        return items_.view();
    }

private:
    ResponsesItem& begin(ItemKind kind) {
        const auto index = static_cast<uint32_t>(items_.size());
        ResponsesItem& item = items_.push_back(begin_item(kind, index, response_, arena_));
        item.status = ItemStatus::completed;
        return item;
    }

    const ResponsesObject& response_;
    const ReplyContext& context_;
    Arena& arena_;
    ArenaList<ResponsesItem> items_;
};

}  // namespace

void encode_responses_reply(const Reply& reply,
                            const ReplyContext& context,
                            json::TextOutput& output,
                            Arena& arena) {
    const ReplyChoice choice = reply.choices.empty() ? ReplyChoice{} : reply.choices.front();
    ResponsesObject response = begin_response(reply.start, context, arena);
    response.reason = choice.finish;
    response.status = response_status(choice.finish);
    response.usage = reply.usage.is_known() ? &reply.usage : nullptr;
    ItemList items(response, context, arena);
    items.add(ItemKind::reasoning, choice.reasoning);
    items.add(ItemKind::text, choice.text);
    items.add(ItemKind::refusal, choice.refusal);
    uint32_t number = 0;
    for (const ReplyToolCall& call : choice.tool_calls) {
        items.add_call(call, number);
        ++number;
    }
    response.items = items.finish(response.status == ResponseStatus::incomplete);
    write_response(response, context, output);
}

}  // namespace sluice::providers
