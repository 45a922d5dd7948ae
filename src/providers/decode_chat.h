// The parts of decoding an OpenAI chat request, one file each: messages, tools, options.
//
// Each fills its members of the request, or refuses with the name of the parameter that is wrong.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "base/arena_list.h"
#include "base/result.h"
#include "json/tree.h"
#include "providers/canonical.h"
#include "providers/translation.h"

namespace sluice::providers {

Result<const ChatRequest*> decode_chat(const json::Value& body, Translation& translation);

// decode_chat_messages.cc
Status decode_chat_messages(const json::Value& body,
                            Translation& translation,
                            ChatRequest& request);
// decode_chat_parts.cc: the content of messages[index]. What the model refused to say goes to
// `refusal`, which other dialects keep apart.
Status decode_chat_content(const json::Value& content,
                           size_t index,
                           Translation& translation,
                           Message& message);
// decode_chat_tools.cc
Status decode_chat_tools(const json::Value& body, Translation& translation, ChatRequest& request);
// decode_chat_options.cc
Status decode_chat_options(const json::Value& body, Translation& translation, ChatRequest& request);
// What other dialects of OpenAI's write in the same way: `stop`, and `stream` with its options.
Status decode_chat_stop(const json::Value& stop, Translation& translation, ChatRequest& request);
Status decode_chat_stream(const json::Value& body, Translation& translation, ChatRequest& request);
// A top-level member that a chat request may have: none of `others`.
bool is_chat_member(std::string_view key);

// The members of `object` whose names are not among `known`, as they are written.
std::span<const Member> other_members(const json::Value& object,
                                      std::span<const std::string_view> known,
                                      Arena& arena);

}  // namespace sluice::providers
