// Signature Version 4 against AWS's public suite and requests of Bedrock's shape: every value on
// the way, not the signature alone.
#include "providers/sigv4.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/arena.h"
#include "base/calendar.h"
#include "base/secret.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "json/tree.h"
#include "providers/aws_credentials.h"
#include "providers/vendor.h"
#include "unit/providers/vector_case.h"

namespace sluice::providers {
namespace {

using json::Value;
using test::VectorCase;

// What the vectors' texts are taken apart to.
struct Parsed {
    std::string method = {};
    std::string path = {};
    std::string query = {};
    std::vector<std::pair<std::string, std::string>> headers = {};
    std::string body = {};

    void set_target(std::string_view target) {
        path = target.substr(0, target.find('?'));
        query = target.size() > path.size() ? target.substr(path.size() + 1) : "";
    }
};

std::string take_line(std::string_view& text) {
    const size_t end = text.find('\n');
    std::string line(text.substr(0, end));
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    return line;
}

Parsed parse_request(std::string_view text) {
    Parsed parsed;
    const std::string first = take_line(text);
    const size_t target = first.find(' ') + 1;
    const size_t version = first.rfind(' ');
    parsed.method = first.substr(0, target - 1);
    parsed.set_target(first.substr(target, version - target));
    while (!text.empty()) {
        const std::string line = take_line(text);
        if (line.empty()) {
            break;
        }
        if (line.front() == ' ') {
            parsed.headers.back().second += "\n" + line;
        } else {
            const size_t colon = line.find(':');
            parsed.headers.emplace_back(line.substr(0, colon), line.substr(colon + 1));
        }
    }
    parsed.body = text;
    return parsed;
}

int64_t parse_time(const std::string& text) {
    const auto number = [&text](size_t at, size_t count) {
        return static_cast<int64_t>(
            parse_decimal(std::string_view(text).substr(at, count)).value());
    };
    return days_since_1970({number(0, 4), number(5, 2), number(8, 2)}) * kSecondsPerDay +
           number(11, 2) * 3'600 + number(14, 2) * 60 + number(17, 2);
}

void check(const VectorCase& vectors, const Value& test, Parsed parsed, SigV4Key& key) {
    SCOPED_TRACE(test["name"].text().raw);
    const Value& context = test["context"];
    const Value& keys = context["credentials"];
    const AwsCredentials credentials = {
        .access_key_id = vectors.text(keys["access_key_id"]),
        .secret_access_key = Secret(vectors.text(keys["secret_access_key"])),
        .session_token =
            Secret(context["omit_session_token"].is_true() ? "" : vectors.text(keys["token"]))};
    const std::string hash = crypto::hex(crypto::sha256(parsed.body));
    if (context["sign_body"].is_true()) {
        parsed.headers.emplace_back("x-amz-content-sha256", hash);
    }
    std::vector<HeaderLine> headers;
    headers.reserve(parsed.headers.size());
    for (const auto& [name, value] : parsed.headers) {
        headers.push_back({name, value});
    }
    Arena arena;
    const SigV4Signature made = sign_sigv4(
        {.method = parsed.method,
         .path = parsed.path,
         .query = parsed.query,
         .headers = headers,
         .body_sha256 = hash,
         .resolves_dots = context["normalize"].is_true()},
        {.region = vectors.text(context["region"]), .service = vectors.text(context["service"])},
        credentials, parse_time(vectors.text(context["timestamp"])), key, arena);
    EXPECT_EQ(made.canonical_request, vectors.text(test["canonical_request"]));
    EXPECT_EQ(made.string_to_sign, vectors.text(test["string_to_sign"]));
    EXPECT_EQ(made.authorization, vectors.text(test["authorization"]));
    EXPECT_TRUE(made.authorization.ends_with("Signature=" + vectors.text(test["signature"])));
    EXPECT_EQ(made.security_token, credentials.session_token.reveal());
    const std::string region = vectors.text(context["region"]);
    const std::string service = vectors.text(context["service"]);
    EXPECT_EQ(crypto::hex(key.get(credentials, made.date_time.substr(0, 8), {region, service})),
              vectors.text(test["signing_key_hex"]));
}

TEST(SigV4, AgreesWithThePublicSuite) {
    const VectorCase vectors("sigv4/aws-suite.json");
    EXPECT_EQ(vectors["cases"].size(), 38U);
    SigV4Key key;  // One for all: it notices what it was made for.
    for (const Value& test : vectors["cases"]) {
        check(vectors, test, parse_request(vectors.text(test["request"])), key);
    }
}

TEST(SigV4, AgreesWithBedrocksRequests) {
    const VectorCase vectors("sigv4/bedrock.json");
    EXPECT_GT(vectors["cases"].size(), 0U);
    SigV4Key key;
    for (const Value& test : vectors["cases"]) {
        Parsed parsed = {.method = vectors.text(test["method"]),
                         .body = vectors.text(test["body_utf8"])};
        parsed.set_target(vectors.text(test["path_on_wire"]));
        for (const Value& header : test["headers_in"]) {
            parsed.headers.emplace_back(header.key().raw, vectors.text(header));
        }
        check(vectors, test, parsed, key);
    }
}

TEST(SigV4Key, IsMadeAnewForAnythingElse) {
    const AwsCredentials first = {.access_key_id = "A", .secret_access_key = Secret("S")};
    const AwsCredentials second = {.access_key_id = "B", .secret_access_key = Secret("T")};
    SigV4Key key;
    const crypto::Sha256 made = key.get(first, "20260820", {"us-east-1", "bedrock"});
    EXPECT_EQ(key.get(first, "20260820", {"us-east-1", "bedrock"}), made);
    EXPECT_NE(key.get(first, "20260821", {"us-east-1", "bedrock"}), made);
    EXPECT_NE(key.get(first, "20260820", {"us-east-2", "bedrock"}), made);
    EXPECT_NE(key.get(first, "20260820", {"us-east-1", "sts"}), made);
    EXPECT_NE(key.get(second, "20260820", {"us-east-1", "bedrock"}), made);
    EXPECT_EQ(key.get(first, "20260820", {"us-east-1", "bedrock"}), made);
}

std::string canonical(std::string_view path, std::string_view query) {
    Arena arena;
    SigV4Key key;
    const SigV4Signature made =
        sign_sigv4({.method = "GET", .path = path, .query = query}, {"r", "s"},
                   {.access_key_id = "A", .secret_access_key = Secret("S")}, 0, key, arena);
    const std::string_view text = made.canonical_request;
    const size_t begin = text.find('\n') + 1;
    return std::string(text.substr(begin, text.find("\nx-amz-date") - begin));
}

TEST(SigV4, HasOnePathForAllThatMeanTheSame) {
    EXPECT_EQ(canonical("", ""), "/\n");
    EXPECT_EQ(canonical("/a/../..//b/./c/", ""), "/b/c/\n");
    EXPECT_EQ(canonical("/a%2Fb/c d", ""), "/a%252Fb/c%20d\n");
}

TEST(SigV4, SortsTheQueryByNameThenValue) {
    EXPECT_EQ(canonical("/", "b=2&a-=1&a=2&a=1&&c"), "/\na=1&a=2&a-=1&b=2&c=");
    EXPECT_EQ(canonical("/", "x=%7e%2f+%&=y"), "/\n=y&x=~%2F%2B%25");
}

}  // namespace
}  // namespace sluice::providers
