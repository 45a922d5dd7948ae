// All strategies; each is defined in a file of balancers/.
#pragma once

#include "balance/balancer.h"

namespace sluice::balance {

const Balancer& latency_weighted();
const Balancer& round_robin();
const Balancer& random_by_weight();
const Balancer& p2c();
const Balancer& least_loaded();
const Balancer& least_connections();
const Balancer& cost_optimized();
const Balancer& prefix_affinity();
const Balancer& consistent_hash();
const Balancer& priority();

}  // namespace sluice::balance
