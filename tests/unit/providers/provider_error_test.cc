// What the bodies of errors mean: the forms they have, the rows of the table, and what of their
// words clients may see.
#include "providers/provider_error.h"

#include <cstdint>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/arena.h"

namespace sluice::providers {

namespace {

struct Seen {
    uint16_t status;
    std::string type;
    std::string code;
    std::string param;
    std::string message;
    Blame blame;
};

Seen classify(uint16_t status, std::string_view body) {
    Arena arena;
    ErrorWords words = read_error_words(body, arena);
    if (!words.is_recognised) {
        words.message = body;
    }
    const ProviderError error = classify_error(status, words, arena);
    return {error.status,
            std::string(error.type),
            std::string(error.code),
            std::string(error.param),
            std::string(error.message),
            error.blame};
}

TEST(ProviderError, EveryFormOfABodyIsRead) {
    for (const std::string_view body : {
             R"({"error":{"message":"boom","type":"t","param":null,"code":null}})",
             R"({"error":{"message":"boom","code":400}})",
             R"({"error":"boom"})",
             R"({"error":"boom","error_type":"t"})",
             R"({"object":"error","message":"boom","type":"t","param":null,"code":400})",
             R"({"message":"boom","type":"t","code":"c"})",
             R"({"message":"boom"})",
             R"({"Message":"boom"})",
             R"({"detail":"boom"})",
             R"({"detail":[{"loc":["body"],"msg":"boom","type":"t"}]})",
             R"({"code":"c","error":"boom"})",
             R"({"success":false,"errors":[{"code":7,"message":"boom"}]})",
             R"([{"error":{"message":"boom","status":"INVALID_ARGUMENT"}}])",
             R"({"type":"error","error":{"type":"invalid_request_error","message":"boom"}})",
             R"({"statusCode":400,"message":"boom"})",
             "event: error\ndata: {\"error\":{\"message\":\"boom\"}}\n\n",
             "boom",
         }) {
        const Seen seen = classify(400, body);
        EXPECT_NE(seen.message.find("boom"), std::string::npos) << body << " -> " << seen.message;
        EXPECT_EQ(seen.status, 400) << body;
        EXPECT_EQ(seen.type, "invalid_request_error") << body;
    }
}

TEST(ProviderError, RowsOfTheTable) {
    struct Case {
        uint16_t status;
        std::string_view body;
        uint16_t client_status;
        std::string_view code;
        Blame blame;
    };
    static constexpr Case kCases[] = {
        {400, R"({"error":{"message":"bad","code":"invalid_value"}})", 400, "invalid_value",
         Blame::none},
        {400, R"({"error":{"message":"This model's maximum context length is 8 tokens."}})", 400,
         "context_length_exceeded", Blame::none},
        {422, R"({"error":"`inputs` tokens + `max_new_tokens` must be <= 4096"})", 400,
         "context_length_exceeded", Blame::none},
        {400, R"({"error":{"message":"x","code":"content_filter"}})", 400, "content_filter",
         Blame::none},
        {400, R"({"error":"Incorrect API key provided."})", 401, "invalid_api_key",
         Blame::credential},
        {402, R"({"error":{"message":"Insufficient Balance"}})", 402, "insufficient_quota",
         Blame::credential},
        {403, "{}", 403, "permission_denied", Blame::credential},
        {404, R"({"error":{"message":"The model `x` does not exist."}})", 404, "model_not_found",
         Blame::config},
        {404, R"({"error":{"message":"Resource not found"}})", 404, "not_found", Blame::config},
        {413, "", 413, "request_too_large", Blame::none},
        {429, "", 429, "rate_limit_exceeded", Blame::throttle},
        {429, R"({"error":{"message":"x","type":"insufficient_quota"}})", 429, "insufficient_quota",
         Blame::credential},
        {498, "", 503, "upstream_overloaded", Blame::failure},
        {500, "", 502, "upstream_error", Blame::failure},
        {503, "", 503, "upstream_unavailable", Blame::failure},
        {524, "", 504, "upstream_timeout", Blame::failure},
    };
    for (const Case& row : kCases) {
        const Seen seen = classify(row.status, row.body);
        EXPECT_EQ(seen.status, row.client_status) << row.status << " " << row.body;
        EXPECT_EQ(seen.code, row.code) << row.status << " " << row.body;
        EXPECT_EQ(seen.blame, row.blame) << row.status << " " << row.body;
    }
}

TEST(ProviderError, TypesOfOpenAiStayAsSent) {
    EXPECT_EQ(classify(429, R"({"error":{"message":"x","type":"tokens",)"
                            R"("code":"rate_limit_exceeded"}})")
                  .type,
              "tokens");
    EXPECT_EQ(classify(429, R"({"error":{"message":"x","type":"throttling"}})").type,
              "rate_limit_error");
}

TEST(ProviderError, KeysAndPagesAreNotShown) {
    EXPECT_EQ(
        classify(401, R"({"error":{"message":"Wrong key: sk-proj-0123456789abcdefXYZ."}})").message,
        "Wrong key: [key].");
    EXPECT_EQ(classify(401, R"({"error":{"message":"Wrong key: sk-fake-key."}})").message,
              "Wrong key: sk-fake-key.");
    EXPECT_EQ(classify(400, R"({"error":{"message":"task-0123456789abcdefXYZ failed"}})").message,
              "task-0123456789abcdefXYZ failed");
    EXPECT_EQ(classify(502, "<html><h1>Bad gateway at host-7</h1></html>").message,
              "The upstream answered with an error.");
    EXPECT_EQ(classify(502, std::string(501, 'x')).message, "The upstream answered with an error.");
    EXPECT_EQ(classify(502, "no healthy upstream").message, "no healthy upstream");
}

}  // namespace

}  // namespace sluice::providers
