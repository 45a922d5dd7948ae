// The walk over a request: texts, images, tools, by the members that all dialects share.
#include "pipeline/prompt_facts.h"

#include <string_view>

#include "json/tree.h"
#include "pipeline/client_call.h"
#include "providers/dialect.h"
#include "providers/token_estimate.h"
#include "providers/vendor.h"

namespace sluice::pipeline {

namespace {

// As the estimate for a translated request counts them.
constexpr uint64_t kTokensOfMessage = 4;
constexpr uint64_t kTokensOfImage = 1600;
constexpr uint64_t kTokensOfTool = 12;

bool is_image(const json::Value& part) {
    const json::Text type = part["type"].text();
    return type == "image_url" || type == "input_image" || type == "image";
}

bool is_audio(const json::Value& part) {
    const json::Text type = part["type"].text();
    return type == "input_audio" || type == "audio";
}

bool is_document(const json::Value& part) {
    const json::Text type = part["type"].text();
    return type == "file" || type == "input_file" || type == "document";
}

class Walk {
public:
    PromptFacts facts;

    // A text, or parts of which some are texts.
    void content(const json::Value& value) {
        if (value.is_string()) {
            text(value);
            return;
        }
        for (const json::Value& part : value) {
            if (part.is_string()) {
                text(part);
            } else if (part.is_object()) {
                this->part(part);
            }
        }
    }

    void message(const json::Value& value) {
        ++facts.messages;
        facts.estimated_tokens += kTokensOfMessage;
        content(value["content"]);
        for (const json::Value& call : value["tool_calls"]) {
            text(call["function"]["arguments"]);
        }
        text(value["arguments"]);
        text(value["output"]);
    }

    void tools(const json::Value& value) {
        for (const json::Value& tool : value) {
            facts.has_tools = true;
            facts.estimated_tokens += kTokensOfTool + providers::estimate_text_tokens(tool.raw());
        }
    }

private:
    void text(const json::Value& value) {
        facts.estimated_tokens += providers::estimate_text_tokens(value.text().raw);
    }

    void part(const json::Value& value) {
        if (is_image(value)) {
            ++facts.images;
            facts.estimated_tokens += kTokensOfImage;
            return;
        }
        facts.has_audio = facts.has_audio || is_audio(value);
        facts.has_documents = facts.has_documents || is_document(value);
        text(value["text"]);
        // Of a tool's result.
        const json::Value& inner = value["content"];
        if (inner.is_string()) {
            text(inner);
        }
        for (const json::Value& deeper : inner) {
            if (is_image(deeper)) {
                ++facts.images;
                facts.estimated_tokens += kTokensOfImage;
            }
            text(deeper["text"]);
        }
    }
};

}  // namespace

const json::Value& conversation_of(const json::Value& body, const ClientCall& call) {
    if (!call.is_known) {
        return body["messages"];
    }
    if (call.operation == providers::Operation::embeddings ||
        call.dialect == providers::Dialect::responses) {
        return body["input"];
    }
    return call.dialect == providers::Dialect::completions ? body["prompt"] : body["messages"];
}

PromptFacts prompt_facts(const json::Value& body, const ClientCall& call) {
    Walk walk;
    const json::Value& conversation = conversation_of(body, call);
    if (conversation.is_string()) {
        walk.facts.messages = 1;
        walk.content(conversation);
    }
    for (const json::Value& item : conversation) {
        if (item.is_object()) {
            walk.message(item);
        } else if (item.is_string()) {
            walk.content(item);
            ++walk.facts.messages;
        }
    }
    walk.content(body["system"]);
    walk.content(body["instructions"]);
    walk.tools(body["tools"]);
    walk.tools(body["functions"]);
    return walk.facts;
}

}  // namespace sluice::pipeline
