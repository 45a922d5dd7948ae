// FleetCase: one simulated run with its answers to the questions that the cases ask.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/time.h"
#include "llm-fleet/fault.h"
#include "llm-fleet/made_trace.h"
#include "llm-fleet/measures.h"
#include "llm-fleet/run_options.h"
#include "llm-fleet/simulation.h"
#include "llm-fleet/trace.h"

namespace sluice::llm_fleet {

inline Trace made(std::string_view text) {
    MadeOptions options;
    EXPECT_EQ(read_made(text, options), "");
    return make_trace(options);
}

inline Fault fault(std::string_view text) {
    Fault read;
    EXPECT_EQ(read_fault(text, read), "");
    return read;
}

struct FleetCase {
    FleetCase(const Trace& trace, const RunOptions& options)
        : measures(Simulation(trace, options, {}).run()), summary(summarize(measures, {})) {
        EXPECT_EQ(measures.ledger_rest, 0U) << options.strategy;
    }

    // Of all attempts within a time, the share that one worker got.
    double attempt_share(uint32_t worker, Duration from, Duration until) const {
        uint64_t all = 0;
        uint64_t own = 0;
        for (const AttemptRecord& attempt : measures.attempts) {
            if (attempt.at >= from && attempt.at < until) {
                ++all;
                own += attempt.worker == worker ? 1 : 0;
            }
        }
        return all == 0 ? 0 : static_cast<double>(own) / static_cast<double>(all);
    }

    // The busiest worker's tokens in flight by the mean of all, at its highest within a time, where
    // the mean is at least `mean_min`.
    double busiest_by_mean(Duration from, Duration until, double mean_min) const {
        double most = 0;
        for (const Sample& sample : measures.samples) {
            double sum = 0;
            for (const uint64_t tokens : sample.tokens) {
                sum += static_cast<double>(tokens);
            }
            const double mean = sum / static_cast<double>(sample.tokens.size());
            if (sample.at >= from && sample.at < until && mean >= mean_min) {
                const auto busiest = static_cast<double>(*std::ranges::max_element(sample.tokens));
                most = std::max(most, busiest / mean);
            }
        }
        return most;
    }

    // Difference of predicted and true cached tokens, by prompt tokens, of what arrived in a time.
    double prediction_error(Duration from, Duration until) const {
        double difference = 0;
        double all = 0;
        for (const RequestRecord& r : measures.requests) {
            if (r.at >= from && r.at < until && r.end == RequestRecord::End::answered) {
                difference += std::max(r.predicted_tokens, r.cached_tokens) -
                              std::min(r.predicted_tokens, r.cached_tokens);
                all += r.input_tokens;
            }
        }
        return all == 0 ? 0 : difference / all;
    }

    Measures measures;
    Summary summary;
};

}  // namespace sluice::llm_fleet
