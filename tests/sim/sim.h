// All of the simulator for tests: a world, its network, its profile.
#pragma once

#include "sim/network.h"  // IWYU pragma: export
#include "sim/profile.h"  // IWYU pragma: export
#include "sim/socket.h"   // IWYU pragma: export
#include "sim/world.h"    // IWYU pragma: export
