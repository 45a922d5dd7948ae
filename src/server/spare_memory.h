// Memory that the allocator holds although nobody uses it.
#pragma once

namespace sluice::server {

// Returns to the system what was freed on the calling thread. Takes a while: for a quiet shard.
void return_free_memory();

}  // namespace sluice::server
