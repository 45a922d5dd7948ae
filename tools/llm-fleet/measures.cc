// From records to figures.
#include "llm-fleet/measures.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace sluice::llm_fleet {

namespace {

double nearest_rank(const std::vector<double>& sorted, double percent) {
    const double rank = std::ceil(percent / 100 * static_cast<double>(sorted.size()));
    const size_t at = static_cast<size_t>(std::max(rank, 1.0)) - 1;
    return sorted[std::min(at, sorted.size() - 1)];
}

double share(uint64_t part, uint64_t whole) {
    return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

// Standard deviation by mean; 0 when nothing is in flight.
double variation_of(const std::vector<uint64_t>& tokens) {
    double sum = 0;
    double squares = 0;
    for (const uint64_t t : tokens) {
        sum += static_cast<double>(t);
        squares += static_cast<double>(t) * static_cast<double>(t);
    }
    const double count = static_cast<double>(tokens.size());
    const double mean = sum / count;
    return mean == 0 ? 0 : std::sqrt(std::max(0.0, squares / count - mean * mean)) / mean;
}

void add_shares(const Measures& measures, Summary& summary) {
    std::vector<uint64_t> requests(measures.workers);
    std::vector<uint64_t> uncached(measures.workers);
    uint64_t uncached_sum = 0;
    for (const AttemptRecord& attempt : measures.attempts) {
        ++requests[attempt.worker];
        uncached[attempt.worker] += attempt.uncached_tokens;
        uncached_sum += attempt.uncached_tokens;
    }
    for (uint32_t i = 0; i < measures.workers; ++i) {
        summary.request_share.push_back(share(requests[i], measures.attempts.size()));
        summary.uncached_share.push_back(share(uncached[i], uncached_sum));
    }
}

// The time with something in flight only; an idle fleet is not a balanced one.
double imbalance_of(const Measures& measures) {
    double sum = 0;
    uint64_t count = 0;
    for (const Sample& sample : measures.samples) {
        if (std::ranges::any_of(sample.tokens, [](uint64_t t) { return t > 0; })) {
            sum += variation_of(sample.tokens);
            ++count;
        }
    }
    return count == 0 ? 0 : sum / static_cast<double>(count);
}

}  // namespace

Spread spread_of(std::vector<double> values) {
    if (values.empty()) {
        return {};
    }
    std::ranges::sort(values);
    double sum = 0;
    for (const double value : values) {
        sum += value;
    }
    return {.mean = sum / static_cast<double>(values.size()),
            .p50 = nearest_rank(values, 50),
            .p90 = nearest_rank(values, 90),
            .p99 = nearest_rank(values, 99),
            .max = values.back()};
}

Summary summarize(const Measures& measures, const Goals& goals) {
    Summary summary;
    std::vector<double> first_token;
    std::vector<double> whole;
    std::vector<double> per_token;
    uint64_t input = 0;
    uint64_t cached = 0;
    uint64_t predicted = 0;
    uint64_t difference = 0;
    uint64_t good = 0;
    for (const RequestRecord& r : measures.requests) {
        ++summary.requests;
        summary.retries += r.attempts > 0 ? r.attempts - 1 : 0;
        if (r.end == RequestRecord::End::left) {
            ++summary.left;
            continue;
        }
        if (r.end != RequestRecord::End::answered) {
            ++summary.errors;
            continue;
        }
        ++summary.answered;
        first_token.push_back(r.first_token.as_seconds());
        whole.push_back(r.whole.as_seconds());
        per_token.push_back(r.per_token.as_seconds() * 1e3);
        input += r.input_tokens;
        cached += r.cached_tokens;
        predicted += r.predicted_tokens;
        difference += r.cached_tokens > r.predicted_tokens ? r.cached_tokens - r.predicted_tokens
                                                           : r.predicted_tokens - r.cached_tokens;
        good +=
            r.first_token <= goals.first_token_max && r.per_token <= goals.per_token_max ? 1 : 0;
    }
    summary.first_token_s = spread_of(std::move(first_token));
    summary.whole_s = spread_of(std::move(whole));
    summary.per_token_ms = spread_of(std::move(per_token));
    summary.goodput_per_s =
        static_cast<double>(good) / std::max(measures.length.as_seconds(), 1e-9);
    summary.goodput_share = share(good, summary.requests);
    summary.hit_share = share(cached, input);
    summary.predicted_hit_share = share(predicted, input);
    summary.prediction_error = share(difference, input);
    summary.imbalance = imbalance_of(measures);
    add_shares(measures, summary);
    return summary;
}

}  // namespace sluice::llm_fleet
