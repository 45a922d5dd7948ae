// Vectors out of the replies of all forms, and into OpenAI's.
#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "base/error.h"
#include "crypto/base64.h"
#include "json/tree.h"
#include "json/writer.h"
#include "providers/embeddings.h"
#include "providers/provider_error.h"

namespace sluice::providers {

namespace {

using json::Value;

static_assert(std::endian::native == std::endian::little, "the encoding is that of the machine");

void add_vector(const Value& vector, EmbeddingReply& reply) {
    // Numbers are no items here, see NumberItems: whatever is one is no number.
    if (vector.is_array() && vector.begin() == vector.end()) {
        reply.vectors.push_back({.numbers = vector.raw()});
    } else if (vector.is_string()) {
        reply.vectors.push_back({.base64 = vector.text()});
    }
}

int64_t count_of(const Value& value) {
    return value.integer().value_or(0);
}

void read_openai(const Value& body, EmbeddingReply& reply) {
    for (const Value& item : body["data"]) {
        add_vector(item["embedding"], reply);
    }
    reply.prompt_tokens += count_of(body["usage"]["prompt_tokens"]);
}

void read_gemini(const Value& body, EmbeddingReply& reply) {
    for (const Value& item : body["embeddings"]) {
        add_vector(item["values"], reply);
    }
    add_vector(body["embedding"]["values"], reply);
    reply.prompt_tokens += count_of(body["usageMetadata"]["promptTokenCount"]);
}

void read_predictions(const Value& body, EmbeddingReply& reply) {
    for (const Value& item : body["predictions"]) {
        add_vector(item["embeddings"]["values"], reply);
        reply.prompt_tokens += count_of(item["embeddings"]["statistics"]["token_count"]);
    }
}

void read_list(const Value& vectors, EmbeddingReply& reply) {
    for (const Value& vector : vectors) {
        add_vector(vector, reply);
    }
}

void read_nova(const Value& body, EmbeddingReply& reply) {
    for (const Value& item : body["embeddings"]) {
        add_vector(item["embedding"], reply);
    }
    reply.prompt_tokens += count_of(body["inputTokenCount"]);
}

void read_form(const Value& body, EmbeddingForm form, EmbeddingReply& reply) {
    switch (form) {
        case EmbeddingForm::openai:
            return read_openai(body, reply);
        case EmbeddingForm::gemini_batch:
        case EmbeddingForm::vertex_content:
            return read_gemini(body, reply);
        case EmbeddingForm::vertex_predict:
            return read_predictions(body, reply);
        case EmbeddingForm::bedrock_titan:
            add_vector(body["embedding"], reply);
            reply.prompt_tokens += count_of(body["inputTextTokenCount"]);
            return;
        case EmbeddingForm::bedrock_cohere:
            // Older models know no types of vectors.
            return read_list(
                body["embeddings"].is_array() ? body["embeddings"] : body["embeddings"]["float"],
                reply);
        case EmbeddingForm::bedrock_nova:
            return read_nova(body, reply);
        case EmbeddingForm::ollama:
            read_list(body["embeddings"], reply);
            reply.prompt_tokens += count_of(body["prompt_eval_count"]);
            return;
    }
}

// The bytes of the 32-bit floats of a JSON array of numbers.
std::string floats_of(std::string_view numbers) {
    std::string bytes;
    constexpr size_t kTypicalNumberBytes = 12;
    bytes.reserve(numbers.size() / kTypicalNumberBytes * sizeof(float));
    const char* at = numbers.data();
    const char* const end = at + numbers.size();
    while (true) {
        at = std::find_if(at, end, [](char c) { return c == '-' || (c >= '0' && c <= '9'); });
        if (at == end) {
            return bytes;
        }
        float value = 0;  // Stays that when the number is beyond its range.
        at = std::from_chars(at, end, value).ptr;
        bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
    }
}

// The shortest digits that read back as the same float.
bool append_numbers(std::string_view base64, json::TextOutput& output) {
    const std::optional<std::string> bytes = crypto::decode_base64(base64);
    if (!bytes || bytes->size() % sizeof(float) != 0) {
        return false;
    }
    constexpr size_t kNumberBytesMax = 24;
    output.append('[');
    for (size_t at = 0; at < bytes->size(); at += sizeof(float)) {
        float value = 0;
        std::memcpy(&value, bytes->data() + at, sizeof(value));
        if (at > 0) {
            output.append(',');
        }
        if (!std::isfinite(value)) {
            output.append("null");
            continue;
        }
        char* const to = output.room(kNumberBytesMax);
        output.commit(static_cast<size_t>(std::to_chars(to, to + kNumberBytesMax, value).ptr - to));
    }
    output.append(']');
    return true;
}

bool append_vector(const Embedding& vector, bool wants_base64, json::TextOutput& output) {
    const bool is_base64 = vector.numbers.empty();
    if (!wants_base64 && is_base64) {
        return append_numbers(vector.base64.raw, output);
    }
    if (!wants_base64) {
        output.append(vector.numbers);
        return true;
    }
    output.append('"');
    if (is_base64) {
        output.append(vector.base64.raw);
    } else {
        output.append(crypto::base64(floats_of(vector.numbers)));
    }
    output.append('"');
    return true;
}

}  // namespace

bool decode_embedding_reply(std::string_view body,
                            EmbeddingForm form,
                            size_t asked,
                            Arena& arena,
                            EmbeddingReply& reply,
                            ProviderError& failure) {
    const auto tree = Value::parse(body, arena, ErrorSource::upstream, json::NumberItems::skipped);
    if (!tree) {
        failure = invalid_reply(tree.error().where);
        return false;
    }
    const size_t before = reply.vectors.size();
    read_form(**tree, form, reply);
    if (reply.vectors.size() == before && (**tree)["error"].is_present()) {
        failure = classify_error(0, read_error_words(**tree, arena), arena);
        return false;
    }
    if (reply.vectors.size() - before != asked) {
        failure = invalid_reply("The upstream's reply does not hold a vector for each input.");
        return false;
    }
    if (reply.model.empty()) {
        reply.model = (**tree)["model"].text();
    }
    return true;
}

bool encode_embedding_reply(const EmbeddingReply& reply,
                            const EmbeddingRequest& request,
                            json::TextOutput& output) {
    json::Writer writer(output);
    writer.begin_object().key("object").string("list").key("data").begin_array();
    int64_t index = 0;
    for (const Embedding& vector : reply.vectors.view()) {
        writer.begin_object().key("object").string("embedding").key("index").integer(index++);
        writer.key("embedding");
        if (!append_vector(vector, request.wants_base64(), output)) {
            return false;
        }
        writer.end_object();
    }
    writer.end_array().key("model");
    writer.text(reply.model.empty() ? request.model.raw : reply.model.raw);
    writer.key("usage").begin_object().key("prompt_tokens").integer(reply.prompt_tokens);
    writer.key("total_tokens").integer(reply.prompt_tokens).end_object().end_object();
    return true;
}

}  // namespace sluice::providers
