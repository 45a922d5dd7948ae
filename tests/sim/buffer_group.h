// BufferGroup: the provided buffers of one simulated ring, with what the kernel does not check.
//
// A buffer that was handed back is written over and, under the address sanitizer, closed: whoever
// still looks at its old bytes is found at once. Bytes are opened again as they are received.
#pragma once

#include <cstdint>
#include <deque>
#include <string_view>
#include <vector>

namespace sluice::sim {

class World;

class BufferGroup {
public:
    BufferGroup(World& world, uint32_t count, bool incremental);
    ~BufferGroup();
    BufferGroup(const BufferGroup&) = delete;
    BufferGroup& operator=(const BufferGroup&) = delete;

    void provide(char* data, uint32_t size_bytes, uint16_t id);
    void publish();

    // The kernel's side.
    bool empty() const { return published_.empty(); }
    // What the first buffer has room for.
    uint32_t room_bytes() const;
    // Writes into the first buffer; `bytes` must fit. Returns the flags of the completion.
    uint32_t receive(std::string_view bytes);

private:
    struct Buffer {
        char* data = nullptr;
        uint32_t size_bytes = 0;
        uint32_t filled_bytes = 0;
        bool with_kernel = false;
    };

    World& world_;
    const bool incremental_;
    const uint32_t count_;
    std::vector<Buffer> buffers_;  // By id.
    std::deque<uint16_t> queued_;
    std::deque<uint16_t> published_;
};

}  // namespace sluice::sim
