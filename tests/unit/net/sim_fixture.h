// A proactor in a simulated world, for unit tests of net/.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "base/time.h"
#include "gtest/gtest.h"
#include "net/proactor.h"
#include "sim/sim.h"

namespace sluice::net {

class SimTest : public testing::Test {
protected:
    void TearDown() override {
        if (proactor_ != nullptr) {
            // What was prepared last is handed over.
            proactor_->turn(Duration());
            proactor_.reset();
        }
        world_.check_end();
        for (const std::string& violation : world_.violations()) {
            ADD_FAILURE() << violation;
        }
    }

    void make_proactor(const ProactorOptions& options) {
        proactor_ = std::move(Proactor::create(options).value());
        world_.add_shard(*proactor_);
    }
    bool run_until(const std::function<bool()>& done, Duration limit = Duration::seconds(60)) {
        return world_.run_until(done, limit);
    }
    void run_for(Duration time) { world_.run_for(time); }

    sim::World world_{1};
    std::unique_ptr<Proactor> proactor_;
};

}  // namespace sluice::net
