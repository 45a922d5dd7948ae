// Poisoning is manual, because the region is one mapping that the sanitizer takes for one object.
#include "sim/buffer_group.h"

#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/assert.h"
#include "sim/world.h"

#if defined(__SANITIZE_ADDRESS__)
#define SLUICE_SIM_POISONS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLUICE_SIM_POISONS 1
#endif
#endif

#if defined(SLUICE_SIM_POISONS)
#include <sanitizer/asan_interface.h>
#endif

namespace sluice::sim {

namespace {

constexpr int kScribble = 0xDB;

void close_memory([[maybe_unused]] const char* data, [[maybe_unused]] size_t size_bytes) {
#if defined(SLUICE_SIM_POISONS)
    ASAN_POISON_MEMORY_REGION(data, size_bytes);
#endif
}

void open_memory([[maybe_unused]] const char* data, [[maybe_unused]] size_t size_bytes) {
#if defined(SLUICE_SIM_POISONS)
    ASAN_UNPOISON_MEMORY_REGION(data, size_bytes);
#endif
}

}  // namespace

BufferGroup::BufferGroup(World& world, uint32_t count, bool incremental)
    : world_(world), incremental_(incremental), count_(count), buffers_(count) {}

BufferGroup::~BufferGroup() {
    for (const Buffer& buffer : buffers_) {
        open_memory(buffer.data, buffer.size_bytes);
    }
}

void BufferGroup::provide(char* data, uint32_t size_bytes, uint16_t id) {
    SLUICE_ASSERT(id < count_);
    Buffer& buffer = buffers_[id];
    SLUICE_ASSERT(!buffer.with_kernel);  // Handed back twice.
    if (buffer.data == data) {
        open_memory(data, buffer.filled_bytes);
        std::memset(data, kScribble, buffer.filled_bytes);
    }
    buffer = {data, size_bytes, 0, true};
    close_memory(data, size_bytes);
    queued_.push_back(id);
}

void BufferGroup::publish() {
    if (queued_.size() + published_.size() > count_) {
        world_.violation("more buffers were published than the ring has room for");
    }
    published_.insert(published_.end(), queued_.begin(), queued_.end());
    queued_.clear();
}

uint32_t BufferGroup::room_bytes() const {
    const Buffer& first = buffers_[published_.front()];
    return first.size_bytes - first.filled_bytes;
}

uint32_t BufferGroup::receive(std::string_view bytes) {
    const uint16_t id = published_.front();
    Buffer& buffer = buffers_[id];
    SLUICE_ASSERT(bytes.size() <= buffer.size_bytes - buffer.filled_bytes);
    open_memory(buffer.data + buffer.filled_bytes, bytes.size());
    std::memcpy(buffer.data + buffer.filled_bytes, bytes.data(), bytes.size());
    buffer.filled_bytes += static_cast<uint32_t>(bytes.size());
    const uint32_t flags = net::kCompletionBuffer | (uint32_t{id} << net::kCompletionBufferShift);
    if (incremental_ && buffer.filled_bytes < buffer.size_bytes) {
        return flags | net::kCompletionBufferMore;
    }
    published_.pop_front();
    buffer.with_kernel = false;
    return flags;
}

}  // namespace sluice::sim
