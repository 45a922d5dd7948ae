// The running kernel needs nothing around it.
#include <memory>

#include "kernel/ring_contract.h"

namespace sluice::contract {

std::unique_ptr<Surroundings> Surroundings::create() {
    return std::make_unique<Surroundings>();
}
bool Surroundings::is_simulated() {
    return false;
}

}  // namespace sluice::contract
