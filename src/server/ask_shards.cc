// The list of those that wait.
#include "server/ask_shards.h"

#include <cstdint>

#include "coro/signal.h"

namespace sluice::server {

ShardDesk::Pending::Pending(ShardDesk& desk, coro::Signal& signal)
    : signal_(signal), id_(++desk.last_id_), missing_(desk.shards()) {
    desk.pending_.push_back(*this);
}

void ShardDesk::Pending::one_has_answered() {
    if (--missing_ == 0) {
        signal_.raise();
    }
}

ShardDesk::Pending* ShardDesk::find(uint64_t id) {
    Pending* pending = pending_.front();
    while (pending != nullptr && pending->id_ != id) {
        pending = pending_.next(*pending);
    }
    return pending;
}

}  // namespace sluice::server
