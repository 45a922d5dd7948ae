// What the allocator offers for it.
#include "server/spare_memory.h"

// mimalloc's. Without it (sanitizers bring their own allocator, tests take the system's) this is
// null, and nothing is returned.
extern "C" [[gnu::weak]] void mi_collect(bool force) noexcept;

namespace sluice::server {

void return_free_memory() {
    if (mi_collect != nullptr) {
        mi_collect(true);
    }
}

}  // namespace sluice::server
