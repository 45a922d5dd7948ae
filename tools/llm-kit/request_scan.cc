// Walks over the members of the top object; strings are skipped by memchr.
#include "llm-kit/request_scan.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "base/text.h"

namespace sluice::llm_kit {

namespace {

class Walk {
public:
    explicit Walk(std::string_view text) : text_(text) {}

    bool at_end() const { return at_ >= text_.size(); }
    char here() const { return at_end() ? '\0' : text_[at_]; }
    size_t position() const { return at_; }
    std::string_view since(size_t begin) const { return text_.substr(begin, at_ - begin); }

    void skip_blanks() {
        while (!at_end() && (here() == ' ' || here() == '\t' || here() == '\n' || here() == '\r')) {
            ++at_;
        }
    }
    bool take(char c) {
        skip_blanks();
        const bool is_it = here() == c;
        at_ += is_it ? 1 : 0;
        return is_it;
    }

    // The inside of a string, as written; the walk stands at its opening quote.
    std::string_view string() {
        const size_t begin = ++at_;
        while (!at_end()) {
            const void* quote = std::memchr(text_.data() + at_, '"', text_.size() - at_);
            if (quote == nullptr) {
                break;
            }
            at_ = static_cast<size_t>(static_cast<const char*>(quote) - text_.data());
            size_t backslashes = 0;
            while (at_ - backslashes > begin && text_[at_ - backslashes - 1] == '\\') {
                ++backslashes;
            }
            ++at_;
            if (backslashes % 2 == 0) {
                return text_.substr(begin, at_ - 1 - begin);
            }
        }
        at_ = text_.size();
        return text_.substr(begin);
    }

    // Any value, with what is inside it.
    std::string_view value() {
        skip_blanks();
        const size_t begin = at_;
        size_t depth = 0;
        do {
            const char c = here();
            if (c == '"') {
                string();
                continue;
            }
            depth += c == '{' || c == '[' ? 1 : 0;
            depth -= (c == '}' || c == ']') && depth > 0 ? 1 : 0;
            ++at_;
        } while (!at_end() && (depth > 0 || !ends_value(here())));
        return text_.substr(begin, std::min(at_, text_.size()) - begin);
    }

private:
    static bool ends_value(char c) {
        return c == ',' || c == '}' || c == ']' || c == ' ' || c == '\n' || c == '\r' || c == '\t';
    }

    std::string_view text_;
    size_t at_ = 0;
};

std::string_view unquoted(std::string_view value) {
    return value.size() >= 2 && value.front() == '"' ? value.substr(1, value.size() - 2) : value;
}

std::optional<uint32_t> small_number(std::string_view value) {
    const std::optional<uint64_t> number = parse_decimal(value);
    return number && *number <= UINT32_MAX ? std::optional(static_cast<uint32_t>(*number))
                                           : std::nullopt;
}

// A member's value; empty when there is none of that name.
std::string_view member(std::string_view object, std::string_view name) {
    Walk walk(object);
    bool more = walk.take('{');
    while (more && !walk.at_end()) {
        walk.skip_blanks();
        const std::string_view key = walk.here() == '"' ? walk.string() : std::string_view();
        if (!walk.take(':')) {
            break;
        }
        const std::string_view value = walk.value();
        if (key == name) {
            return value;
        }
        more = walk.take(',');
    }
    return {};
}

void note_member(std::string_view key, std::string_view value, RequestScan& scan) {
    if (key == "model") {
        scan.model = unquoted(value);
    } else if (key == "stream") {
        scan.stream = value == "true";
        scan.names_stream = true;
    } else if (key == "messages" || key == "contents" || key == "prompt" || key == "input") {
        scan.prompt = value.substr(0, RequestScan::kPromptBytesMax);
    } else if (key == "max_tokens" || key == "max_completion_tokens" ||
               key == "max_output_tokens") {
        scan.tokens_max = small_number(value);
    } else if (key == "stream_options") {
        scan.include_usage = member(value, "include_usage") == "true";
    } else if (key == "generationConfig") {
        scan.tokens_max = small_number(member(value, "maxOutputTokens"));
    } else if (key == "inferenceConfig") {
        scan.tokens_max = small_number(member(value, "maxTokens"));
    } else if (key == "options") {
        scan.tokens_max = small_number(member(value, "num_predict"));
    }
}

}  // namespace

RequestScan scan_request(std::string_view body) {
    RequestScan scan;
    Walk walk(body);
    bool more = walk.take('{');
    while (more && !walk.at_end()) {
        walk.skip_blanks();
        if (walk.here() != '"') {
            break;
        }
        const std::string_view key = walk.string();
        if (!walk.take(':')) {
            break;
        }
        note_member(key, walk.value(), scan);
        more = walk.take(',');
    }
    return scan;
}

}  // namespace sluice::llm_kit
