// Adding up and looking up.
#include "llm-kit/histogram.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace sluice::llm_kit {

void Histogram::merge(const Histogram& other) {
    for (size_t i = 0; i < buckets_.size(); ++i) {
        buckets_[i] += other.buckets_[i];
    }
    count_ += other.count_;
    sum_ += other.sum_;
    min_ = std::min(min_, other.min_);
    max_ = std::max(max_, other.max_);
}

uint64_t Histogram::percentile(double percent) const {
    if (count_ == 0) {
        return 0;
    }
    const double wanted = std::ceil(static_cast<double>(count_) * percent / 100);
    const auto rank = std::clamp<uint64_t>(static_cast<uint64_t>(wanted), 1, count_);
    uint64_t seen = 0;
    for (size_t i = 0; i < buckets_.size(); ++i) {
        seen += buckets_[i];
        if (seen >= rank) {
            return std::min(upper_end_of(i), max_);
        }
    }
    return max_;
}

}  // namespace sluice::llm_kit
