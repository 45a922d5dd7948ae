// The finer counts of a usage, under the names that OpenAI gives them.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "providers/canonical.h"

namespace sluice::providers {

struct UsageDetail {
    std::string_view name;
    int64_t Usage::* count;
};

// Within prompt_tokens_details.
inline constexpr std::array<UsageDetail, 7> kPromptDetails = {{
    {"cached_tokens", &Usage::cached_tokens},
    {"cache_write_tokens", &Usage::cache_write_tokens},
    {"cache_write_1h_tokens", &Usage::cache_write_1h_tokens},
    {"audio_tokens", &Usage::audio_prompt_tokens},
    {"text_tokens", &Usage::text_prompt_tokens},
    {"image_tokens", &Usage::image_prompt_tokens},
    {"video_tokens", &Usage::video_prompt_tokens},
}};

// Within completion_tokens_details.
inline constexpr std::array<UsageDetail, 5> kCompletionDetails = {{
    {"reasoning_tokens", &Usage::reasoning_tokens},
    {"audio_tokens", &Usage::audio_completion_tokens},
    {"image_tokens", &Usage::image_completion_tokens},
    {"accepted_prediction_tokens", &Usage::accepted_prediction_tokens},
    {"rejected_prediction_tokens", &Usage::rejected_prediction_tokens},
}};

}  // namespace sluice::providers
