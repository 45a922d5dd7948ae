// Parsing by recursive descent, evaluating by walking the nodes.
#include "pipeline/condition.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/header_map.h"
#include "pipeline/processor.h"

namespace sluice::pipeline {

namespace {

using Fact = Condition::Fact;

enum class FactType : uint8_t { text, number, flag };

struct FactName {
    std::string_view name;
    Fact fact;
    FactType type;
    bool needs_body;
};

constexpr FactName kFacts[] = {
    {"model", Fact::model, FactType::text, true},
    {"path", Fact::path, FactType::text, false},
    {"method", Fact::method, FactType::text, false},
    {"key", Fact::key, FactType::text, false},
    {"tenant", Fact::tenant, FactType::text, false},
    {"header", Fact::header, FactType::text, false},
    {"messages", Fact::messages, FactType::number, true},
    {"images", Fact::images, FactType::number, true},
    {"estimated_tokens", Fact::estimated_tokens, FactType::number, true},
    {"body_bytes", Fact::body_bytes, FactType::number, true},
    {"stream", Fact::stream, FactType::flag, true},
    {"has_tools", Fact::has_tools, FactType::flag, true},
    {"has_images", Fact::has_images, FactType::flag, true},
    {"has_header", Fact::has_header, FactType::flag, false},
};

constexpr uint32_t kDepthMax = 32;

bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || c == '_';
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

std::string_view text_fact(Fact fact, std::string_view name, const ProcessorContext& context) {
    switch (fact) {
        case Fact::model:
            return context.record.model;
        case Fact::path:
            return context.record.path;
        case Fact::method:
            return context.record.method;
        case Fact::key:
            return context.record.key_name;
        case Fact::tenant:
            return context.record.tenant;
        default: {
            const http::HeaderField* const field =
                context.head == nullptr ? nullptr : context.head->headers.find(name);
            return field == nullptr ? std::string_view() : field->value;
        }
    }
}

uint64_t number_fact(Fact fact, ProcessorContext& context) {
    switch (fact) {
        case Fact::messages:
            return context.facts().messages;
        case Fact::images:
            return context.facts().images;
        case Fact::estimated_tokens:
            return context.facts().estimated_tokens;
        default:
            return context.body.text().size();
    }
}

bool flag_fact(Fact fact, std::string_view name, ProcessorContext& context) {
    switch (fact) {
        case Fact::has_tools:
            return context.facts().has_tools;
        case Fact::has_images:
            return context.facts().images > 0;
        case Fact::has_header:
            return context.head != nullptr && context.head->headers.find(name) != nullptr;
        default:
            return context.wants_stream;
    }
}

}  // namespace

bool fits_pattern(std::string_view text, std::string_view pattern) {
    size_t at = 0;
    size_t next = 0;
    size_t star = std::string_view::npos;
    size_t resume = 0;
    while (at < text.size()) {
        if (next < pattern.size() && pattern[next] == '*') {
            star = next++;
            resume = at;
        } else if (next < pattern.size() && pattern[next] == text[at]) {
            ++next;
            ++at;
        } else if (star != std::string_view::npos) {
            next = star + 1;
            at = ++resume;
        } else {
            return false;
        }
    }
    return pattern.find_first_not_of('*', next) == std::string_view::npos;
}

// Every function takes what it knows from the front of the text and says false when something else
// stands there; the first complaint counts.
class ConditionParser {
public:
    explicit ConditionParser(std::string_view text) : text_(text) {}

    std::expected<Condition, std::string> parse() {
        const bool is_right = either() && (skip_space(), at_ == text_.size() || expect("the end"));
        if (!is_right) {
            return std::unexpected(std::move(problem_));
        }
        return std::move(condition_);
    }

private:
    using Node = Condition::Node;
    using Kind = Condition::Kind;
    using Comparison = Condition::Comparison;

    void skip_space() {
        while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' ||
                                      text_[at_] == '\n' || text_[at_] == '\r')) {
            ++at_;
        }
    }

    bool expect(std::string_view what) {
        if (problem_.empty()) {
            problem_ = "at column " + std::to_string(at_ + 1) + ": expected " + std::string(what);
        }
        return false;
    }

    bool take(std::string_view mark) {
        skip_space();
        if (!text_.substr(at_).starts_with(mark)) {
            return false;
        }
        at_ += mark.size();
        return true;
    }

    std::string_view peek_word() {
        skip_space();
        size_t end = at_;
        while (end < text_.size() && is_letter(text_[end])) {
            ++end;
        }
        return text_.substr(at_, end - at_);
    }

    bool take_word(std::string_view word) {
        if (peek_word() != word) {
            return false;
        }
        at_ += word.size();
        return true;
    }

    void add(Node node) { condition_.nodes_.push_back(std::move(node)); }
    uint32_t latest() const { return static_cast<uint32_t>(condition_.nodes_.size() - 1); }

    bool either() { return chain("or", Kind::any, &ConditionParser::both); }
    bool both() { return chain("and", Kind::all, &ConditionParser::one); }

    bool chain(std::string_view word, Kind kind, bool (ConditionParser::*part)()) {
        if (!(this->*part)()) {
            return false;
        }
        while (take_word(word)) {
            const uint32_t left = latest();
            if (!(this->*part)()) {
                return false;
            }
            add({.kind = kind, .left = left, .right = latest()});
        }
        return true;
    }

    bool one() {
        if (++depth_ > kDepthMax) {
            return expect("less nesting");
        }
        const bool is_right = nested();
        --depth_;
        return is_right;
    }

    bool nested() {
        if (take_word("not")) {
            if (!one()) {
                return false;
            }
            add({.kind = Kind::negation, .left = latest()});
            return true;
        }
        if (take("(")) {
            return either() && (take(")") || expect("')'"));
        }
        return comparison();
    }

    bool comparison() {
        const std::string_view word = peek_word();
        const auto* const known = std::ranges::find(kFacts, word, &FactName::name);
        if (known == std::end(kFacts)) {
            return expect(
                "a fact: model, path, method, key, tenant, header(\"...\"), messages, "
                "images, estimated_tokens, body_bytes, stream, has_tools, has_images or "
                "has_header(\"...\")");
        }
        at_ += word.size();
        condition_.needs_body_ = condition_.needs_body_ || known->needs_body;
        Node node;
        node.fact = known->fact;
        const bool has_name = known->fact == Fact::header || known->fact == Fact::has_header;
        if (has_name && !header_name(node)) {
            return false;
        }
        switch (known->type) {
            case FactType::text:
                return text(std::move(node));
            case FactType::number:
                return number(std::move(node));
            case FactType::flag:
                break;
        }
        node.kind = Kind::flag;
        add(std::move(node));
        return true;
    }

    bool header_name(Node& node) {
        if (!take("(")) {
            return expect("'(' and the name of a header");
        }
        std::optional<std::string> name = quoted();
        if (!name || name->empty()) {
            return expect("the name of a header in quotes");
        }
        node.name = *std::move(name);
        return take(")") || expect("')'");
    }

    bool text(Node node) {
        node.kind = Kind::text;
        if (take_word("in")) {
            return take("[") ? list(std::move(node)) : expect("'['");
        }
        if (take("!=")) {
            node.comparison = Comparison::unequal;
        } else if (!take("==")) {
            return expect("==, != or in");
        }
        return text_item(node) && (add(std::move(node)), true);
    }

    bool list(Node node) {
        do {
            if (!text_item(node)) {
                return false;
            }
        } while (take(","));
        if (!take("]")) {
            return expect("',' or ']'");
        }
        add(std::move(node));
        return true;
    }

    bool text_item(Node& node) {
        std::optional<std::string> item = quoted();
        if (!item) {
            return expect("a text in quotes");
        }
        node.texts.push_back(*std::move(item));
        return true;
    }

    // Without escapes: neither models nor headers hold quotes of both kinds.
    std::optional<std::string> quoted() {
        skip_space();
        const char quote = at_ < text_.size() ? text_[at_] : '\0';
        if (quote != '"' && quote != '\'') {
            return std::nullopt;
        }
        const size_t end = text_.find(quote, at_ + 1);
        if (end == std::string_view::npos) {
            return std::nullopt;
        }
        std::string item(text_.substr(at_ + 1, end - at_ - 1));
        at_ = end + 1;
        return item;
    }

    bool number(Node node) {
        constexpr std::pair<std::string_view, Comparison> kMarks[] = {
            {"==", Comparison::equal},      {"!=", Comparison::unequal},
            {"<=", Comparison::less_equal}, {">=", Comparison::greater_equal},
            {"<", Comparison::less},        {">", Comparison::greater}};
        const auto* const mark =
            std::ranges::find_if(kMarks, [this](const auto& one) { return take(one.first); });
        if (mark == std::end(kMarks)) {
            return expect("==, !=, <, <=, > or >=");
        }
        constexpr size_t kDigitsMax = 18;
        skip_space();
        const size_t begin = at_;
        while (at_ < text_.size() && is_digit(text_[at_]) && at_ - begin < kDigitsMax) {
            node.number = node.number * 10 + static_cast<uint64_t>(text_[at_++] - '0');
        }
        if (at_ == begin) {
            return expect("a whole number");
        }
        node.kind = Kind::number;
        node.comparison = mark->second;
        add(std::move(node));
        return true;
    }

    std::string_view text_;
    size_t at_ = 0;
    uint32_t depth_ = 0;
    Condition condition_;
    std::string problem_;
};

std::expected<Condition, std::string> Condition::parse(std::string_view text) {
    if (text.empty()) {
        return Condition();
    }
    return ConditionParser(text).parse();
}

bool Condition::holds(ProcessorContext& context) const {
    return nodes_.empty() || holds(nodes_.back(), context);
}

bool Condition::holds(const Node& node, ProcessorContext& context) const {
    switch (node.kind) {
        case Kind::all:
            return holds(nodes_[node.left], context) && holds(nodes_[node.right], context);
        case Kind::any:
            return holds(nodes_[node.left], context) || holds(nodes_[node.right], context);
        case Kind::negation:
            return !holds(nodes_[node.left], context);
        case Kind::flag:
            return flag_fact(node.fact, node.name, context);
        case Kind::text: {
            const std::string_view text = text_fact(node.fact, node.name, context);
            const bool fits = std::ranges::any_of(node.texts, [&](const std::string& pattern) {
                return fits_pattern(text, pattern);
            });
            return fits == (node.comparison == Comparison::equal);
        }
        case Kind::number:
            break;
    }
    const uint64_t value = number_fact(node.fact, context);
    switch (node.comparison) {
        case Comparison::equal:
            return value == node.number;
        case Comparison::unequal:
            return value != node.number;
        case Comparison::less:
            return value < node.number;
        case Comparison::less_equal:
            return value <= node.number;
        case Comparison::greater:
            return value > node.number;
        case Comparison::greater_equal:
            break;
    }
    return value >= node.number;
}

}  // namespace sluice::pipeline
