// JSON pointers over a simdjson document; a request is read once, before the first token.
#include "providers/simulated_request.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/arena.h"
#include "base/error.h"
#include "base/result.h"
#include "json/document.h"
#include "json/field_watch.h"
#include "providers/simulated_llm.h"

namespace sluice::providers {

namespace {

using json::Document;
using json::ValueType;

// OpenAI's own limit on the texts of one request.
constexpr size_t kEmbeddingInputsMax = 2048;

void read_tool_choice(const Document& document, SimulatedRequest& request, Arena& arena) {
    const bool responses = request.endpoint == SimulatedEndpoint::responses;
    const char* first_tool = responses ? "/tools/0/name" : "/tools/0/function/name";
    if (const Result<std::string_view> name = document.string(first_tool)) {
        request.tool_name = arena.copy(*name);
    }
    if (request.tool_name.empty()) {
        return;
    }
    const Result<std::string_view> mode = document.string("/tool_choice");
    if (mode && *mode == "required") {
        request.tool_force = ToolForce::required;
        return;
    }
    const char* chosen = responses ? "/tool_choice/name" : "/tool_choice/function/name";
    if (const Result<std::string_view> name = document.string(chosen)) {
        request.tool_force = ToolForce::named;
        request.tool_name = arena.copy(*name);
    }
}

void read_embedding_inputs(const Document& document, SimulatedRequestTexts& texts) {
    const size_t count =
        document.type("/input") == ValueType::array ? document.size("/input").value_or(0) : 0;
    // A list of token ids is one input; a list of texts, or of lists, is one each.
    const bool is_list = count > 0 && document.type("/input/0") != ValueType::number;
    for (size_t i = 0; i < (is_list ? count : 1); ++i) {
        PromptMeter meter;
        add_simulated_prompt(
            document, is_list ? "/input/" + std::to_string(i) : std::string("/input"), meter);
        texts.inputs.push_back(meter);
    }
    texts.request.inputs = texts.inputs;
}

}  // namespace

std::unexpected<Error> bad_simulated_field(const char* where) {
    return fail({.kind = ErrorKind::invalid_field, .source = ErrorSource::client, .where = where});
}

void visit_simulated_prompt(const Document& document,
                            const std::string& path,
                            TextVisitor visit,
                            void* to) {
    const ValueType type = document.type(path.c_str());
    if (type == ValueType::string) {
        if (const Result<std::string_view> text = document.string(path.c_str())) {
            visit(to, *text);
        }
        return;
    }
    if (type != ValueType::array) {
        return;
    }
    const size_t count = document.size(path.c_str()).value_or(0);
    for (size_t i = 0; i < count; ++i) {
        const std::string part = path + "/" + std::to_string(i);
        if (document.type(part.c_str()) == ValueType::string) {
            visit_simulated_prompt(document, part, visit, to);
        } else if (const std::string text = part + "/text"; document.has(text.c_str())) {
            visit_simulated_prompt(document, text, visit, to);
        } else if (const std::string content = part + "/content"; document.has(content.c_str())) {
            visit_simulated_prompt(document, content, visit, to);
        } else if (const std::string parts = part + "/parts"; document.has(parts.c_str())) {
            visit_simulated_prompt(document, parts, visit, to);
        }
    }
}

void add_simulated_prompt(const Document& document, const std::string& path, PromptMeter& prompt) {
    visit_simulated_prompt(
        document, path,
        [](void* to, std::string_view text) { static_cast<PromptMeter*>(to)->add(text); }, &prompt);
}

Result<std::optional<uint32_t>> read_simulated_count(const Document& document,
                                                     const char* path,
                                                     uint32_t max,
                                                     const char* wrong) {
    if (!document.has(path) || document.type(path) == ValueType::null) {
        return std::optional<uint32_t>();
    }
    const Result<int64_t> value = document.integer(path);
    if (!value || *value < 1 || *value > max) {
        return bad_simulated_field(wrong);
    }
    return std::optional(static_cast<uint32_t>(*value));
}

bool simulated_endpoint_of(std::string_view path, SimulatedEndpoint& endpoint) {
    if (path.ends_with("/chat/completions")) {
        endpoint = SimulatedEndpoint::chat;
    } else if (path.ends_with("/completions")) {
        endpoint = SimulatedEndpoint::completions;
    } else if (path.ends_with("/responses")) {
        endpoint = SimulatedEndpoint::responses;
    } else if (path.ends_with("/embeddings")) {
        endpoint = SimulatedEndpoint::embeddings;
    } else {
        return false;
    }
    return true;
}

Result<SimulatedRequestTexts> read_simulated_request(SimulatedEndpoint endpoint,
                                                     std::string_view body,
                                                     json::Document& document,
                                                     Arena& arena) {
    TRY_VOID(document.parse(body));
    SimulatedRequestTexts texts;
    SimulatedRequest& request = texts.request;
    request.endpoint = endpoint;
    const Result<std::string_view> model = document.string("/model");
    if (!model) {
        return bad_simulated_field("you must provide a model parameter");
    }
    request.model = arena.copy(*model);
    const char* prompt = endpoint == SimulatedEndpoint::chat          ? "/messages"
                         : endpoint == SimulatedEndpoint::completions ? "/prompt"
                                                                      : "/input";
    if (!document.has(prompt)) {
        return bad_simulated_field(endpoint == SimulatedEndpoint::chat ? "'messages' is required"
                                   : endpoint == SimulatedEndpoint::completions
                                       ? "'prompt' is required"
                                       : "'input' is required");
    }
    if (endpoint == SimulatedEndpoint::chat &&
        (document.type(prompt) != ValueType::array || document.size(prompt).value_or(0) == 0)) {
        return bad_simulated_field("'messages' must be an array with at least one message");
    }
    add_simulated_prompt(document, prompt, request.prompt);
    add_simulated_prompt(document, "/instructions", request.prompt);
    request.stream = document.boolean("/stream").value_or(false);
    request.include_usage = document.boolean("/stream_options/include_usage").value_or(false);
    TRY(const std::optional<uint32_t> choices,
        read_simulated_count(document, "/n", SimulatedAnswer::kChoicesMax, "'n' must be 1 to 128"));
    request.choices = choices.value_or(1);
    for (const char* limit : {"/max_tokens", "/max_completion_tokens", "/max_output_tokens"}) {
        TRY(const std::optional<uint32_t> tokens,
            read_simulated_count(document, limit, UINT32_MAX,
                                 "the limit of tokens must be at least 1"));
        request.tokens_max = tokens ? tokens : request.tokens_max;
    }
    read_tool_choice(document, request, arena);
    if (endpoint == SimulatedEndpoint::embeddings) {
        TRY(request.dimensions,
            read_simulated_count(document, "/dimensions", SimulatedAnswer::kDimensionsMax,
                                 "'dimensions' must be 1 to 8192"));
        request.base64 = document.string("/encoding_format").value_or("") == "base64";
        if (document.size("/input").value_or(0) > kEmbeddingInputsMax &&
            document.type("/input/0") != ValueType::number) {
            return bad_simulated_field("'input' must have at most 2048 entries");
        }
        read_embedding_inputs(document, texts);
    }
    return texts;
}

}  // namespace sluice::providers
