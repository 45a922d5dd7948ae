// Arguments that Gemini streams: leaves, each with its place in the object, in the order in which
// they stand in it. They become the text of the object as they come.
//
// Belongs to one function call, in the arena of its exchange.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "json/tree.h"
#include "json/writer.h"

namespace sluice::providers {

class GeminiPartialArguments {
public:
    explicit GeminiPartialArguments(Arena& arena) : arena_(&arena) {}

    // One item of partialArgs: what it adds to the text. A path that is none adds nothing.
    void add(const json::Value& item, json::TextOutput& to);
    // What is open is closed. Nothing when nothing was added.
    void finish(json::TextOutput& to);

private:
    static constexpr size_t kDepthMax = 32;

    // One step of a path: a member, by its name as written, or the next item of an array.
    struct Step {
        std::string_view name = {};
        uint32_t index = 0;
        bool is_index = false;

        bool operator==(const Step&) const = default;
    };
    struct Path {
        std::array<Step, kDepthMax> steps = {};
        size_t size = 0;

        std::span<const Step> view() const { return {steps.data(), size}; }
    };

    static bool parse(std::string_view text, Path& path);
    void move_to(const Path& path, json::TextOutput& to);
    // Closes the containers that the first `kept` steps of the open path do not lead into.
    void close_down_to(size_t kept, json::TextOutput& to);

    Arena* arena_;
    Path open_;  // Of the latest leaf.
    bool in_string_ = false;
};

}  // namespace sluice::providers
