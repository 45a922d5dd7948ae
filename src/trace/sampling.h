// Sampling: which traces are kept. The head decides by the trace id when an exchange begins, the
// tail by what came of it.
//
// Plain values, part of the snapshot of every shard.
#pragma once

#include <cstdint>
#include <optional>

#include "base/time.h"
#include "trace/context.h"
#include "trace/options.h"

namespace sluice::trace {

// Why a trace is kept.
enum class Keep : uint8_t { none, head, error, slow };

struct Sampling {
    bool is_on = false;
    bool is_parent_based = true;
    bool keeps_errors = true;
    // Ids below it are not sampled: OpenTelemetry's rejection threshold, of 56 bits.
    uint64_t threshold = 0;
    Duration slow;  // Zero: off.

    static Sampling of(const TraceOptions& options);
    // Of a trace that begins here, or of one whose parent has decided.
    bool samples(const TraceId& id, const std::optional<Context>& parent) const;
    Keep keep(bool is_sampled, bool is_error, Duration took) const;
};

}  // namespace sluice::trace
