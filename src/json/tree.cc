// One pass with an explicit stack: the depth of a text is never the depth of our calls.
#include "json/tree.h"

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>

#include "base/arena.h"
#include "base/error.h"
#include "base/result.h"
#include "base/text.h"
#include "json/characters.h"
#include "json/field_watch.h"
#include "json/text_scan.h"
#include "json/writer.h"

namespace sluice::json {

class TreeBuilder {
public:
    TreeBuilder(std::string_view text, Arena& arena, NumberItems number_items)
        : at_(text.data()),
          end_(text.data() + text.size()),
          arena_(&arena),
          skips_numbers_(number_items == NumberItems::skipped) {}

    // Null when the text is wrong; fault() then says why.
    const Value* build();
    const char* fault() const { return fault_; }

private:
    // A container whose end has not come.
    struct Open {
        Value* container;
        const Value** link;  // Where its next child is to be hung.
    };

    Value* make() { return new (arena_->allocate(sizeof(Value), alignof(Value))) Value(); }
    void skip_space() {
        while (at_ != end_ && is_space(*at_)) {
            ++at_;
        }
    }
    bool is_at_item() const { return depth_ > 0 && open_[depth_ - 1].container->is_array(); }
    bool wrong(const char* expected) {
        fault_ = expected;
        return false;
    }
    bool take_value(std::string_view key);
    bool take_key(std::string_view& key);
    bool take_scalar(Value& value);
    bool take_string();
    bool take_number();
    bool take_digits();
    bool take_literal(std::string_view literal);
    bool open(Value& value, ValueType type);
    void close();
    void hang(Value& value);

    const char* at_;
    const char* const end_;
    Arena* arena_;
    const bool skips_numbers_;
    const char* fault_ = "";
    const Value* root_ = nullptr;
    size_t depth_ = 0;
    std::array<Open, Value::kDepthMax> open_;
};

const Value* TreeBuilder::build() {
    skip_space();
    if (!take_value({})) {
        return nullptr;
    }
    while (depth_ > 0) {
        const Open& top = open_[depth_ - 1];
        const bool in_object = top.container->type_ == ValueType::object;
        skip_space();
        if (at_ == end_) {
            wrong("expected the rest of the text");
            return nullptr;
        }
        if (*at_ == (in_object ? '}' : ']')) {
            close();
            continue;
        }
        if (top.container->count_ > 0) {
            if (*at_ != ',') {
                wrong("expected a comma or a closing bracket");
                return nullptr;
            }
            ++at_;
            skip_space();
        }
        std::string_view key;
        if ((in_object && !take_key(key)) || !take_value(key)) {
            return nullptr;
        }
    }
    skip_space();
    if (at_ != end_) {
        wrong("expected the end of the text");
        return nullptr;
    }
    return root_;
}

void TreeBuilder::hang(Value& value) {
    if (depth_ == 0) {
        root_ = &value;
        return;
    }
    Open& top = open_[depth_ - 1];
    *top.link = &value;
    top.link = &value.next_;
    ++top.container->count_;
}

bool TreeBuilder::take_value(std::string_view key) {
    if (at_ == end_) {
        return wrong("expected a value");
    }
    if (skips_numbers_ && is_at_item() && (*at_ == '-' || is_digit(*at_))) {
        ++open_[depth_ - 1].container->count_;
        return take_number();
    }
    Value& value = *make();
    value.key_ = key;
    hang(value);
    if (*at_ == '{') {
        return open(value, ValueType::object);
    }
    if (*at_ == '[') {
        return open(value, ValueType::array);
    }
    const char* const begin = at_;
    if (!take_scalar(value)) {
        return false;
    }
    value.raw_ = {begin, at_};
    return true;
}

bool TreeBuilder::open(Value& value, ValueType type) {
    if (depth_ == open_.size()) {
        return wrong("expected fewer levels of brackets");
    }
    value.type_ = type;
    value.raw_ = {at_, 1};
    open_[depth_++] = {&value, &value.first_};
    ++at_;
    return true;
}

void TreeBuilder::close() {
    Value& container = *open_[--depth_].container;
    ++at_;
    container.raw_ = {container.raw_.data(), at_};
}

bool TreeBuilder::take_key(std::string_view& key) {
    if (at_ == end_ || *at_ != '"') {
        return wrong("expected a key in quotes");
    }
    const char* const begin = at_ + 1;
    if (!take_string()) {
        return false;
    }
    key = {begin, at_ - 1};
    skip_space();
    if (at_ == end_ || *at_ != ':') {
        return wrong("expected a colon");
    }
    ++at_;
    skip_space();
    return true;
}

bool TreeBuilder::take_scalar(Value& value) {
    switch (*at_) {
        case '"':
            value.type_ = ValueType::string;
            return take_string();
        case 't':
            value.type_ = ValueType::boolean_true;
            return take_literal("true");
        case 'f':
            value.type_ = ValueType::boolean_false;
            return take_literal("false");
        case 'n':
            value.type_ = ValueType::null;
            return take_literal("null");
        default:
            value.type_ = ValueType::number;
            return take_number();
    }
}

bool TreeBuilder::take_string() {
    ++at_;
    const SkipText skip = text_scan().skip_text;
    while (true) {
        at_ = skip(at_, end_);
        if (at_ == end_) {
            return wrong("expected a closing quote");
        }
        const auto byte = static_cast<unsigned char>(*at_);
        if (byte == '"') {
            ++at_;
            return true;
        }
        size_t count = 1;
        if (byte == '\\') {
            count = escape_bytes(at_, end_);
        } else if (byte < 0x20) {
            return wrong("expected control characters to be escaped");
        } else if (byte >= 0x80) {
            count = utf8_length({at_, end_});
        }
        if (count == 0) {
            return wrong(byte == '\\' ? "expected an escape that JSON knows"
                                      : "expected valid UTF-8");
        }
        at_ += count;
    }
}

bool TreeBuilder::take_digits() {
    const char* const begin = at_;
    while (at_ != end_ && is_digit(*at_)) {
        ++at_;
    }
    return at_ != begin || wrong("expected a digit");
}

bool TreeBuilder::take_number() {
    if (*at_ == '-') {
        ++at_;
    }
    if (at_ != end_ && *at_ == '0') {
        ++at_;
    } else if (at_ == end_ || !is_digit(*at_)) {
        return wrong("expected a value");
    } else if (!take_digits()) {
        return false;
    }
    if (at_ != end_ && *at_ == '.') {
        ++at_;
        if (!take_digits()) {
            return false;
        }
    }
    if (at_ != end_ && (*at_ == 'e' || *at_ == 'E')) {
        ++at_;
        if (at_ != end_ && (*at_ == '+' || *at_ == '-')) {
            ++at_;
        }
        return take_digits();
    }
    return true;
}

bool TreeBuilder::take_literal(std::string_view literal) {
    if (!std::string_view(at_, end_).starts_with(literal)) {
        return wrong("expected a value");
    }
    at_ += literal.size();
    return true;
}

Result<const Value*> Value::parse(std::string_view text,
                                  Arena& arena,
                                  ErrorSource source,
                                  NumberItems number_items) {
    TreeBuilder builder(text, arena, number_items);
    const Value* const root = builder.build();
    if (root == nullptr) {
        return fail({.kind = ErrorKind::invalid_json, .source = source, .where = builder.fault()});
    }
    return root;
}

const Value& Value::operator[](std::string_view key) const {
    static constexpr Value kAbsent;
    for (const Value* member = is_object() ? first_ : nullptr; member != nullptr;
         member = member->next_) {
        if (member->key_ == key) {
            return *member;
        }
    }
    return kAbsent;
}

std::optional<int64_t> Value::integer() const {
    int64_t value = 0;
    const char* const end = raw_.data() + raw_.size();
    const auto [stop, fault] = std::from_chars(raw_.data(), end, value);
    return is_number() && fault == std::errc() && stop == end ? std::optional(value) : std::nullopt;
}

std::optional<double> Value::number() const {
    double value = 0;
    const char* const end = raw_.data() + raw_.size();
    const auto [stop, fault] = std::from_chars(raw_.data(), end, value);
    return is_number() && fault == std::errc() && stop == end ? std::optional(value) : std::nullopt;
}

Text escape(std::string_view plain, Arena& arena) {
    ArenaText output(arena, plain.size());
    append_escaped(output, plain);
    return {output.view()};
}

}  // namespace sluice::json
