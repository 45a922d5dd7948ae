// A simulated shard that calls simulated upstreams, for unit tests of upstream/.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/time.h"
#include "gtest/gtest.h"
#include "net/address.h"
#include "net/proactor.h"
#include "sim/sim.h"

namespace sluice::upstream {

class ShardTest : public testing::Test {
protected:
    void SetUp() override {
        proactor_ = net::Proactor::create({}).value();
        world_.add_shard(*proactor_);
    }
    void TearDown() override {
        EXPECT_TRUE(run_until([&] { return proactor_->objects() == 0; }));
        proactor_->turn(Duration());
        proactor_.reset();
        world_.check_end();
        for (const std::string& violation : world_.violations()) {
            ADD_FAILURE() << violation;
        }
    }

    template <class Done>
    bool run_until(Done done, Duration limit = Duration::seconds(60)) {
        return world_.run_until(done, limit);
    }
    void run_for(Duration time) { world_.run_for(time); }

    // Accepts at the address; the far ends come into far_, in order.
    sim::Socket& listen(const net::Address& at) {
        return world_.network().actor_listen(
            at, [this](sim::Socket& accepted) { far_.push_back(&accepted); });
    }

    sim::World world_{1};
    std::unique_ptr<net::Proactor> proactor_;
    std::vector<sim::Socket*> far_;
};

}  // namespace sluice::upstream
