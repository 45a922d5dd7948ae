// Usage, under all the names that services of OpenAI's kind give its counts.
#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "json/tree.h"
#include "providers/canonical.h"
#include "providers/cost.h"
#include "providers/decode_chat_reply.h"
#include "providers/usage_details.h"

namespace sluice::providers {

using json::Value;

namespace {

int64_t count(const Value& value) {
    return std::max<int64_t>(value.integer().value_or(-1), -1);
}

}  // namespace

Usage read_chat_usage(const Value& usage) {
    Usage counts = {.prompt_tokens = count(usage["prompt_tokens"]),
                    .completion_tokens = count(usage["completion_tokens"]),
                    .total_tokens = count(usage["total_tokens"]),
                    .reported_cost_pico = reported_cost(usage)};
    for (const UsageDetail& detail : kPromptDetails) {
        counts.*detail.count = count(usage["prompt_tokens_details"][detail.name]);
    }
    for (const UsageDetail& detail : kCompletionDetails) {
        counts.*detail.count = count(usage["completion_tokens_details"][detail.name]);
    }
    // DeepSeek; Together and Moonshot; others.
    for (const std::string_view name :
         {"prompt_cache_hit_tokens", "cached_tokens", "num_cached_tokens"}) {
        if (counts.cached_tokens < 0) {
            counts.cached_tokens = count(usage[name]);
        }
    }
    // xAI counts reasoning beside the completion, and only the total tells.
    if (counts.reasoning_tokens > 0 && counts.completion_tokens >= 0 &&
        counts.total_tokens ==
            counts.prompt_tokens + counts.completion_tokens + counts.reasoning_tokens) {
        counts.completion_tokens += counts.reasoning_tokens;
    }
    return counts;
}

}  // namespace sluice::providers
