// Sums of quarter tokens.
#include "providers/token_estimate.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string_view>

#include "json/writer.h"
#include "providers/canonical.h"

namespace sluice::providers {

namespace {

constexpr uint64_t kQuarters = 4;
constexpr uint64_t kMessageTokens = 4;
constexpr uint64_t kCallTokens = 8;
constexpr uint64_t kToolTokens = 12;
constexpr uint64_t kImageTokens = 1600;
constexpr uint64_t kFileTokensPerPiece = 1500;
constexpr uint64_t kFilePieceBytes = uint64_t{64} * 1024;
// An escaped character of unknown script: of two bytes, on average.
constexpr uint64_t kNumberedQuarters = 2;

// Quarter tokens of a character, by its first byte; the bytes that continue one weigh nothing, nor
// does a blank after a blank. Without branches, so that compilers look at many bytes at once.
constexpr uint8_t weight_of(uint8_t byte, uint8_t before) {
    const bool is_letter = static_cast<uint8_t>((byte | 0x20U) - 'a') < 26;
    const bool is_digit = static_cast<uint8_t>(byte - '0') < 10;
    const bool is_blank = byte == ' ';
    const int ascii = 2 - (is_letter | is_digit | is_blank) - (is_blank & (before == ' '));
    const int longer = (byte >= 0xC0) * 2 + (byte >= 0xE0) * 2 + (byte >= 0xF0) * 4;
    return static_cast<uint8_t>(byte < 0x80 ? ascii : longer);
}

// Of a text without escapes.
uint64_t quarters_of_plain(std::string_view text, char before) {
    constexpr size_t kLanes = 16;
    constexpr size_t kRounds = 255 / 8;  // So many of the heaviest fit into a byte.
    const auto* const bytes = reinterpret_cast<const uint8_t*>(text.data());
    uint64_t quarters = text.empty() ? 0 : weight_of(bytes[0], static_cast<uint8_t>(before));
    size_t at = 1;
    while (at + kLanes <= text.size()) {
        std::array<uint8_t, kLanes> sums = {};
        const size_t rounds = std::min((text.size() - at) / kLanes, kRounds);
        for (size_t i = 0; i < rounds; ++i, at += kLanes) {
            for (size_t lane = 0; lane < kLanes; ++lane) {
                sums[lane] += weight_of(bytes[at + lane], bytes[at + lane - 1]);
            }
        }
        quarters = std::accumulate(sums.begin(), sums.end(), quarters);
    }
    for (; at < text.size(); ++at) {
        quarters += weight_of(bytes[at], bytes[at - 1]);
    }
    return quarters;
}

uint64_t quarters_of(std::string_view text) {
    constexpr size_t kHexDigits = 4;
    uint64_t quarters = 0;
    char before = 0;
    while (!text.empty()) {
        // A backslash at the very end escapes nothing.
        const size_t escape = std::min(text.substr(0, text.size() - 1).find('\\'), text.size());
        quarters += quarters_of_plain(text.substr(0, escape), before);
        if (escape == text.size()) {
            break;
        }
        const bool is_numbered = text[escape + 1] == 'u';
        quarters += is_numbered ? kNumberedQuarters : 1;
        text.remove_prefix(std::min(escape + 2 + (is_numbered ? kHexDigits : 0), text.size()));
        before = '\\';
    }
    return quarters;
}

class Estimate {
public:
    void add_text(std::string_view text) { quarters_ += quarters_of(text); }
    void add_tokens(uint64_t tokens) { quarters_ += kQuarters * tokens; }

    void add(const Part& part) {
        switch (part.type) {
            case PartType::text:
                add_text(part.text.raw);
                break;
            case PartType::image:
                add_tokens(kImageTokens);
                break;
            case PartType::audio:
            case PartType::file:
                add_tokens(kFileTokensPerPiece * (1 + part.data.raw.size() / kFilePieceBytes));
                break;
        }
    }

    void add(const Message& message) {
        add_tokens(kMessageTokens + (message.role == Role::tool ? kCallTokens : 0));
        add_text(message.name.raw);
        add_text(message.refusal.raw);
        for (const Part& part : message.parts) {
            add(part);
        }
        for (const ToolCall& call : message.tool_calls) {
            add_tokens(kCallTokens);
            add_text(call.name.raw);
            add_text(call.arguments);
        }
    }

    void add(const Tool& tool) {
        add_tokens(kToolTokens);
        add_text(tool.name.raw);
        add_text(tool.description.raw);
        add_text(tool.parameters);
    }

    uint64_t tokens() const { return (quarters_ + kQuarters - 1) / kQuarters; }

private:
    uint64_t quarters_ = 0;
};

}  // namespace

uint64_t estimate_text_tokens(std::string_view text) {
    Estimate estimate;
    estimate.add_text(text);
    return estimate.tokens();
}

uint64_t estimate_prompt_tokens(const ChatRequest& request) {
    Estimate estimate;
    for (const Message& message : request.messages) {
        estimate.add(message);
    }
    for (const Tool& tool : request.tools) {
        estimate.add(tool);
    }
    estimate.add_text(request.response_format.schema);
    return estimate.tokens();
}

void encode_token_count(uint64_t tokens, json::TextOutput& to) {
    json::Writer(to).begin_object().key("input_tokens").unsigned_integer(tokens).end_object();
}

}  // namespace sluice::providers
