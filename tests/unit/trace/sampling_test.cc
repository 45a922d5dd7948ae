// Who is kept: by ratio, by the parent's word, and by what came of it.
#include "trace/sampling.h"

#include <cstdint>
#include <optional>

#include <gtest/gtest.h>

#include "base/prng.h"
#include "base/time.h"
#include "trace/context.h"
#include "trace/options.h"

namespace sluice::trace {
namespace {

TraceOptions options_with(double ratio) {
    TraceOptions options;
    options.endpoint = "http://collector:4318";
    options.sample_ratio = ratio;
    return options;
}

TEST(Sampling, IsOffWithoutAnEndpoint) {
    EXPECT_FALSE(Sampling::of(TraceOptions()).is_on);
    EXPECT_TRUE(Sampling::of(options_with(0)).is_on);
}

TEST(Sampling, TakesItsShareOfIds) {
    constexpr int kIds = 20'000;
    for (const double ratio : {0.0, 0.1, 0.5, 1.0}) {
        const Sampling sampling = Sampling::of(options_with(ratio));
        Prng prng(1);
        int taken = 0;
        for (int i = 0; i < kIds; ++i) {
            taken += sampling.samples(new_trace_id(prng), std::nullopt) ? 1 : 0;
        }
        EXPECT_NEAR(taken, ratio * kIds, ratio == 0.0 || ratio == 1.0 ? 0 : 0.01 * kIds) << ratio;
    }
}

TEST(Sampling, GoesByTheLast56Bits) {
    const Sampling half = Sampling::of(options_with(0.5));
    EXPECT_FALSE(half.samples({.high = UINT64_MAX, .low = 0xff7fffffffffffff}, std::nullopt));
    EXPECT_TRUE(half.samples({.high = 0, .low = 0x0080000000000000}, std::nullopt));
}

TEST(Sampling, AParentDecidesUnlessItIsNotTrusted) {
    TraceOptions options = options_with(0);
    const Context yes = {.trace = {.high = 1, .low = 1}, .span = 1, .is_sampled = true};
    Context no = yes;
    no.is_sampled = false;
    EXPECT_TRUE(Sampling::of(options).samples(yes.trace, yes));
    options.sample_ratio = 1;
    EXPECT_FALSE(Sampling::of(options).samples(no.trace, no));
    options.parent_based = false;
    EXPECT_TRUE(Sampling::of(options).samples(no.trace, no));
}

TEST(Sampling, TheTailKeepsErrorsAndWhatIsSlow) {
    TraceOptions options = options_with(0);
    options.slow_ms = 100;
    Sampling sampling = Sampling::of(options);
    const Duration quick = Duration::milliseconds(99);
    const Duration slow = Duration::milliseconds(100);
    EXPECT_EQ(sampling.keep(true, true, slow), Keep::head);
    EXPECT_EQ(sampling.keep(false, true, slow), Keep::error);
    EXPECT_EQ(sampling.keep(false, false, slow), Keep::slow);
    EXPECT_EQ(sampling.keep(false, false, quick), Keep::none);
    options.keep_errors = false;
    options.slow_ms = 0;
    sampling = Sampling::of(options);
    EXPECT_EQ(sampling.keep(false, true, slow), Keep::none);
}

}  // namespace
}  // namespace sluice::trace
