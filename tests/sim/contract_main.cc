// The ring tests of tests/kernel over the simulated ring need a calm world around them.
#include <memory>

#include "kernel/ring_contract.h"
#include "sim/world.h"

namespace sluice::contract {

namespace {

class SimulatedSurroundings final : public Surroundings {
    sim::World world_{1};
};

}  // namespace

std::unique_ptr<Surroundings> Surroundings::create() {
    return std::make_unique<SimulatedSurroundings>();
}
bool Surroundings::is_simulated() {
    return true;
}

}  // namespace sluice::contract
