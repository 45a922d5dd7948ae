// The chat dialect toward services: a canonical request as OpenAI's JSON, with the differences of
// the vendor that it goes to. One file for each part of the body.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/result.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/translation.h"
#include "providers/vendor.h"

namespace sluice::providers {

// What every part needs; on the stack of encode_chat_request.
struct ChatBody {
    const ChatRequest& request;
    const Target& target;
    Translation& translation;
    json::TextOutput& output;
    json::Writer writer;

    // Whether the vendor takes a field of the client's that is not OpenAI's.
    bool takes_other(std::string_view key) const;
    // Whether the field is one that the vendor leaves out.
    bool drops(std::string_view key) const;
};

Status encode_chat_request(const ChatRequest& request,
                           const Target& target,
                           Translation& translation,
                           json::TextOutput& output);

// encode_chat_messages.cc. `instruction` is JSON's inside of a string: a system message of our own
// that goes first; empty when there is none.
Status encode_chat_messages(ChatBody& body, std::string_view instruction);
// encode_chat_tools.cc
Status encode_chat_tools(ChatBody& body);
// encode_chat_format.cc: the form of the answer. What a service cannot be asked for by a field
// becomes the instruction that is returned.
Result<std::string_view> encode_chat_format(ChatBody& body);
// encode_chat_reasoning.cc
Status encode_chat_reasoning(ChatBody& body);

}  // namespace sluice::providers
