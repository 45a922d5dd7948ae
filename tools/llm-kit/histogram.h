// Histogram: latencies counted in buckets whose width grows with the value.
//
// Each power of two is cut into 64 equal buckets, so a percentile is never more than 1.6 % above
// the true one, at 8 bytes a bucket and two instructions a value. Values are nanoseconds by custom,
// but any count will do. One per thread; merge() adds them up at the end.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace sluice::llm_kit {

class Histogram {
public:
    void add(int64_t value) {
        const uint64_t counted = value > 0 ? static_cast<uint64_t>(value) : 0;
        ++buckets_[index_of(counted)];
        ++count_;
        sum_ += counted;
        min_ = counted < min_ ? counted : min_;
        max_ = counted > max_ ? counted : max_;
    }
    void merge(const Histogram& other);
    void clear() { *this = Histogram(); }

    uint64_t count() const { return count_; }
    uint64_t min() const { return count_ == 0 ? 0 : min_; }
    uint64_t max() const { return max_; }
    double mean() const {
        return count_ == 0 ? 0 : static_cast<double>(sum_) / static_cast<double>(count_);
    }
    // The smallest recorded value that `percent` of all values do not exceed, rounded up to the end
    // of its bucket but never above max(). 0 when nothing was recorded.
    uint64_t percentile(double percent) const;

    // For tests: where a value is counted, and the largest value counted there.
    static constexpr size_t index_of(uint64_t value) {
        if (value < kSubBuckets) {
            return value;
        }
        const auto shift = static_cast<unsigned>(std::bit_width(value)) - kSubBucketBits - 1;
        return (size_t{shift} << kSubBucketBits) + (value >> shift);
    }
    static constexpr uint64_t upper_end_of(size_t index) {
        if (index < 2 * kSubBuckets) {
            return index;
        }
        const size_t shift = (index >> kSubBucketBits) - 1;
        const uint64_t first = ((index & (kSubBuckets - 1)) + kSubBuckets) << shift;
        return first + (uint64_t{1} << shift) - 1;
    }

private:
    static constexpr unsigned kSubBucketBits = 6;
    static constexpr size_t kSubBuckets = size_t{1} << kSubBucketBits;
    static constexpr size_t kBuckets = (64 - kSubBucketBits + 1) * kSubBuckets;

    std::array<uint64_t, kBuckets> buckets_ = {};
    uint64_t count_ = 0;
    uint64_t sum_ = 0;
    uint64_t min_ = UINT64_MAX;
    uint64_t max_ = 0;
};

}  // namespace sluice::llm_kit
