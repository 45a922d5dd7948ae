// Priority: how urgent a request is while it waits for room. Three classes, in the order in which
// they are served; a pool's queue says what that order means (balance/waiting_room.h).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice {

enum class Priority : uint8_t {
    high,
    normal,
    low,
};

constexpr size_t kPriorities = 3;
constexpr std::array<std::string_view, kPriorities> kPriorityNames = {"high", "normal", "low"};

constexpr std::string_view name_of(Priority priority) {
    return kPriorityNames[static_cast<size_t>(priority)];
}

constexpr std::optional<Priority> priority_named(std::string_view name) {
    for (size_t i = 0; i < kPriorities; ++i) {
        if (kPriorityNames[i] == name) {
            return static_cast<Priority>(i);
        }
    }
    return std::nullopt;
}

// The later one of two is the less urgent.
constexpr bool is_above(Priority a, Priority b) {
    return a < b;
}

}  // namespace sluice
