// What a client is told about limits: the refusal, and the x-ratelimit-* fields as OpenAI writes
// them. One exchange; texts lie in its arena.
#pragma once

#include <span>
#include <string_view>

#include "access/admission.h"
#include "access/limit_book.h"
#include "access/scope_limits.h"
#include "base/arena.h"
#include "base/time.h"
#include "pipeline/processor.h"

namespace sluice::pipeline {

// 429 with the limit that has to be waited for; the record says which it was. `demand` is what was
// asked for.
Verdict refuse_limit(ProcessorContext& context,
                     const access::Refusal& refusal,
                     const access::Demand& demand);

// x-ratelimit-limit-requests, -remaining- and -reset-, and the same for tokens, of the limits with
// least left. They replace the upstream's, which are about its key.
void set_rate_fields(ProcessorContext& context,
                     std::span<access::ScopeLimits* const> scopes,
                     Instant now);

// Both clocks, as they are now; those of the phase where there is no shard.
access::Moment moment_of(const ProcessorContext& context);

// "17ms", "1.5s", "6m0s", "23h59m59s": whole milliseconds, never less than `duration`.
std::string_view reset_text(Duration duration, Arena& arena);

}  // namespace sluice::pipeline
