// HeldKeys: a shard's reference to the table of virtual keys in force.
//
// The control thread makes a new table for every change and sends it to each shard. An exchange
// keeps the one that it began with, counted locally, so that the shared count is touched once per
// shard and change. One shard.
#pragma once

#include <utility>

#include "access/key_table.h"
#include "base/local_ptr.h"

namespace sluice::pipeline {

struct HeldKeys : LocallyCounted {
    explicit HeldKeys(access::KeyTablePtr keys) : table(std::move(keys)) {}

    const access::KeyTablePtr table;  // Never null.
};

}  // namespace sluice::pipeline
