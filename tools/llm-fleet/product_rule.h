// ProductRule: a baseline that is not ours, to compare with: LMetric's product of two loads.
//
// (prompt tokens to compute, waiting ones and this request's) times (streams under way plus one),
// as published in arXiv 2603.15202, over the same approximate knowledge that all strategies of the
// product have. It lives in the laboratory only.
#pragma once

#include <cstddef>
#include <string_view>

#include "balance/balancer.h"
#include "balance/options.h"

namespace sluice::llm_fleet {

inline constexpr std::string_view kProductRuleName = "lmetric_baseline";

class ProductRule final : public balance::Balancer {
public:
    size_t choose(const balance::Round& round) const override;
    bool wants_blocks(const balance::PoolOptions&) const override { return true; }
};

}  // namespace sluice::llm_fleet
