// The body of POST /embeddings, as OpenAI's clients write it.
#include <array>
#include <cstddef>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "base/result.h"
#include "json/tree.h"
#include "providers/canonical.h"
#include "providers/decode_chat.h"
#include "providers/embeddings.h"
#include "providers/request_fields.h"
#include "providers/translation.h"

namespace sluice::providers {

namespace {

using json::Value;

constexpr std::array<std::string_view, 5> kKnownMembers = {"model", "input", "dimensions",
                                                           "encoding_format", "user"};

constexpr const char* kInputForms = "a string, an array of strings, or tokens";

Status decode_texts(const Value& input, Translation& translation, EmbeddingRequest& request) {
    const std::span<Text> texts = translation.arena().allocate_array<Text>(input.size());
    size_t index = 0;
    for (const Value& item : input) {
        TRY(texts[index], required_text(translation, {"input[#]", index}, item));
        ++index;
    }
    request.texts = texts;
    return {};
}

Status decode_input(const Value& input, Translation& translation, EmbeddingRequest& request) {
    request.input = input.raw();
    request.inputs = 1;
    if (input.is_string()) {
        const std::span<Text> text = translation.arena().allocate_array<Text>(1);
        text[0] = input.text();
        request.texts = text;
        return {};
    }
    if (!input.is_array()) {
        return wrong_type(translation, {"input"}, kInputForms);
    }
    if (input.size() == 0) {
        return wrong_value(translation, {"input"}, "There is nothing to embed.");
    }
    const Value& first = *input.begin();
    if (first.is_number()) {
        return {};  // The tokens of one text.
    }
    request.inputs = input.size();
    if (first.is_string()) {
        return decode_texts(input, translation, request);
    }
    return first.is_array() ? Status() : wrong_type(translation, {"input"}, kInputForms);
}

Status decode_encoding(const Value& format, Translation& translation, EmbeddingRequest& request) {
    TRY(request.encoding_format, optional_text(translation, {"encoding_format"}, format));
    const Text name = request.encoding_format;
    if (!name.empty() && !(name == "float") && !(name == "base64")) {
        return wrong_value(translation, {"encoding_format"}, "It must be float or base64.");
    }
    return {};
}

}  // namespace

Result<const EmbeddingRequest*> decode_embedding_request(const Value& body,
                                                         Translation& translation) {
    if (!body.is_object()) {
        return translation.invalid({}, "The body must be a JSON object.");
    }
    EmbeddingRequest& request = translation.arena().make<EmbeddingRequest>();
    TRY(request.model, required_text(translation, {"model"}, body["model"]));
    TRY_VOID(decode_input(body["input"], translation, request));
    TRY(request.dimensions, optional_number(translation, {"dimensions"}, body["dimensions"]));
    TRY_VOID(decode_encoding(body["encoding_format"], translation, request));
    TRY(request.user, optional_text(translation, {"user"}, body["user"]));
    request.others = other_members(body, kKnownMembers, translation.arena());
    return &request;
}

}  // namespace sluice::providers
