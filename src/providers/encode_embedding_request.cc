// One function for each form in which services are asked for embeddings.
#include <algorithm>
#include <cstddef>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "base/result.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/dialect.h"
#include "providers/embeddings.h"
#include "providers/gemini_model.h"
#include "providers/translation.h"
#include "providers/vendor.h"

namespace sluice::providers {

namespace {

bool holds(std::string_view text, std::string_view word) {
    return text.find(word) != text.npos;
}

// What a call is written from.
struct Call {
    const EmbeddingRequest& request;
    const Target& target;
    std::span<const Text> texts;  // Those of this call.
    Translation& translation;
    json::Writer& writer;

    void member(std::string_view name, std::string_view json) const {
        if (!json.empty()) {
            writer.key(name).raw(json);
        }
    }
    void member(std::string_view name, Text text) const {
        if (!text.empty()) {
            writer.key(name).text(text.raw);
        }
    }
    void list(std::string_view name) const {
        writer.key(name).begin_array();
        for (const Text text : texts) {
            writer.text(text.raw);
        }
        writer.end_array();
    }
    // What a client of Cohere or Google would add; JSON, empty when it did not.
    std::string_view extension(std::string_view name) const {
        const auto found = std::ranges::find(request.others, name, &Member::key);
        return found == request.others.end() ? std::string_view() : found->value;
    }
};

void write_openai(const Call& call, bool is_all) {
    call.writer.begin_object().key("model").string(call.target.model);
    if (is_all) {
        call.member("input", call.request.input);
    } else {
        call.list("input");
    }
    call.member("dimensions", call.request.dimensions);
    call.member("encoding_format", call.request.encoding_format);
    call.member("user", call.request.user);
    for (const Member& member : call.request.others) {
        call.writer.key(member.key).raw(member.value);
    }
    call.writer.end_object();
}

void write_content(const Call& call, Text text) {
    call.writer.key("content").begin_object().key("parts").begin_array().begin_object();
    call.writer.key("text").text(text.raw).end_object().end_array().end_object();
    call.member("taskType", call.extension("task_type"));
    call.member("outputDimensionality", call.request.dimensions);
}

void write_gemini_batch(const Call& call) {
    const std::string_view model =
        call.translation.arena().join({"models/", gemini_base_name(call.target.model)});
    call.writer.begin_object().key("requests").begin_array();
    for (const Text text : call.texts) {
        call.writer.begin_object().key("model").string(model);
        write_content(call, text);
        call.writer.end_object();
    }
    call.writer.end_array().end_object();
}

void write_vertex_content(const Call& call) {
    call.writer.begin_object();
    write_content(call, call.texts.front());
    call.writer.end_object();
}

void write_vertex_predict(const Call& call) {
    call.writer.begin_object().key("instances").begin_array();
    for (const Text text : call.texts) {
        call.writer.begin_object().key("content").text(text.raw);
        call.member("task_type", call.extension("task_type"));
        call.writer.end_object();
    }
    call.writer.end_array();
    if (!call.request.dimensions.empty()) {
        call.writer.key("parameters").begin_object();
        call.member("outputDimensionality", call.request.dimensions);
        call.writer.end_object();
    }
    call.writer.end_object();
}

void write_nova(const Call& call) {
    call.writer.begin_object().key("taskType").string("SINGLE_EMBEDDING");
    call.writer.key("singleEmbeddingParams").begin_object();
    call.writer.key("embeddingPurpose").string("GENERIC_INDEX");
    call.member("embeddingDimension", call.request.dimensions);
    call.writer.key("text").begin_object().key("truncationMode").string("END");
    call.writer.key("value").text(call.texts.front().raw).end_object();
    call.writer.end_object().end_object();
}

// Only from version 2 on the length of a vector can be chosen.
Status write_titan(const Call& call) {
    call.writer.begin_object().key("inputText").text(call.texts.front().raw);
    if (holds(call.target.model, "-v2")) {
        call.member("dimensions", call.request.dimensions);
    } else if (!call.request.dimensions.empty()) {
        TRY_VOID(call.translation.drop("dimensions"));
    }
    call.writer.end_object();
    return {};
}

// Likewise, from version 4 on.
Status write_cohere(const Call& call) {
    call.writer.begin_object();
    call.list("texts");
    const std::string_view input_type = call.extension("input_type");
    call.writer.key("input_type").raw(input_type.empty() ? "\"search_document\"" : input_type);
    call.writer.key("embedding_types").begin_array().string("float").end_array();
    if (holds(call.target.model, "embed-v4")) {
        call.member("output_dimension", call.request.dimensions);
    } else if (!call.request.dimensions.empty()) {
        TRY_VOID(call.translation.drop("dimensions"));
    }
    call.writer.end_object();
    return {};
}

void write_ollama(const Call& call, bool is_all) {
    call.writer.begin_object().key("model").string(call.target.model);
    if (is_all) {
        call.member("input", call.request.input);
    } else {
        call.list("input");
    }
    call.member("dimensions", call.request.dimensions);
    call.writer.end_object();
}

bool is_known_extension(std::string_view key, EmbeddingForm form) {
    switch (form) {
        case EmbeddingForm::gemini_batch:
        case EmbeddingForm::vertex_predict:
        case EmbeddingForm::vertex_content:
            return key == "task_type";
        case EmbeddingForm::bedrock_cohere:
            return key == "input_type";
        default:
            return false;
    }
}

// What only OpenAI's form has a place for.
Status drop_hints(const EmbeddingRequest& request, EmbeddingForm form, Translation& translation) {
    if (!request.user.empty()) {
        TRY_VOID(translation.drop("user"));
    }
    for (const Member& member : request.others) {
        if (!is_known_extension(member.key, form)) {
            TRY_VOID(translation.drop(member.key));
        }
    }
    return {};
}

Status write_foreign(const Call& call, EmbeddingForm form, bool is_all) {
    switch (form) {
        case EmbeddingForm::openai:
            break;
        case EmbeddingForm::gemini_batch:
            write_gemini_batch(call);
            break;
        case EmbeddingForm::vertex_predict:
            write_vertex_predict(call);
            break;
        case EmbeddingForm::vertex_content:
            write_vertex_content(call);
            break;
        case EmbeddingForm::bedrock_titan:
            return write_titan(call);
        case EmbeddingForm::bedrock_cohere:
            return write_cohere(call);
        case EmbeddingForm::bedrock_nova:
            write_nova(call);
            break;
        case EmbeddingForm::ollama:
            write_ollama(call, is_all);
            break;
    }
    return {};
}

}  // namespace

Result<EmbeddingForm> embedding_form(const Target& target, Translation& translation) {
    if (target.capabilities().embeddings) {
        switch (target.vendor->dialect) {
            case Dialect::chat:
                return EmbeddingForm::openai;
            case Dialect::generate_content:
                if (target.vendor->auth != AuthScheme::google) {
                    return EmbeddingForm::gemini_batch;
                }
                return embeds_by_predict(target.model) ? EmbeddingForm::vertex_predict
                                                       : EmbeddingForm::vertex_content;
            case Dialect::converse:
                return holds(target.model, "cohere.") ? EmbeddingForm::bedrock_cohere
                       : holds(target.model, "nova")  ? EmbeddingForm::bedrock_nova
                                                      : EmbeddingForm::bedrock_titan;
            case Dialect::ollama:
                return EmbeddingForm::ollama;
            default:
                break;
        }
    }
    return translation.refuse("model", "This model's provider does not embed.");
}

size_t embedding_inputs_max(EmbeddingForm form, std::string_view model) {
    switch (form) {
        case EmbeddingForm::vertex_content:
        case EmbeddingForm::bedrock_titan:
        case EmbeddingForm::bedrock_nova:
            return 1;
        case EmbeddingForm::vertex_predict:
            return gemini_base_name(model).starts_with("gemini-") ? 1 : 250;
        case EmbeddingForm::bedrock_cohere:
            return 96;
        case EmbeddingForm::gemini_batch:
            return 100;
        case EmbeddingForm::openai:
        case EmbeddingForm::ollama:
            break;
    }
    return 2048;
}

Status encode_embedding_request(const EmbeddingRequest& request,
                                EmbeddingForm form,
                                const Target& target,
                                InputRange range,
                                Translation& translation,
                                json::TextOutput& body) {
    const bool is_openai = form == EmbeddingForm::openai;
    const bool is_all = range.first == 0 && range.count >= request.inputs;
    if (request.texts.empty() && !(is_openai && is_all)) {
        return translation.refuse("input", is_openai
                                               ? "There are too many inputs."
                                               : "This model's provider takes texts, not tokens.");
    }
    json::Writer writer(body);
    const size_t from = std::min(range.first, request.texts.size());
    const Call call = {
        .request = request,
        .target = target,
        .texts = request.texts.subspan(from, std::min(range.count, request.texts.size() - from)),
        .translation = translation,
        .writer = writer};
    if (is_openai) {
        write_openai(call, is_all);
        return {};
    }
    TRY_VOID(drop_hints(request, form, translation));
    return write_foreign(call, form, is_all);
}

}  // namespace sluice::providers
