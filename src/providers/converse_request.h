// The parts of a Converse request's body, each in a file of its own; for encode_converse_*.cc only.
//
// Converse hides the differences of its models less than it says. What they differ in is decided
// first, in the plan; the parts then only write.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/messages_request.h"
#include "providers/translation.h"
#include "providers/vendor.h"

namespace sluice::providers {

enum class BedrockFamily : uint8_t { claude, nova, nova_2, gpt_oss, mistral_large, other };

// What a model is, by its id or the id inside of an inference profile. The ARN of a profile of
// one's own does not tell.
BedrockFamily bedrock_family(std::string_view model);

struct ConversePlan {
    BedrockFamily family = BedrockFamily::other;
    bool takes_forced_choice = false;  // toolChoice any and tool.
    bool takes_cache_points = false;
    bool has_free_sampling = true;  // temperature and topP may be set.
    bool has_free_limit = true;     // maxTokens may be set.
    bool has_budget = false;        // Of tokens to think, within maxTokens.
    JsonOutput json = JsonOutput::free;
    MessagesPlan claude = {};  // For Claude.
    // For the others; the value of `reasoning_effort` or `maxReasoningEffort`.
    std::string_view effort = {};

    bool is_claude() const { return family == BedrockFamily::claude; }
};

Result<ConversePlan> plan_converse(const ChatRequest& request,
                                   const Target& target,
                                   Translation& translation);

// Key and value, or nothing where there is nothing to say.
Status write_converse_system(const ChatRequest& request,
                             const ConversePlan& plan,
                             Translation& translation,
                             json::Writer& writer);
Status write_converse_messages(const ChatRequest& request,
                               const ConversePlan& plan,
                               Translation& translation,
                               json::Writer& writer);
Status write_converse_tools(const ChatRequest& request,
                            const ConversePlan& plan,
                            Translation& translation,
                            json::Writer& writer);
// The member tool_choice of additionalModelRequestFields: what toolChoice cannot say to Claude.
// Empty when there is nothing of that kind.
std::string_view claude_tool_choice(const ChatRequest& request,
                                    const ConversePlan& plan,
                                    Translation& translation);

// One piece of content that is no text, as a block. `place` names it for a refusal; `document`
// counts the documents of the request, whose names must differ.
Status write_converse_part(const Part& part,
                           const ConversePlan& plan,
                           std::string_view place,
                           size_t& document,
                           Translation& translation,
                           json::Writer& writer);
// Marks what stands before it as a prefix to be kept, when Anthropic's form asks for that.
Status write_cache_point(std::string_view cache_control,
                         const ConversePlan& plan,
                         Translation& translation,
                         json::Writer& writer);

}  // namespace sluice::providers
