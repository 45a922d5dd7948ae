// system_prompt: the operator's words before those of the client, in every dialect that has a place
// for them.
//
// Chat completions: the first system or developer message. Anthropic's messages: `system`.
// Responses: `instructions`, or the first system or developer item of the input. Completions, which
// know no system, have it put before each prompt that is a text. All other bytes stay.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "json/tree.h"
#include "pipeline/processor.h"
#include "pipeline/text_template.h"

namespace sluice::pipeline {

enum class SystemPromptMode : uint8_t {
    add_if_absent,  // Only where the client sends none.
    prepend,
    append,
    replace,  // What the client sends is left out.
};

struct SystemPromptOptions {
    // Long prompts are files; one that does not end is a mistake.
    static constexpr size_t kTextBytesMax = size_t{256} * 1024;

    SystemPromptMode mode = SystemPromptMode::add_if_absent;
    std::string text = {};  // A TextTemplate.
    std::string text_file = {};
    std::string loaded_text = {};  // What was found in the file.

    bool operator==(const SystemPromptOptions&) const = default;
};

class BodyEdits;

class SystemPrompt final : public Processor {
public:
    struct Plan {
        explicit Plan(const SystemPromptOptions& options);
        SystemPromptMode mode;
        TextTemplate text;
    };

    explicit SystemPrompt(const Plan& plan) : plan_(plan) {}
    static Needs needs(const SystemPromptOptions&) { return {.body = true}; }

    Verdict on_request(ProcessorContext& context) override;

private:
    // How a dialect writes it.
    struct Form {
        std::string_view items;      // The array of messages or items.
        std::string_view member;     // Of the top, with the prompt; empty when there is none.
        std::string_view part_type;  // Of a text among the parts of a message.
    };

    void edit(const json::Value& top, const Form& form, Arena& arena, BodyEdits& edits) const;
    void edit_member(const json::Value& top,
                     const Form& form,
                     Arena& arena,
                     BodyEdits& edits) const;
    // A text, or parts of which some are texts.
    void edit_content(const json::Value& content,
                      const Form& form,
                      Arena& arena,
                      BodyEdits& edits) const;
    void replace_all(const json::Value& top,
                     const Form& form,
                     Arena& arena,
                     BodyEdits& edits) const;
    void edit_prompts(const json::Value& prompt, Arena& arena, BodyEdits& edits) const;

    const Plan& plan_;
    std::string_view text_;  // As it goes into JSON.
};

}  // namespace sluice::pipeline
