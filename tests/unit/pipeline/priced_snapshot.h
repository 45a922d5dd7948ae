// A snapshot of one upstream and no routes, with prices of its own.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "pipeline/chain.h"
#include "pipeline/route_table.h"
#include "pipeline/service.h"
#include "pipeline/snapshot.h"
#include "providers/price_table.h"
#include "upstream/key_ring.h"
#include "upstream/options.h"

namespace sluice::pipeline {

class PricedSnapshot {
public:
    PricedSnapshot(const std::string& provider, std::string_view prices)
        : options_({.name = "up", .base_url = "http://127.0.0.1:1"}) {
        options_.provider = provider;
        keys_ = std::make_unique<upstream::KeyRing>(options_, nullptr);
        std::vector<providers::PriceComplaint> complaints;
        EXPECT_TRUE(table_.add_file(prices, complaints));
        EXPECT_TRUE(complaints.empty());
        std::vector<std::unique_ptr<Service>> services;
        services.push_back(std::make_unique<Service>(options_, *keys_));
        snapshot_ = std::make_unique<Snapshot>(nullptr, std::move(services), ChainSet(),
                                               std::vector<std::unique_ptr<TargetPool>>(),
                                               std::vector<Route>());
        snapshot_->prices = &table_;
    }

    Snapshot& get() { return *snapshot_; }
    // Its only one.
    const Service* service() const { return snapshot_->services.front().get(); }

private:
    upstream::UpstreamOptions options_;
    std::unique_ptr<upstream::KeyRing> keys_;
    providers::PriceTable table_;
    std::unique_ptr<Snapshot> snapshot_;
};

}  // namespace sluice::pipeline
