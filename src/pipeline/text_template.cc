// Reading a template, and writing it with what a request says.
#include "pipeline/text_template.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include "base/calendar.h"
#include "base/text.h"
#include "http/header_map.h"
#include "json/tree.h"
#include "json/writer.h"
#include "pipeline/processor.h"

namespace sluice::pipeline {

namespace {

using Variable = TextTemplate::Variable;

struct VariableName {
    std::string_view name;
    Variable variable;
    bool has_point;  // The name is a prefix.
};

constexpr VariableName kVariables[] = {
    {"date", Variable::date, false},   {"header.", Variable::header, true},
    {"key", Variable::key, false},     {"metadata.", Variable::metadata, true},
    {"model", Variable::model, false}, {"tenant", Variable::tenant, false},
};

// What a client proves itself with does not go to an upstream, in a prompt least of all.
constexpr std::string_view kCredentialHeaders[] = {
    "api-key",        "authorization",       "cookie", "proxy-authorization", "x-api-key",
    "x-goog-api-key", "x-amz-security-token"};

constexpr int64_t kNsPerSecond = 1'000'000'000;

bool is_name_character(char c) {
    return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || c == '-' ||
           c == '_' || c == '.';
}

void write_date(int64_t wall_clock_ns, json::TextOutput& to) {
    const Date date = date_of(wall_clock_ns / kNsPerSecond / kSecondsPerDay);
    const auto two = [&to](int64_t value) {
        to.append(static_cast<char>('0' + value / 10 % 10));
        to.append(static_cast<char>('0' + value % 10));
    };
    two(date.year / 100);
    two(date.year % 100);
    to.append('-');
    two(date.month);
    to.append('-');
    two(date.day);
}

// A text as it was written, a number or a flag by its letters; nothing for what has parts.
void write_metadata(ProcessorContext& context, std::string_view name, json::TextOutput& to) {
    const auto tree = context.body.tree();
    if (!tree) {
        return;
    }
    const json::Value& value = (**tree)["metadata"][name];
    if (value.is_string()) {
        to.append(value.text().raw);
    } else if (value.is_number() || value.is_boolean()) {
        to.append(value.raw());
    }
}

}  // namespace

class TemplateParser {
public:
    explicit TemplateParser(std::string_view text) : text_(text) {}

    std::expected<TextTemplate, std::string> parse() {
        while (at_ < text_.size()) {
            const std::string_view rest = text_.substr(at_);
            if (rest.starts_with("\\{{")) {
                literal_ += "{{";
                at_ += 3;
            } else if (rest.starts_with("{{")) {
                if (!variable()) {
                    return std::unexpected(std::move(problem_));
                }
            } else if (!character(rest)) {
                return std::unexpected(std::move(problem_));
            }
        }
        flush();
        return std::move(template_);
    }

private:
    bool expect(std::string_view what) {
        const auto before = text_.substr(0, at_);
        const size_t line_begin = before.rfind('\n') + 1;  // 0 when there is none.
        const auto line = std::ranges::count(before, '\n') + 1;
        problem_ = "at ";
        if (text_.find('\n') != std::string_view::npos) {
            problem_ += "line " + std::to_string(line) + ", ";
        }
        problem_ += "column " + std::to_string(at_ - line_begin + 1) + ": expected ";
        problem_ += what;
        return false;
    }

    bool character(std::string_view rest) {
        const auto byte = static_cast<unsigned char>(rest[0]);
        if ((byte < 0x20 && byte != '\n' && byte != '\t' && byte != '\r') || byte == 0x7F) {
            return expect("no control character");
        }
        const size_t length = utf8_length(rest);
        if (length == 0) {
            return expect("valid UTF-8");
        }
        literal_ += rest.substr(0, length);
        at_ += length;
        return true;
    }

    bool variable() {
        const size_t end = text_.find("}}", at_);
        if (end == std::string_view::npos) {
            return expect("'}}' behind a variable");
        }
        const std::string_view inside = trim_ows(text_.substr(at_ + 2, end - at_ - 2));
        const auto* const known =
            std::ranges::find_if(kVariables, [inside](const VariableName& one) {
                return one.has_point ? inside.starts_with(one.name) : inside == one.name;
            });
        if (known == std::end(kVariables)) {
            return expect("a variable: date, header.NAME, key, metadata.NAME, model or tenant");
        }
        const std::string_view name =
            known->has_point ? inside.substr(known->name.size()) : std::string_view();
        if (known->has_point && (name.empty() || !std::ranges::all_of(name, is_name_character))) {
            return expect("a name of letters, digits, '-' and '_' behind the point");
        }
        const auto is_name = [name](std::string_view other) {
            return equals_ignoring_case(name, other);
        };
        if (known->variable == Variable::header &&
            std::ranges::any_of(kCredentialHeaders, is_name)) {
            return expect("a header that carries no key");
        }
        flush();
        template_.pieces_.push_back({known->variable, std::string(name)});
        at_ = end + 2;
        return true;
    }

    void flush() {
        if (!literal_.empty()) {
            std::string escaped;
            append_json_escaped(escaped, literal_);
            template_.pieces_.push_back({Variable::none, std::move(escaped)});
            literal_.clear();
        }
    }

    std::string_view text_;
    size_t at_ = 0;
    std::string literal_;
    TextTemplate template_;
    std::string problem_;
};

std::expected<TextTemplate, std::string> TextTemplate::parse(std::string_view text) {
    return TemplateParser(text).parse();
}

void TextTemplate::write(ProcessorContext& context, json::TextOutput& to) const {
    for (const Piece& piece : pieces_) {
        switch (piece.variable) {
            case Variable::none:
                to.append(piece.text);
                break;
            case Variable::key:
                json::append_escaped(to, context.record.key_name);
                break;
            case Variable::tenant:
                json::append_escaped(to, context.record.tenant);
                break;
            case Variable::model:
                json::append_escaped(to, context.record.model);
                break;
            case Variable::date:
                write_date(context.wall_clock_ns, to);
                break;
            case Variable::header:
                if (context.head != nullptr) {
                    const http::HeaderField* const field = context.head->headers.find(piece.text);
                    json::append_escaped(to, field == nullptr ? std::string_view() : field->value);
                }
                break;
            case Variable::metadata:
                write_metadata(context, piece.text, to);
                break;
        }
    }
}

}  // namespace sluice::pipeline
