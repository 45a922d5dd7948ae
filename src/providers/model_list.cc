// One reader for each kind of service; they differ in names only.
#include "providers/model_list.h"

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "base/arena_list.h"
#include "base/error.h"
#include "base/result.h"
#include "json/rfc3339.h"
#include "json/tree.h"
#include "json/writer.h"
#include "providers/dialect.h"

namespace sluice::providers {

namespace {

using json::Text;
using json::Value;

// The first of the members that is there.
const Value& first_of(const Value& model, std::initializer_list<std::string_view> names) {
    for (const std::string_view name : names) {
        if (!model[name].is_nothing()) {
            return model[name];
        }
    }
    return model[{}];
}

int64_t count_of(const Value& value) {
    return std::max<int64_t>(-1, value.integer().value_or(-1));
}

int64_t time_of(const Value& value) {
    return value.is_string() ? json::parse_rfc3339(value.text().raw).value_or(0)
                             : std::max<int64_t>(0, value.integer().value_or(0));
}

ModelInfo read_openai(const Value& model) {
    return {
        .id = model["id"].text(),
        .display_name = first_of(model, {"display_name", "name"}).text(),
        .owned_by = first_of(model, {"owned_by", "organization"}).text(),
        .created_s = time_of(model["created"]),
        .input_tokens_max = count_of(first_of(
            model, {"context_length", "context_window", "max_model_len", "max_context_length"})),
        .output_tokens_max = count_of(first_of(model, {"max_completion_tokens"})),
    };
}

ModelInfo read_anthropic(const Value& model) {
    return {
        .id = model["id"].text(),
        .display_name = model["display_name"].text(),
        .created_s = time_of(model["created_at"]),
        .input_tokens_max = count_of(model["max_input_tokens"]),
        .output_tokens_max = count_of(model["max_tokens"]),
    };
}

ModelInfo read_gemini(const Value& model) {
    constexpr std::string_view kPrefix = "models/";
    std::string_view name = model["name"].text().raw;
    name.remove_prefix(name.starts_with(kPrefix) ? kPrefix.size() : 0);
    return {
        .id = {name},
        .display_name = model["displayName"].text(),
        .input_tokens_max = count_of(model["inputTokenLimit"]),
        .output_tokens_max = count_of(model["outputTokenLimit"]),
    };
}

ModelInfo read_bedrock(const Value& model) {
    return {
        .id = model["modelId"].text(),
        .display_name = model["modelName"].text(),
        .owned_by = model["providerName"].text(),
    };
}

ModelInfo read_ollama(const Value& model) {
    return {
        .id = first_of(model, {"model", "name"}).text(),
        .created_s = time_of(model["modified_at"]),
    };
}

struct ListForm {
    std::string_view key;
    ModelInfo (*read)(const Value& model);
};

ListForm form_of(Dialect dialect) {
    switch (dialect) {
        case Dialect::messages:
            return {.key = "data", .read = read_anthropic};
        case Dialect::generate_content:
            return {.key = "models", .read = read_gemini};
        case Dialect::converse:
            return {.key = "modelSummaries", .read = read_bedrock};
        case Dialect::ollama:
            return {.key = "models", .read = read_ollama};
        case Dialect::chat:
        case Dialect::completions:
        case Dialect::responses:
        case Dialect::invoke_messages:
            break;
    }
    return {.key = "data", .read = read_openai};
}

void write_openai(const ModelInfo& model, std::string_view owner, json::Writer& writer) {
    writer.begin_object().key("id").text(model.id.raw).key("object").string("model");
    writer.key("created").integer(model.created_s).key("owned_by");
    model.owned_by.empty() ? writer.string(owner) : writer.text(model.owned_by.raw);
    writer.end_object();
}

void write_anthropic(const ModelInfo& model, json::TextOutput& to, json::Writer& writer) {
    const Text name = model.display_name.empty() ? model.id : model.display_name;
    writer.begin_object().key("type").string("model").key("id").text(model.id.raw);
    writer.key("display_name").text(name.raw).key("created_at").raw("\"");
    json::append_rfc3339(to, model.created_s);
    to.append('"');
    if (model.input_tokens_max >= 0) {
        writer.key("max_input_tokens").integer(model.input_tokens_max);
    }
    if (model.output_tokens_max >= 0) {
        writer.key("max_tokens").integer(model.output_tokens_max);
    }
    writer.end_object();
}

void write_id(std::string_view key, const ModelInfo* model, json::Writer& writer) {
    writer.key(key);
    model == nullptr ? writer.null() : writer.text(model->id.raw);
}

}  // namespace

Result<std::span<const ModelInfo>> decode_model_list(Dialect dialect,
                                                     std::string_view body,
                                                     Arena& arena) {
    TRY(const Value* const tree, Value::parse(body, arena, ErrorSource::upstream));
    const ListForm form = form_of(dialect);
    // Some services leave the object around the list out.
    const Value& list = tree->is_array() ? *tree : (*tree)[form.key];
    if (!list.is_array()) {
        return fail({.kind = ErrorKind::malformed,
                     .source = ErrorSource::upstream,
                     .where = "The upstream's reply is no list of models."});
    }
    ArenaList<ModelInfo> models(arena);
    for (const Value& item : list) {
        const ModelInfo model = form.read(item);
        if (!model.id.empty()) {
            models.push_back(model);
        }
    }
    return models.view();
}

void encode_model_list(Dialect client,
                       std::span<const ModelInfo> models,
                       std::string_view owner,
                       json::TextOutput& to) {
    const bool is_anthropic = client == Dialect::messages;
    json::Writer writer(to);
    writer.begin_object();
    if (!is_anthropic) {
        writer.key("object").string("list");
    }
    writer.key("data").begin_array();
    for (const ModelInfo& model : models) {
        is_anthropic ? write_anthropic(model, to, writer) : write_openai(model, owner, writer);
    }
    writer.end_array();
    if (is_anthropic) {
        writer.key("has_more").boolean(false);
        write_id("first_id", models.empty() ? nullptr : &models.front(), writer);
        write_id("last_id", models.empty() ? nullptr : &models.back(), writer);
    }
    writer.end_object();
}

}  // namespace sluice::providers
