// Tool calls of a chat reply. Their pieces name the call by index, by id, by both or by neither.
#include <cstdint>
#include <string_view>

#include "base/arena.h"
#include "json/tree.h"
#include "providers/canonical.h"
#include "providers/decode_chat_reply.h"
#include "providers/reply.h"

namespace sluice::providers {

using json::Value;

namespace {

// Some services write the object itself instead of its text.
Text arguments_of(const Value& function, Arena& scratch) {
    const Value& arguments = function["arguments"];
    return arguments.is_object() ? json::escape(arguments.raw(), scratch) : arguments.text();
}

}  // namespace

ChatCalls::Call& ChatCalls::append(const Value& delta) {
    return calls_.push_back({.index = delta["index"].integer().value_or(-1),
                             .id = {arena_->copy(delta["id"].text().raw)}});
}

// An index says which call is meant, except that some services number all their calls 0, with ids
// that differ; and others, with an index that is right, make up an id for every piece. What tells
// the two apart is whether the call before is complete.
bool ChatCalls::is_meant(const Call& call, const Value& delta) const {
    const Text id = delta["id"].text();
    if (!id.empty() && id.raw == call.id.raw) {
        return true;
    }
    const int64_t index = delta["index"].integer().value_or(-1);
    if (index < 0 || index != call.index) {
        return false;
    }
    const bool is_complete = !call.has_arguments || call.scan.is_complete();
    return id.empty() || call.id.empty() || !is_complete;
}

ChatCalls::Call& ChatCalls::find(const Value& delta) {
    for (size_t i = calls_.size(); i > 0; --i) {
        if (is_meant(calls_[i - 1], delta)) {
            return calls_[i - 1];
        }
    }
    const bool is_new = !delta["id"].text().empty() || delta["index"].integer() ||
                        !delta["function"]["name"].text().empty();
    return is_new || calls_.empty() ? append(delta) : calls_.back();
}

void ChatCalls::add_arguments(Call& call, Text fragment) {
    if (call.is_started) {
        order_->arguments(choice_, call.number, fragment);
    } else if (!fragment.empty()) {
        call.waiting = {arena_->join({call.waiting.raw, fragment.raw})};
    }
}

void ChatCalls::take(Call& call, const Value& delta, Arena& scratch) {
    const Value& function = delta["function"];
    const Text name = function["name"].text();
    if (call.id.empty()) {
        call.id = {arena_->copy(delta["id"].text().raw)};
    }
    if (!call.is_started && !name.empty()) {
        call.is_started = true;
        call.number = order_->tool_call(
            choice_, {.id = call.id,
                      .name = name,
                      .signature = delta["extra_content"]["google"]["thought_signature"].text()});
        add_arguments(call, call.waiting);
    }
    const Text fragment = arguments_of(function, scratch);
    call.has_arguments = call.has_arguments || !fragment.empty();
    call.scan.feed(fragment);
    add_arguments(call, fragment);
}

void ChatCalls::add_deltas(const Value& deltas, Arena& scratch) {
    // Old servers send one object where a list belongs.
    if (deltas.is_object()) {
        take(find(deltas), deltas, scratch);
    }
    for (const Value& delta : deltas) {
        if (delta.is_object()) {
            take(find(delta), delta, scratch);
        }
    }
}

void ChatCalls::add_whole(const Value& calls, Arena& scratch) {
    for (const Value& call : calls) {
        if (call.is_object()) {
            take(append(call), call, scratch);
        }
    }
}

void ChatCalls::add_function(const Value& delta, Arena& scratch) {
    if (!delta.is_object()) {
        return;
    }
    const Text name = delta["name"].text();
    if (calls_.empty()) {
        calls_.push_back({});
    }
    Call& call = calls_.back();
    if (!call.is_started && !name.empty()) {
        call.is_started = true;
        call.number = order_->tool_call(choice_, {.name = name});
    }
    add_arguments(call, arguments_of(delta, scratch));
}

}  // namespace sluice::providers
