// TextTemplate: a text with variables of the request, for prompts.
//
//     You work for {{tenant}}. Today is {{date}}. The user's team: {{header.x-team}}.
//
// Variables: key, tenant, model, date (UTC, 2026-01-31), header.NAME, metadata.NAME; "\{{" stands
// for two braces. What comes from a request is escaped as JSON, so it cannot end the string that it
// is put into. Read once, when the configuration is.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "json/writer.h"

namespace sluice::pipeline {

struct ProcessorContext;

class TextTemplate {
public:
    // The error says where what was expected.
    static std::expected<TextTemplate, std::string> parse(std::string_view text);

    // Appends the inside of a JSON string.
    void write(ProcessorContext& context, json::TextOutput& to) const;

    enum class Variable : uint8_t { none, key, tenant, model, date, header, metadata };

private:
    friend class TemplateParser;

    struct Piece {
        Variable variable = Variable::none;
        std::string text = {};  // As it goes into JSON, or the name behind the point.
    };

    std::vector<Piece> pieces_;
};

}  // namespace sluice::pipeline
