// PooledFrame: base of every promise type. Frames come from the shard's pool.
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "base/memory_pool.h"

namespace sluice::coro {

struct PooledFrame : Pooled {
    // The handle of the coroutine of this promise. g++ 12 can lay out a frame so that its handle
    // points eight bytes into it (README.md tells when); resuming that would run the body from its
    // start over foreign memory, so we end here instead.
    template <class Promise>
    static std::coroutine_handle<Promise> handle_of(Promise& promise) {
        const auto handle = std::coroutine_handle<Promise>::from_promise(promise);
#if !defined(__clang__)
        SLUICE_ASSERT(reinterpret_cast<uintptr_t>(handle.address()) % alignof(max_align_t) == 0);
#endif
        return handle;
    }
};

}  // namespace sluice::coro
