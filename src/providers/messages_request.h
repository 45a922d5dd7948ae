// The parts of a Messages request's body, each in a file of its own; for encode_messages_request.cc
// only.
//
// What depends on several parameters at once (thinking, limits, JSON output) is decided first, in
// the plan; the parts then only write.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/translation.h"
#include "providers/vendor.h"

namespace sluice::providers {

enum class JsonOutput : uint8_t {
    free,         // Whatever the model writes.
    native,       // output_config.format
    tool,         // A tool whose arguments are the answer; see emulated_json.h.
    instruction,  // A sentence in the system text.
};

struct MessagesPlan {
    uint64_t max_tokens = 0;
    std::string_view thinking = {};  // The object; empty sends none.
    bool is_thinking = false;
    bool takes_sampling = true;
    std::string_view effort = {};
    bool takes_forced_choice = true;
    bool has_structured_output = true;  // And `strict` of tools.
    JsonOutput json = JsonOutput::free;
};

Result<MessagesPlan> plan_messages(const ChatRequest& request,
                                   const Target& target,
                                   Translation& translation);

// Key and value, or nothing where there is nothing to say.
void write_messages_system(const ChatRequest& request,
                           const MessagesPlan& plan,
                           Translation& translation,
                           json::Writer& writer);
Status write_messages_history(const ChatRequest& request,
                              const Target& target,
                              Translation& translation,
                              json::Writer& writer);
Status write_messages_tools(const ChatRequest& request,
                            const MessagesPlan& plan,
                            Translation& translation,
                            json::Writer& writer);
// What the protocol has no place for: hints are listed, the rest is refused.
Status drop_for_messages(const ChatRequest& request,
                         const Target& target,
                         Translation& translation);

// One piece of content as a block. `place` names it for a refusal.
Status write_messages_part(const Part& part,
                           std::string_view cache_control,
                           const Target& target,
                           std::string_view place,
                           Translation& translation,
                           json::Writer& writer);

// Nothing but white space, however it is spelt.
bool is_blank(json::Text text);
// A reasoning block that Anthropic will take back: signed, or encrypted.
inline bool is_returnable(const ThinkingBlock& block) {
    return !block.signature.empty() || !block.redacted.empty();
}

}  // namespace sluice::providers
