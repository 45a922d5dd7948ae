// A descent through the expression that builds two texts for each part: the part itself, without
// captures, and the beginnings of it.
#include "pipeline/open_pattern.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::pipeline {

namespace {

// RE2 itself nests up to 1000 levels, and what is built here is nested more deeply than its source.
constexpr uint32_t kDepthMax = 50;

struct Piece {
    std::string whole;
    std::string open;  // Empty: it has no beginnings, as it takes no characters.
};

struct Repeat {
    uint32_t max = 0;
    bool is_bounded = false;
};

std::string grouped(std::string_view text) {
    return "(?:" + std::string(text) + ")";
}

class OpenPatternParser {
public:
    explicit OpenPatternParser(std::string_view text) : rest_(text) {}

    std::optional<std::string> run() {
        const std::string flags = leading_flags();
        const std::optional<Piece> all = alternatives();
        if (!all || !rest_.empty() || all->open.empty()) {
            return std::nullopt;
        }
        return flags + grouped(all->open);
    }

private:
    // "(?i)" at the very beginning, which counts for everything.
    std::string leading_flags() {
        const size_t end = rest_.find(')');
        if (!rest_.starts_with("(?") || end == rest_.npos ||
            rest_.substr(2, end - 2).find_first_not_of("imsU-") != rest_.npos) {
            return {};
        }
        return take(end + 1);
    }

    std::string take(size_t count) {
        const std::string_view taken = rest_.substr(0, count);
        rest_.remove_prefix(taken.size());
        return std::string(taken);
    }

    std::optional<Piece> alternatives() {
        Piece all;
        while (true) {
            const std::optional<Piece> one = sequence();
            if (!one) {
                return std::nullopt;
            }
            all.whole += one->whole;
            if (!one->open.empty()) {
                all.open += (all.open.empty() ? "" : "|") + one->open;
            }
            if (!rest_.starts_with('|')) {
                return all;
            }
            all.whole += take(1);
        }
    }

    std::optional<Piece> sequence() {
        std::vector<Piece> pieces;
        while (!rest_.empty() && rest_.front() != '|' && rest_.front() != ')') {
            std::optional<Piece> piece = repeated();
            if (!piece) {
                return std::nullopt;
            }
            pieces.push_back(*std::move(piece));
        }
        return joined(pieces);
    }

    // The beginnings of "abc" are those of "a", or "a" and the beginnings of "bc".
    static Piece joined(const std::vector<Piece>& pieces) {
        Piece all;
        for (size_t i = pieces.size(); i > 0; --i) {
            const Piece& piece = pieces[i - 1];
            all.whole.insert(0, piece.whole);
            if (all.open.empty()) {
                all.open = piece.open;
            } else if (piece.open.empty()) {
                all.open = piece.whole + grouped(all.open);
            } else if (piece.open == piece.whole) {
                all.open = piece.whole + grouped(all.open) + "?";
            } else {
                all.open = grouped(piece.open + "|" + piece.whole + grouped(all.open));
            }
        }
        return all;
    }

    std::optional<Piece> repeated() {
        std::optional<Piece> piece = atom();
        if (!piece || rest_.empty()) {
            return piece;
        }
        Repeat repeat;
        const size_t size = repeat_size(repeat);
        if (size == 0) {
            return piece;
        }
        Piece many;
        many.whole = piece->whole + take(size);
        if (rest_.starts_with('?')) {
            many.whole += take(1);
        }
        if (piece->open.empty() || (repeat.is_bounded && repeat.max == 0)) {
            return many;
        }
        if (!repeat.is_bounded) {
            many.open = piece->whole + "*" + grouped(piece->open);
        } else if (repeat.max == 1) {
            many.open = piece->open;
        } else {
            many.open =
                piece->whole + "{0," + std::to_string(repeat.max - 1) + "}" + grouped(piece->open);
        }
        return many;
    }

    // Of the operator that follows, in bytes; 0 when there is none.
    size_t repeat_size(Repeat& repeat) const {
        switch (rest_.front()) {
            case '*':
            case '+':
                return 1;
            case '?':
                repeat = {.max = 1, .is_bounded = true};
                return 1;
            case '{':
                return counted_size(repeat);
            default:
                return 0;
        }
    }

    // "{2}", "{2,}" or "{2,5}"; anything else is a brace that means itself.
    size_t counted_size(Repeat& repeat) const {
        const size_t end = rest_.find('}');
        if (end == rest_.npos) {
            return 0;
        }
        const std::string_view inside = rest_.substr(1, end - 1);
        const size_t comma = inside.find(',');
        const std::string_view most = comma == inside.npos ? inside : inside.substr(comma + 1);
        if (!is_number(inside.substr(0, comma)) || (!most.empty() && !is_number(most))) {
            return 0;
        }
        repeat.is_bounded = !most.empty();
        std::from_chars(most.data(), most.data() + most.size(), repeat.max);
        return end + 1;
    }

    static bool is_number(std::string_view text) {
        constexpr size_t kDigitsMax = 4;
        return !text.empty() && text.size() <= kDigitsMax &&
               std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
    }

    std::optional<Piece> atom() {
        switch (rest_.front()) {
            case '(':
                return group();
            case '[':
                return set();
            case '\\':
                return escape();
            case '^':
            case '$':
                return Piece{take(1), {}};
            case '*':
            case '+':
            case '?':
                return std::nullopt;
            default:
                return character(take(character_bytes()));
        }
    }

    static Piece character(const std::string& text) { return {text, text}; }

    // Of the UTF-8 character that follows.
    size_t character_bytes() const {
        size_t count = 1;
        while (count < rest_.size() && (static_cast<unsigned char>(rest_[count]) & 0xC0U) == 0x80) {
            ++count;
        }
        return count;
    }

    std::optional<Piece> group() {
        std::string opener = "(?:";
        take(1);
        if (rest_.starts_with("?P<")) {
            take(std::min(rest_.find('>'), rest_.size() - 1) + 1);
        } else if (rest_.starts_with('?')) {
            const size_t colon = rest_.find(':');
            if (colon == rest_.npos ||
                rest_.substr(1, colon - 1).find_first_not_of("imsU-") != rest_.npos) {
                return std::nullopt;
            }
            opener = "(" + take(colon + 1);
        }
        if (++depth_ > kDepthMax) {
            return std::nullopt;
        }
        std::optional<Piece> inside = alternatives();
        --depth_;
        if (!inside || !rest_.starts_with(')')) {
            return std::nullopt;
        }
        take(1);
        inside->whole = opener + inside->whole + ")";
        if (!inside->open.empty()) {
            inside->open = opener + inside->open + ")";
        }
        return inside;
    }

    std::optional<Piece> set() {
        size_t at = rest_.starts_with("[^") ? 2 : 1;
        at += at < rest_.size() && rest_[at] == ']' ? 1 : 0;
        while (at < rest_.size() && rest_[at] != ']') {
            if (rest_.substr(at).starts_with("[:")) {
                at = std::min(rest_.find(":]", at), rest_.size() - 1) + 1;
            } else if (rest_[at] == '\\') {
                ++at;
            }
            ++at;
        }
        if (at >= rest_.size()) {
            return std::nullopt;
        }
        return character(take(at + 1));
    }

    std::optional<Piece> escape() {
        if (rest_.size() < 2) {
            return std::nullopt;
        }
        const char c = rest_[1];
        if (c == 'b' || c == 'B' || c == 'A' || c == 'z') {
            return Piece{take(2), {}};
        }
        if (c == 'Q' || c == 'C' || (c >= '0' && c <= '9')) {
            return std::nullopt;
        }
        if (c == 'p' || c == 'P' || c == 'x') {
            const bool is_braced = rest_.size() > 2 && rest_[2] == '{';
            const size_t brace = rest_.find('}');
            if (is_braced && brace == rest_.npos) {
                return std::nullopt;
            }
            const size_t plain = c == 'x' ? 4 : 3;
            return character(take(is_braced ? brace + 1 : plain));
        }
        return character(take(2));
    }

    std::string_view rest_;
    uint32_t depth_ = 0;
};

}  // namespace

std::optional<std::string> open_pattern(std::string_view pattern) {
    return OpenPatternParser(pattern).run();
}

}  // namespace sluice::pipeline
