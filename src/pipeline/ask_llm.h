// ask_llm: one question of the gateway's own to a model of any vendor, over its upstream's pool.
//
// The canonical request is written in the vendor's dialect and the reply read back, by the same
// tables as a translated exchange. Not streamed; given up when the client leaves or the time is
// over. What it has cost is in the answer, and for the record of the exchange.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/arena.h"
#include "base/result.h"
#include "base/time.h"
#include "coro/task.h"
#include "pipeline/llm_target.h"
#include "providers/canonical.h"
#include "upstream/patience.h"

namespace sluice::pipeline {

struct Services;

struct LlmQuestion {
    std::string_view model;          // The upstream's name, plain.
    std::string_view system_prompt;  // Plain; empty for none.
    json::Text text;                 // What the user says.
    uint32_t tokens_max = 0;
    Duration timeout;
    uint32_t reply_bytes_max = 0;
    std::string_view request_id;  // Of the exchange that it is for.
};

struct LlmAnswer {
    json::Text text;  // In the arena.
    providers::Usage usage;
    bool is_whole = false;  // Not cut by a limit of tokens.
};

coro::Task<Result<LlmAnswer>> ask_llm(Services& services,
                                      upstream::Patience& patience,
                                      Arena& arena,
                                      const LlmTarget& target,
                                      const LlmQuestion& question);

}  // namespace sluice::pipeline
