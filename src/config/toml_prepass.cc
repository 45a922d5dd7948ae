// TomlPrepass: one pass over the characters with a stack of open brackets.
//
// The rewriter knows just enough of TOML to tell strings and comments from structure. Whatever it
// does not understand it copies, so that an error is found by the parser at its true place.
#include "config/toml_prepass.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

namespace sluice::config {

namespace {

// What has been seen of the pair that is being read inside an inline table.
enum class PairPart : uint8_t { nothing, key, equals, value };

constexpr size_t kNoComma = std::string::npos;

struct Bracket {
    char kind = 0;  // '[' or '{'
    Position position;
    PairPart part = PairPart::nothing;
    size_t last_comma = kNoComma;  // Offset in the rewritten text, when it came last.
};

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";  // Some editors begin a file with it.

bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

// The length of the string that `text` begins with, in any of the four forms: up to its end, or to
// where it stops being one, which the parser will report.
size_t string_length(std::string_view text) {
    const char quote = text[0];
    const std::string triple(3, quote);
    const bool is_multi_line = text.starts_with(triple);
    const std::string_view end = is_multi_line ? std::string_view(triple) : text.substr(0, 1);
    size_t length = end.size();
    while (length < text.size() && !text.substr(length).starts_with(end)) {
        if (text[length] == '\n' && !is_multi_line) {
            return length;
        }
        const bool is_escape = quote == '"' && text[length] == '\\' && length + 1 < text.size() &&
                               (is_multi_line || text[length + 1] != '\n');
        length += is_escape ? 2 : 1;
    }
    length += end.size();
    // Up to two quotes may stand right before the closing three.
    for (int i = 0; is_multi_line && i < 2 && length < text.size() && text[length] == quote; ++i) {
        ++length;
    }
    return std::min(length, text.size());
}

}  // namespace

class TomlRewriter {
public:
    explicit TomlRewriter(std::string_view input) : input_(input) {}

    std::expected<TomlPrepass, TomlPrepass::Failure> run();

private:
    bool in_inline_table() const { return !open_.empty() && open_.back().kind == '{'; }
    std::string_view rest() const { return input_.substr(next_); }

    void copy(size_t count);
    void skip(size_t count);
    void comment();
    bool newline();
    void step();
    void open_bracket(char kind);
    void close_bracket(char kind);
    void structural(char c);
    void other();
    void anchor();
    void fail(Position position, std::string text);

    std::string_view input_;
    size_t next_ = 0;
    Position here_ = {1, 1};   // Of input_[next_].
    Position there_ = {1, 1};  // Of the end of the rewritten text.
    std::vector<Bracket> open_;
    uint32_t key_parts_ = 1;
    TomlPrepass result_;
    std::optional<TomlPrepass::Failure> failure_;
};

void TomlRewriter::anchor() {
    result_.anchors_.push_back({there_, here_});
}

void TomlRewriter::fail(Position position, std::string text) {
    if (!failure_.has_value()) {
        failure_ = TomlPrepass::Failure{position, std::move(text)};
    }
}

// Copies bytes that keep their meaning; both positions advance.
void TomlRewriter::copy(size_t count) {
    for (const char c : input_.substr(next_, count)) {
        result_.text_.push_back(c);
        const bool continues = (static_cast<unsigned char>(c) & 0xC0) == 0x80;
        if (c == '\n') {
            ++here_.line;
            here_.column = 1;
            ++there_.line;
            there_.column = 1;
            anchor();
        } else if (!continues) {
            ++here_.column;
            ++there_.column;
        }
    }
    next_ += std::min(count, input_.size() - next_);
}

// Passes over bytes without newlines; only the original position advances.
void TomlRewriter::skip(size_t count) {
    for (const char c : input_.substr(next_, count)) {
        here_.column += (static_cast<unsigned char>(c) & 0xC0) != 0x80 ? 1 : 0;
    }
    next_ += std::min(count, input_.size() - next_);
    anchor();
}

void TomlRewriter::comment() {
    const size_t length = std::min(rest().find('\n'), rest().size());
    if (in_inline_table()) {
        const bool has_return = length > 0 && length < rest().size() && rest()[length - 1] == '\r';
        skip(has_return ? length - 1 : length);
    } else {
        copy(length);
    }
}

// Handles a line end inside an inline table; false when this is not one that TOML 1.1 allows.
bool TomlRewriter::newline() {
    const size_t length = rest().starts_with("\r\n") ? 2 : 1;
    const PairPart part = open_.back().part;
    if (!rest().substr(length - 1).starts_with('\n') || part == PairPart::key ||
        part == PairPart::equals) {
        return false;
    }
    result_.text_.push_back(' ');
    ++there_.column;
    next_ += length;
    ++here_.line;
    here_.column = 1;
    anchor();
    return true;
}

void TomlRewriter::open_bracket(char kind) {
    if (in_inline_table()) {
        open_.back().part = PairPart::value;
        open_.back().last_comma = kNoComma;
    }
    if (open_.size() == kTomlDepthMax) {
        fail(here_, fmt::format("brackets are nested more than {} deep", kTomlDepthMax));
        return;
    }
    open_.push_back({.kind = kind, .position = here_});
    copy(1);
}

void TomlRewriter::close_bracket(char kind) {
    if (!open_.empty() && open_.back().kind == kind) {
        if (kind == '{' && open_.back().last_comma != kNoComma) {
            result_.text_[open_.back().last_comma] = ' ';
        }
        open_.pop_back();
    }
    copy(1);
}

void TomlRewriter::structural(char c) {
    key_parts_ = 1;
    if (c == '[' || c == '{') {
        open_bracket(c);
    } else if (c == ']' || c == '}') {
        close_bracket(c == ']' ? '[' : '{');
    } else {
        if (in_inline_table()) {
            Bracket& table = open_.back();
            if (c == '=') {
                table.part = PairPart::equals;
            } else {
                // Only a comma after a whole pair may be the superfluous last one.
                const bool ends_pair = table.part == PairPart::value;
                table.last_comma = ends_pair ? result_.text_.size() : kNoComma;
                table.part = PairPart::nothing;
            }
        }
        copy(1);
    }
}

// A character of a key or of a value.
void TomlRewriter::other() {
    const char c = input_[next_];
    if (in_inline_table()) {
        Bracket& table = open_.back();
        const bool in_value = table.part == PairPart::equals || table.part == PairPart::value;
        table.part = in_value ? PairPart::value : PairPart::key;
        table.last_comma = kNoComma;
    }
    if (c == '"' || c == '\'') {
        copy(string_length(rest()));
        return;
    }
    if (static_cast<unsigned char>(c) <= ' ' || static_cast<unsigned char>(c) >= 0x7F) {
        fail(here_, "only printable ASCII may stand outside of quotes and comments");
    }
    if (c == '.' && ++key_parts_ > kTomlKeyPartsMax) {
        fail(here_, fmt::format("a key has more than {} parts", kTomlKeyPartsMax));
    }
    copy(1);
}

void TomlRewriter::step() {
    const char c = input_[next_];
    if (is_blank(c)) {
        copy(1);
    } else if (c == '#') {
        comment();
    } else if (c == '\n' || c == '\r') {
        key_parts_ = 1;
        if (!in_inline_table() || !newline()) {
            copy(1);
        }
    } else if (std::string_view("[]{}=,").contains(c)) {
        structural(c);
    } else {
        other();
    }
}

std::expected<TomlPrepass, TomlPrepass::Failure> TomlRewriter::run() {
    result_.text_.reserve(input_.size());
    anchor();
    if (input_.starts_with(kByteOrderMark)) {
        next_ += kByteOrderMark.size();
    }
    while (next_ < input_.size() && !failure_.has_value()) {
        step();
    }
    for (const Bracket& bracket : open_) {
        if (bracket.kind == '{') {
            fail(bracket.position, "this inline table is never closed; expected \"}\"");
        }
    }
    if (failure_.has_value()) {
        return std::unexpected(*failure_);
    }
    return std::move(result_);
}

std::expected<TomlPrepass, TomlPrepass::Failure> TomlPrepass::run(std::string_view text) {
    return TomlRewriter(text).run();
}

Position TomlPrepass::original(Position rewritten) const {
    // The last anchor at or before the place; anchors of equal place: the last one counts.
    const auto after = std::upper_bound(
        anchors_.begin(), anchors_.end(), rewritten,
        [](Position position, const Anchor& anchor) { return position < anchor.rewritten; });
    if (after == anchors_.begin()) {
        return {1, 1};
    }
    const Anchor& anchor = *(after - 1);
    if (rewritten.line != anchor.rewritten.line) {
        return anchor.original;  // Beyond the end of the text.
    }
    return {anchor.original.line,
            anchor.original.column + (rewritten.column - anchor.rewritten.column)};
}

}  // namespace sluice::config
