// Numbers with a blank after each.
#include "pipeline/reply_note.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/text.h"

namespace sluice::pipeline {

namespace {

constexpr size_t kNumbers = 9;

}  // namespace

std::string ReplyNote::text() const {
    const std::array<uint64_t, kNumbers> numbers = {
        usage.is_known ? uint64_t{1} : 0,
        usage.is_estimated ? uint64_t{1} : 0,
        usage.prompt_tokens,
        usage.completion_tokens,
        usage.cached_tokens,
        usage.reasoning_tokens,
        tells_usage ? uint64_t{1} : 0,
        chunk_begin,
        chunk_end,
    };
    std::string text;
    for (const uint64_t number : numbers) {
        text += std::to_string(number);
        text += ' ';
    }
    return text;
}

ReplyNote ReplyNote::read(std::string_view text) {
    std::array<uint64_t, kNumbers> numbers = {};
    for (uint64_t& number : numbers) {
        const size_t end = text.find(' ');
        const auto read = end == text.npos ? std::nullopt : parse_decimal(text.substr(0, end));
        if (!read) {
            return {};
        }
        number = *read;
        text.remove_prefix(end + 1);
    }
    return {.usage = {.prompt_tokens = numbers[2],
                      .completion_tokens = numbers[3],
                      .cached_tokens = numbers[4],
                      .reasoning_tokens = numbers[5],
                      .is_known = numbers[0] != 0,
                      .is_estimated = numbers[1] != 0},
            .tells_usage = numbers[6] != 0,
            .chunk_begin = numbers[7],
            .chunk_end = numbers[8]};
}

}  // namespace sluice::pipeline
