// Sums of quarter tokens.
#include "providers/token_estimate.h"

#include <array>
#include <cstddef>
#include <cstdint>
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

// Quarter tokens of a character, by its first byte; the bytes that continue one weigh nothing.
constexpr std::array<uint8_t, 256> make_weights() {
    std::array<uint8_t, 256> weights = {};
    for (size_t byte = 0; byte < weights.size(); ++byte) {
        const bool is_word = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
                             (byte >= 'A' && byte <= 'Z') || byte == ' ';
        weights[byte] = byte < 0x80   ? (is_word ? 1 : 2)
                        : byte < 0xC0 ? 0
                        : byte < 0xE0 ? 2
                        : byte < 0xF0 ? 4
                                      : 8;
    }
    return weights;
}

constexpr std::array<uint8_t, 256> kWeights = make_weights();

uint64_t quarters_of(std::string_view text) {
    uint64_t quarters = 0;
    char last = 0;
    for (size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '\\' && i + 1 < text.size()) {
            constexpr size_t kHexDigits = 4;
            const bool is_numbered = text[++i] == 'u';
            quarters += is_numbered ? kNumberedQuarters : 1;
            i += is_numbered ? kHexDigits : 0;
        } else if (c != ' ' || last != ' ') {
            quarters += kWeights[static_cast<unsigned char>(c)];
        }
        last = c;
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
