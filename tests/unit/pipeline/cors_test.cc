// What browsers are told: preflights, allowed origins, and what depends on the origin.
#include "pipeline/cors.h"

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/arena.h"
#include "gtest/gtest.h"
#include "http/h1_writer.h"
#include "http/header_map.h"
#include "http/message.h"
#include "http/types.h"
#include "pipeline/snapshot.h"

namespace sluice::pipeline {

namespace {

constexpr std::string_view kPage = "https://app.example";

class CorsTest : public testing::Test {
protected:
    http::RequestHead request(http::Method method,
                              const std::vector<std::pair<std::string, std::string_view>>& fields) {
        http::RequestHead head;
        head.method = method;
        head.headers = http::HeaderMap(storage_);
        for (const auto& [name, value] : fields) {
            EXPECT_TRUE(head.headers.add(arena_.copy(name), value));
        }
        return head;
    }
    std::string preflight(const CorsPolicy& policy,
                          std::string_view origin,
                          std::string_view asked) {
        http::RequestHead head = request(http::Method::options, {});
        EXPECT_TRUE(head.headers.add("Origin", origin));
        if (!asked.empty()) {
            EXPECT_TRUE(head.headers.add("Access-Control-Request-Headers", asked));
        }
        http::HeadWriter writer = begin();
        write_preflight_fields(writer, policy, head);
        return fields_of(writer);
    }
    std::string answer(const CorsPolicy& policy, std::string_view origin) {
        http::HeadWriter writer = begin();
        write_cors_fields(writer, policy, origin);
        return fields_of(writer);
    }

private:
    http::HeadWriter begin() {
        http::HeadWriter writer(arena_);
        writer.status_line(204);
        return writer;
    }
    // Without the first line and the blank one.
    static std::string fields_of(http::HeadWriter& writer) {
        const std::string head(writer.finish().value());
        const size_t begin = head.find("\r\n") + 2;
        return head.substr(begin, head.size() - begin - 2);
    }

    Arena arena_;
    std::array<http::HeaderField, 8> storage_;
};

bool has(const std::string& fields, std::string_view line) {
    return ("\r\n" + fields).find("\r\n" + std::string(line)) != std::string::npos;
}

TEST_F(CorsTest, APreflightIsOptionsWithOriginAndMethod) {
    const std::pair<std::string, std::string_view> origin = {"Origin", kPage};
    const std::pair<std::string, std::string_view> method = {"access-control-request-method",
                                                             "POST"};
    EXPECT_TRUE(is_preflight(request(http::Method::options, {origin, method})));
    EXPECT_FALSE(is_preflight(request(http::Method::options, {origin})));
    EXPECT_FALSE(is_preflight(request(http::Method::options, {method})));
    EXPECT_FALSE(is_preflight(request(http::Method::post, {origin, method})));
}

TEST_F(CorsTest, AnOriginThatIsNotAllowedGetsNothing) {
    const CorsPolicy policy = {.allowed_origins = {std::string(kPage)}};
    for (const std::string_view origin :
         {"https://app.example.evil", "https://evil.example", "http://app.example",
          "https://app.example:8443", "https://app.exampl", "null"}) {
        EXPECT_EQ(preflight(policy, origin, "x-a"), "") << origin;
        EXPECT_EQ(answer(policy, origin), "") << origin;
    }
    EXPECT_EQ(preflight({}, kPage, ""), "");
    EXPECT_EQ(answer({}, kPage), "");
}

TEST_F(CorsTest, AnAllowedOriginIsNamedAndTheAnswerVaries) {
    const CorsPolicy policy = {.allowed_origins = {"https://other.example", std::string(kPage)}};
    const std::string fields = answer(policy, kPage);
    EXPECT_TRUE(has(fields, "access-control-allow-origin: https://app.example\r\n")) << fields;
    EXPECT_TRUE(has(fields, "vary: origin\r\n")) << fields;
    EXPECT_TRUE(has(fields, "access-control-expose-headers: ")) << fields;
    EXPECT_NE(fields.find("x-request-id"), std::string::npos);
    EXPECT_NE(answer(policy, "HTTPS://APP.example"), "") << "schemes and hosts have no case";
}

TEST_F(CorsTest, TheStarIsSentAsItIsAndNothingVaries) {
    const CorsPolicy policy = {.allowed_origins = {std::string(kPage), "*"}};
    for (const std::string& fields :
         {answer(policy, kPage), preflight(policy, "https://x.y", "")}) {
        EXPECT_TRUE(has(fields, "access-control-allow-origin: *\r\n")) << fields;
        EXPECT_FALSE(has(fields, "vary:")) << fields;
    }
}

TEST_F(CorsTest, WithoutAnOriginNothingIsWritten) {
    const CorsPolicy policy = {.allowed_origins = {"*"}};
    EXPECT_EQ(answer(policy, ""), "");
    EXPECT_EQ(preflight(policy, "", ""), "");
}

TEST_F(CorsTest, CredentialsAreNeverAllowed) {
    for (const std::string_view allowed : {kPage, std::string_view("*")}) {
        const CorsPolicy policy = {.allowed_origins = {std::string(allowed)}};
        EXPECT_FALSE(has(answer(policy, kPage), "access-control-allow-credentials"));
        EXPECT_FALSE(has(preflight(policy, kPage, ""), "access-control-allow-credentials"));
    }
}

TEST_F(CorsTest, APreflightIsToldMethodsFieldsAndForHowLong) {
    const CorsPolicy policy = {.allowed_origins = {std::string(kPage)}, .max_age_s = 77};
    const std::string fields = preflight(policy, kPage, "x-stainless-os, authorization");
    EXPECT_TRUE(has(fields, "access-control-allow-methods: GET, POST, DELETE, OPTIONS\r\n"));
    EXPECT_TRUE(has(fields, "access-control-allow-headers: x-stainless-os, authorization\r\n"));
    EXPECT_TRUE(has(fields, "access-control-max-age: 77\r\n"));
    EXPECT_TRUE(has(fields, "vary: origin\r\n"));
    EXPECT_TRUE(has(preflight(policy, kPage, ""),
                    "access-control-allow-headers: authorization, content-type, x-request-id\r\n"));
}

}  // namespace

}  // namespace sluice::pipeline
