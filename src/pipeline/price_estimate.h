// PriceEstimate: what an exchange is going to cost, for budgets that reserve before they spend.
//
// Whoever knows prices implements it; asked on any shard, and never changed once shards have it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice::pipeline {

struct PricedDemand {
    std::string_view upstream = {};  // Its name in the configuration.
    std::string_view model = {};     // As the upstream knows it.
    uint64_t prompt_tokens = 0;
    uint64_t completion_tokens = 0;
};

class PriceEstimate {
public:
    // In millionths of a millionth of a dollar; nothing where no price is known.
    virtual std::optional<int64_t> picodollars(const PricedDemand& demand) const = 0;

protected:
    ~PriceEstimate() = default;
};

}  // namespace sluice::pipeline
