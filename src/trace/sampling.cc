// Consistent probability sampling: everybody who sees the same id decides alike.
#include "trace/sampling.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/time.h"
#include "trace/context.h"
#include "trace/options.h"

namespace sluice::trace {

namespace {

// The random part of a trace id are its last seven bytes.
constexpr uint64_t kRandomRange = uint64_t{1} << 56;

}  // namespace

Sampling Sampling::of(const TraceOptions& options) {
    const double rejected = 1.0 - std::clamp(options.sample_ratio, 0.0, 1.0);
    return {.is_on = options.enabled(),
            .is_parent_based = options.parent_based,
            .keeps_errors = options.keep_errors,
            .threshold = static_cast<uint64_t>(rejected * static_cast<double>(kRandomRange)),
            .slow = Duration::milliseconds(options.slow_ms)};
}

bool Sampling::samples(const TraceId& id, const std::optional<Context>& parent) const {
    if (parent && is_parent_based) {
        return parent->is_sampled;
    }
    return (id.low & (kRandomRange - 1)) >= threshold;
}

Keep Sampling::keep(bool is_sampled, bool is_error, Duration took) const {
    if (is_sampled) {
        return Keep::head;
    }
    if (is_error && keeps_errors) {
        return Keep::error;
    }
    return slow.ns() > 0 && took >= slow ? Keep::slow : Keep::none;
}

}  // namespace sluice::trace
