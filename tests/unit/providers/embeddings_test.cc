// Embeddings: all recorded exchanges, and what they do not show.
#include "providers/embeddings.h"

#include <algorithm>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/arena.h"
#include "base/error.h"
#include "json/tree.h"
#include "json/writer.h"
#include "providers/provider_error.h"
#include "providers/translation.h"
#include "providers/vendor.h"
#include "unit/providers/vector_case.h"

namespace sluice::providers::test {
namespace {

class Exchange {
public:
    Exchange(std::string_view vendor, std::string_view model, const std::string& body)
        : target_{.vendor = find_vendor(vendor), .model = model}, body_(body) {
        const auto tree = json::Value::parse(body_, arena_, ErrorSource::client);
        EXPECT_TRUE(tree.has_value()) << body_;
        if (const auto request = decode_embedding_request(**tree, translation)) {
            request_ = *request;
        }
    }

    bool is_decoded() const { return request_ != nullptr; }
    const EmbeddingRequest& request() const { return *request_; }
    EmbeddingForm form() { return embedding_form(target_, translation).value(); }

    // Empty when it was refused.
    std::string send(size_t first = 0, size_t count = 1000) {
        std::string text;
        json::StringText output(text);
        const bool is_sent = encode_embedding_request(*request_, form(), target_, {first, count},
                                                      translation, output)
                                 .has_value();
        output.finish();
        return is_sent ? text : "";
    }
    std::string path() const {
        std::string text;
        json::StringText output(text);
        EXPECT_TRUE(target_.vendor->path(
            {.operation = Operation::embeddings, .model = target_.model}, output));
        output.finish();
        return text;
    }
    bool take(const std::string& reply, size_t asked) {
        return decode_embedding_reply(arena_.copy(reply), form(), asked, arena_, reply_, failure);
    }
    std::string result() {
        std::string text;
        json::StringText output(text);
        EXPECT_TRUE(encode_embedding_reply(reply_, *request_, output));
        output.finish();
        return text;
    }

private:
    Arena arena_;
    Target target_;
    std::string body_;
    const EmbeddingRequest* request_ = nullptr;
    EmbeddingReply reply_{arena_};

public:
    Translation translation{arena_};
    ProviderError failure;
};

class EmbeddingVectors : public testing::TestWithParam<std::string> {};

TEST_P(EmbeddingVectors, AreTranslatedBothWays) {
    const VectorCase recorded(GetParam());
    const json::Value& asked = recorded["client_request"]["body"];
    const std::string provider = recorded.text(recorded["provider"]);
    Exchange exchange(provider, asked["model"].text().raw, std::string(asked.raw()));
    ASSERT_TRUE(exchange.is_decoded());
    EXPECT_EQ(difference(recorded["upstream_request"]["body"], exchange.send(), Extras::refused),
              "");
    EXPECT_TRUE(recorded.text(recorded["upstream_request"]["url"]).ends_with(exchange.path()))
        << exchange.path();
    ASSERT_TRUE(exchange.take(recorded.upstream_body(), exchange.request().inputs))
        << exchange.failure.message;
    EXPECT_EQ(difference(recorded["client_response"]["body"], exchange.result(), Extras::allowed),
              "");
}

std::string name_of(const testing::TestParamInfo<std::string>& info) {
    std::string name = info.param.substr(0, info.param.rfind('.'));
    std::ranges::replace_if(name, [](char c) { return c == '/' || c == '-'; }, '_');
    return name;
}

INSTANTIATE_TEST_SUITE_P(Embeddings,
                         EmbeddingVectors,
                         testing::ValuesIn(vector_names("embeddings")),
                         name_of);

std::string same(const std::string& expected, const std::string& actual) {
    Arena arena;
    const auto wanted = json::Value::parse(expected, arena, ErrorSource::client);
    EXPECT_TRUE(wanted.has_value()) << expected;
    return difference(**wanted, actual, Extras::refused);
}

const std::string kTwo = R"({"model":"m","input":["a","b"],"dimensions":8})";

TEST(Embeddings, FormsOfBedrock) {
    Exchange titan("bedrock", "amazon.titan-embed-text-v2:0", kTwo);
    EXPECT_EQ(embedding_inputs_max(titan.form(), ""), 1);
    EXPECT_EQ(same(R"({"inputText":"b","dimensions":8})", titan.send(1, 1)), "");
    ASSERT_TRUE(titan.take(R"({"embedding":[0.10],"inputTextTokenCount":3})", 1));
    ASSERT_TRUE(titan.take(R"({"embedding":[2e0],"inputTextTokenCount":4})", 1));
    EXPECT_EQ(titan.result(),
              R"({"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.10]},)"
              R"({"object":"embedding","index":1,"embedding":[2e0]}],"model":"m",)"
              R"("usage":{"prompt_tokens":7,"total_tokens":7}})");

    Exchange old("bedrock", "amazon.titan-embed-text-v1", kTwo);
    EXPECT_EQ(same(R"({"inputText":"a"})", old.send(0, 1)), "");
    EXPECT_EQ(old.translation.dropped().size(), 1);

    Exchange cohere("bedrock", "cohere.embed-v4:0", kTwo);
    EXPECT_EQ(same(R"({"texts":["a","b"],"input_type":"search_document",)"
                   R"("embedding_types":["float"],"output_dimension":8})",
                   cohere.send()),
              "");
    EXPECT_TRUE(cohere.take(R"({"embeddings":{"float":[[1],[2]]}})", 2));
    EXPECT_TRUE(cohere.take(R"({"embeddings":[[3],[4]]})", 2));
}

TEST(Embeddings, FormsOfVertex) {
    Exchange predict("vertex", "text-embedding-005", kTwo);
    EXPECT_EQ(same(R"({"instances":[{"content":"a"},{"content":"b"}],)"
                   R"("parameters":{"outputDimensionality":8}})",
                   predict.send()),
              "");
    ASSERT_TRUE(predict.take(
        R"({"predictions":[{"embeddings":{"values":[1],"statistics":{"token_count":2}}},)"
        R"({"embeddings":{"values":[2],"statistics":{"token_count":3}}}]})",
        2));
    EXPECT_NE(predict.result().find(R"("prompt_tokens":5)"), std::string::npos);
    EXPECT_EQ(embedding_inputs_max(predict.form(), "gemini-embedding-001"), 1);

    Exchange content("vertex", "gemini-embedding-2-preview", kTwo);
    EXPECT_EQ(same(R"({"content":{"parts":[{"text":"a"}]},"outputDimensionality":8})",
                   content.send(0, 1)),
              "");
    EXPECT_TRUE(content.take(R"({"embedding":{"values":[ 1, 2 ]}})", 1));
}

TEST(Embeddings, Base64BecomesNumbersForThoseWhoWantThem) {
    Exchange exchange("openai", "m", R"({"model":"m","input":"a","encoding_format":"float"})");
    ASSERT_TRUE(exchange.take(
        R"({"data":[{"index":0,"embedding":"AAAAPwAAgL/NzMw9"}],"usage":{"prompt_tokens":1}})", 1));
    EXPECT_NE(exchange.result().find(R"("embedding":[0.5,-1,0.1])"), std::string::npos)
        << exchange.result();
}

TEST(Embeddings, TokensGoOnlyToOpenAi) {
    for (const std::string input : {"[1,2]", "[[1,2],[3]]"}) {
        const std::string body = R"({"model":"m","input":)" + input + R"(,"extra":1})";
        Exchange openai("openai", "m", body);
        EXPECT_EQ(openai.request().inputs, input == "[1,2]" ? 1 : 2);
        EXPECT_EQ(same(body, openai.send()), "");
        Exchange gemini("gemini", "m", body);
        EXPECT_EQ(gemini.send(), "");
        EXPECT_EQ(gemini.translation.refused_param(), "input");
    }
}

TEST(Embeddings, RequestsThatAreWrong) {
    for (const std::string members :
         {R"("input":[])", R"("input":{})", R"("input":["a",1])", R"("model":"m")",
          R"("input":[true])", R"("input":"a","encoding_format":"hex")"}) {
        EXPECT_FALSE(Exchange("openai", "m", R"({"model":"m",)" + members + "}").is_decoded())
            << members;
    }
}

TEST(Embeddings, RepliesThatAreNone) {
    Exchange exchange("openai", "m", kTwo);
    for (const std::string reply :
         {"", "{}", R"({"data":[{"embedding":[1]}]})", R"({"data":[{"embedding":["x-y"]},{}]})",
          R"({"data":[{"embedding":[[1]]},{"embedding":[2]}]})"}) {
        Exchange fresh("openai", "m", kTwo);
        EXPECT_FALSE(fresh.take(reply, 2)) << reply;
        EXPECT_EQ(fresh.failure.code, "upstream_invalid_response");
    }
    EXPECT_FALSE(
        exchange.take(R"({"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}})", 2));
    EXPECT_EQ(exchange.failure.status, 503);
}

}  // namespace
}  // namespace sluice::providers::test
