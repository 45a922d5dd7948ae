// BoundedText: a short text inside the value that has it, cut where it is too long.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace sluice::ledger {

template <size_t kBytesMax>
class BoundedText {
public:
    static_assert(kBytesMax <= UINT8_MAX);

    BoundedText() = default;
    // Longer texts are cut, but not within a character of UTF-8.
    BoundedText(std::string_view text) {
        size_t size = text.size();
        if (size > kBytesMax) {
            size = kBytesMax;
            while (size > 0 && (static_cast<uint8_t>(text[size]) & 0xC0U) == 0x80U) {
                --size;
            }
        }
        text.copy(bytes_.data(), size);
        size_ = static_cast<uint8_t>(size);
    }

    std::string_view view() const { return {bytes_.data(), size_}; }
    bool operator==(const BoundedText& other) const { return view() == other.view(); }

private:
    uint8_t size_ = 0;
    std::array<char, kBytesMax> bytes_;  // The rest has no value.
};

}  // namespace sluice::ledger
