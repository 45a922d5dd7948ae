// What a choice works out before it looks at the first target.
#include "balance/outlook.h"

#include <cstdint>

#include "balance/balancer.h"
#include "balance/ewma.h"
#include "balance/pool.h"
#include "balance/pool_state.h"
#include "base/time.h"

namespace sluice::balance {

namespace {

constexpr Duration kFailuresFade = Duration::seconds(30);
// How far an idle target's slowdown is forgotten: it must be asked again to be seen to be better,
// but not so often that a slow one is noticed by many.
constexpr int64_t kIdleFactor = 6;

}  // namespace

Outlook::Outlook(const Round& round)
    : now_(round.now),
      now_ms_(ms_of(round.now)),
      failures_(round.now, kFailuresFade),
      idle_(round.now, Duration::milliseconds(round.pool.options().latency_decay_ms * kIdleFactor)),
      base_s_(round.pool.state().base()),
      pool_pace_(round.pool.state().pace.value(1)),
      pool_pace_inverse_(1 / pool_pace_),
      per_token_inverse_(0),
      decode_s_(round.pool.options().decode_s_per_stream),
      prompt_tokens_(round.ask.prompt_tokens) {
    const double mean = round.pool.state().per_token_s.value(0);
    per_token_inverse_ = mean > 0 ? 1 / mean : 0;
}

}  // namespace sluice::balance
