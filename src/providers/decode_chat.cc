// The OpenAI chat dialect, read: a request's body as a ChatRequest.
//
// This is the canonical form's own shape, so most members only have to be checked. Extensions that
// clients send on OpenAI's API (thinking, top_k, cache_control) are known by name; what is not
// known at all is kept as it was written.
#include "providers/decode_chat.h"

#include <algorithm>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "base/arena_list.h"
#include "base/result.h"
#include "json/tree.h"
#include "providers/canonical.h"
#include "providers/request_fields.h"
#include "providers/translation.h"

namespace sluice::providers {

using json::Value;

std::span<const Member> other_members(const Value& object,
                                      std::span<const std::string_view> known,
                                      Arena& arena) {
    ArenaList<Member> others(arena);
    for (const Value& member : object) {
        const std::string_view key = member.key().raw;
        if (std::ranges::find(known, key) == known.end()) {
            others.push_back({.key = key, .value = member.raw()});
        }
    }
    return others.view();
}

Result<const ChatRequest*> decode_chat(const Value& body, Translation& translation) {
    if (!body.is_object()) {
        return translation.invalid({}, "The body must be a JSON object.");
    }
    ChatRequest& request = translation.arena().make<ChatRequest>();
    TRY(request.model, required_text(translation, {"model"}, body["model"]));
    TRY_VOID(decode_chat_messages(body, translation, request));
    TRY_VOID(decode_chat_tools(body, translation, request));
    TRY_VOID(decode_chat_options(body, translation, request));
    return &request;
}

}  // namespace sluice::providers
