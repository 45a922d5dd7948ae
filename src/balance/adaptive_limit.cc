// Tolerance, smoothing and queue are those of Gradient2.
#include "balance/adaptive_limit.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstdint>

#include "balance/options.h"

namespace sluice::balance {

namespace {

constexpr double kTolerance = 1.5;
constexpr double kSmoothing = 0.2;
constexpr double kQueue = 4;
constexpr double kUsualShareDown = 0.05;
constexpr double kUsualShareUp = 1.0 / 20'000;
constexpr double kPushbackFactor = 0.9;

struct Word {
    double limit;
    double usual_slowdown;
};

Word unpack(uint64_t bits) {
    return {std::bit_cast<float>(static_cast<uint32_t>(bits >> 32U)),
            std::bit_cast<float>(static_cast<uint32_t>(bits))};
}

uint64_t pack(const Word& word) {
    const auto limit = std::bit_cast<uint32_t>(static_cast<float>(word.limit));
    return uint64_t{limit} << 32U |
           std::bit_cast<uint32_t>(static_cast<float>(word.usual_slowdown));
}

double bounded(double limit, const AdaptiveLimitOptions& options) {
    const double least = std::max(options.requests_min, 1U);
    return std::clamp(limit, least, std::max<double>(options.requests_max, least));
}

double begun(const Word& word, const AdaptiveLimitOptions& options) {
    return word.limit > 0 ? word.limit : bounded(options.requests_initial, options);
}

}  // namespace

uint32_t AdaptiveLimit::limit(const AdaptiveLimitOptions& options) const {
    const Word word = unpack(word_.load(std::memory_order_relaxed));
    return static_cast<uint32_t>(std::lround(bounded(begun(word, options), options)));
}

void AdaptiveLimit::on_sample(double slowdown,
                              uint32_t in_flight,
                              const AdaptiveLimitOptions& options) {
    uint64_t seen = word_.load(std::memory_order_relaxed);
    uint64_t made = 0;
    do {
        Word word = unpack(seen);
        word.limit = begun(word, options);
        double& usual = word.usual_slowdown;
        const double share = slowdown < usual ? kUsualShareDown : kUsualShareUp;
        usual = usual > 0 ? usual + (slowdown - usual) * share : slowdown;
        if (in_flight * 2 >= word.limit) {
            const double gradient = std::clamp(kTolerance * usual / slowdown, 0.5, 1.0);
            const double next = gradient * word.limit + kQueue;
            word.limit += (bounded(next, options) - word.limit) * kSmoothing;
        }
        made = pack(word);
    } while (!word_.compare_exchange_weak(seen, made, std::memory_order_relaxed));
}

void AdaptiveLimit::on_pushback(const AdaptiveLimitOptions& options) {
    uint64_t seen = word_.load(std::memory_order_relaxed);
    uint64_t made = 0;
    do {
        Word word = unpack(seen);
        word.limit = bounded(begun(word, options) * kPushbackFactor, options);
        made = pack(word);
    } while (!word_.compare_exchange_weak(seen, made, std::memory_order_relaxed));
}

}  // namespace sluice::balance
