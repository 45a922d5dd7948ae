// Ref: shared ownership across shards, by an atomic count in the object.
//
// For the few objects that are never changed once another shard can see them: keys, finished
// replies, and pieces of replies under way, of which a shard reads only what a message has told it
// of. Whoever drops the last Ref frees the object, on whatever shard that is. Everything else in
// the program is counted locally (base/local_ptr.h).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/assert.h"
#include "base/memory_pool.h"
#include "base/slice.h"

namespace sluice::cache {

class AtomicallyCounted {
public:
    AtomicallyCounted() = default;
    AtomicallyCounted(const AtomicallyCounted&) = delete;
    AtomicallyCounted& operator=(const AtomicallyCounted&) = delete;

protected:
    ~AtomicallyCounted() = default;

private:
    template <class T>
    friend class Ref;
    mutable std::atomic<uint32_t> holders_ = 0;
};

// T derives from AtomicallyCounted and has `static void dispose(T* object)`, which frees it.
template <class T>
class Ref {
public:
    Ref() = default;
    // Takes over a new object, or joins its holders.
    explicit Ref(T* object) : object_(object) { join(); }
    Ref(const Ref& other) : object_(other.object_) { join(); }
    Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
    Ref& operator=(Ref other) noexcept {
        std::swap(object_, other.object_);
        return *this;
    }
    ~Ref() {
        if (T* last = let_go(); last != nullptr) {
            T::dispose(last);
        }
    }

    T* get() const { return object_; }
    T& operator*() const { return *object_; }
    T* operator->() const { return object_; }
    explicit operator bool() const { return object_ != nullptr; }

    // Gives up this hold. The object, if it was the last one: the caller then frees it.
    [[nodiscard]] T* let_go() {
        T* object = std::exchange(object_, nullptr);
        if (object == nullptr) {
            return nullptr;
        }
        const uint32_t before = object->holders_.fetch_sub(1, std::memory_order_acq_rel);
        SLUICE_ASSERT(before > 0);
        return before == 1 ? object : nullptr;
    }

private:
    void join() {
        if (object_ != nullptr) {
            object_->holders_.fetch_add(1, std::memory_order_relaxed);
        }
    }
    T* object_ = nullptr;
};

// What stands between a Slice, whose counts are local, and a counted object: one block for each
// slice that is made, on the shard that sends it.
template <class T>
class SharedBlock final : public BlockOwner, public Pooled {
public:
    // `bytes` lie in what `keeper` keeps.
    static Slice slice(Ref<T> keeper, std::string_view bytes) {
        auto* const made = new SharedBlock(std::move(keeper), bytes);
        return {made->block_, 0, made->block_.size_bytes};
    }
    void take_back(Block& /*block*/) override { delete this; }

private:
    SharedBlock(Ref<T> keeper, std::string_view bytes) : keeper_(std::move(keeper)) {
        // Nobody writes through a slice of bytes that are not his alone.
        block_.data = const_cast<char*>(bytes.data());
        block_.size_bytes = static_cast<uint32_t>(bytes.size());
        block_.owner = this;
    }
    ~SharedBlock() = default;

    Ref<T> keeper_;
    Block block_;
};

// What the allocator holds for `memory`, which came from it: its size class and a word before it.
size_t allocated_bytes(const void* memory);

}  // namespace sluice::cache
