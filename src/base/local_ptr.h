// LocalPtr: shared ownership within one shard, by a plain count in the object.
//
// For what a reload replaces while exchanges still use the old one: snapshots and upstreams. Never
// crosses a shard; the count is not atomic.
#pragma once

#include <cstdint>
#include <utility>

#include "base/assert.h"

namespace sluice {

class LocallyCounted {
public:
    LocallyCounted() = default;
    LocallyCounted(const LocallyCounted&) = delete;
    LocallyCounted& operator=(const LocallyCounted&) = delete;

protected:
    ~LocallyCounted() { SLUICE_ASSERT(holders_ == 0); }

private:
    template <class T>
    friend class LocalPtr;
    uint32_t holders_ = 0;
};

// T derives from LocallyCounted.
template <class T>
class LocalPtr {
public:
    LocalPtr() = default;
    // Takes over an object made by `new`, or joins its holders.
    explicit LocalPtr(T* object) : object_(object) {
        if (object_ != nullptr) {
            ++count(*object_);
        }
    }
    LocalPtr(const LocalPtr& other) : LocalPtr(other.object_) {}
    LocalPtr(LocalPtr&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
    LocalPtr& operator=(LocalPtr other) noexcept {
        std::swap(object_, other.object_);
        return *this;
    }
    ~LocalPtr() {
        if (object_ != nullptr && --count(*object_) == 0) {
            delete object_;
        }
    }

    T* get() const { return object_; }
    T& operator*() const { return *object_; }
    T* operator->() const { return object_; }
    explicit operator bool() const { return object_ != nullptr; }

private:
    static uint32_t& count(LocallyCounted& object) { return object.holders_; }
    T* object_ = nullptr;
};

}  // namespace sluice
