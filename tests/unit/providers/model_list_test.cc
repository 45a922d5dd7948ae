// Lists of models and their vectors.
#include "providers/model_list.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/arena.h"
#include "json/writer.h"
#include "providers/dialect.h"
#include "unit/providers/vector_case.h"

namespace sluice::providers::test {
namespace {

Dialect dialect_of(std::string_view provider) {
    if (provider == "anthropic") {
        return Dialect::messages;
    }
    if (provider == "gemini") {
        return Dialect::generate_content;
    }
    return provider == "ollama" ? Dialect::ollama : Dialect::chat;
}

std::string encode(Dialect client, Dialect upstream, std::string_view body) {
    Arena arena;
    const auto models = decode_model_list(upstream, body, arena);
    if (!models) {
        return "";
    }
    json::ArenaText text(arena);
    encode_model_list(client, *models, "owner", text);
    return std::string(text.view());
}

TEST(ModelList, VectorsPass) {
    for (const std::string& name : vector_names("models")) {
        SCOPED_TRACE(name);
        const VectorCase exchange(name);
        const std::string list =
            encode(Dialect::chat, dialect_of(exchange.text(exchange["provider"])),
                   exchange.upstream_body());
        EXPECT_EQ(difference(exchange["client_response"]["body"], list, Extras::allowed), "");
    }
}

TEST(ModelList, AnthropicsFormKeepsWhatIsKnown) {
    EXPECT_EQ(
        encode(Dialect::messages, Dialect::generate_content,
               R"({"models":[{"name":"models/g","displayName":"G","inputTokenLimit":10,)"
               R"("outputTokenLimit":5}]})"),
        R"({"data":[{"type":"model","id":"g","display_name":"G",)"
        R"("created_at":"1970-01-01T00:00:00Z",)"
        R"("max_input_tokens":10,"max_tokens":5}],"has_more":false,"first_id":"g","last_id":"g"})");
    EXPECT_EQ(encode(Dialect::messages, Dialect::chat, R"({"data":[]})"),
              R"({"data":[],"has_more":false,"first_id":null,"last_id":null})");
}

TEST(ModelList, AnthropicsListIsReadBack) {
    constexpr std::string_view kList = R"({"data":[{"type":"model","id":"c","display_name":"C",)"
                                       R"("created_at":"2025-09-29T01:02:03Z"}],)"
                                       R"("has_more":false,"first_id":"c","last_id":"c"})";
    EXPECT_EQ(encode(Dialect::messages, Dialect::messages, kList), kList);
}

TEST(ModelList, WithoutAListItFails) {
    Arena arena;
    EXPECT_FALSE(decode_model_list(Dialect::chat, R"({"error":{}})", arena));
    EXPECT_FALSE(decode_model_list(Dialect::chat, "<html>", arena));
    EXPECT_TRUE(decode_model_list(Dialect::chat, R"([{"id":"a"},{}])", arena));
}

}  // namespace
}  // namespace sluice::providers::test
