// Which files are fetched, and paths and URLs that hold names.
#include "providers/remote_content.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/arena.h"
#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/path_text.h"
#include "providers/vendor.h"

namespace sluice::providers::test {
namespace {

TEST(RemoteContent, PartsAreListedAndReplaced) {
    Arena arena;
    const Part first[] = {{.type = PartType::text, .text = {"t"}},
                          {.type = PartType::image, .url = {"https://a/x"}},
                          {.type = PartType::image, .url = {"gs://bucket/x"}},
                          {.type = PartType::file, .url = {"http://a/y.pdf"}}};
    const Part second[] = {{.type = PartType::image, .url = {"https://a/z"}},
                           {.type = PartType::image, .data = {"AAAA"}}};
    const Message messages[] = {{.parts = first}, {}, {.parts = second}};
    const ChatRequest request = {.model = {"m"}, .messages = messages};
    const Target target = {.vendor = find_vendor("gemini")};

    const auto remote = remote_parts(request, target, arena);
    ASSERT_EQ(remote.size(), 3);
    EXPECT_EQ(remote[1].part, 3);
    EXPECT_EQ(remote[2].message, 2);
    EXPECT_EQ(remote[2].url.raw, "https://a/z");

    const FetchedPart fetched[] = {
        {"image/png", "1"}, {"application/pdf", "2"}, {"image/gif", "3"}};
    const ChatRequest& complete = with_fetched(request, remote, fetched, arena);
    EXPECT_EQ(complete.model.raw, "m");
    EXPECT_EQ(complete.messages[0].parts[1].data.raw, "1");
    EXPECT_EQ(complete.messages[0].parts[2].url.raw, "gs://bucket/x");
    EXPECT_EQ(complete.messages[0].parts[3].media_type.raw, "application/pdf");
    EXPECT_EQ(complete.messages[2].parts[0].data.raw, "3");
    EXPECT_EQ(complete.messages[2].parts[1].data.raw, "AAAA");
    EXPECT_EQ(remote_parts(complete, target, arena).size(), 0);
    EXPECT_EQ(request.messages[0].parts[1].url.raw, "https://a/x");
}

TEST(RemoteContent, SlashesMayBeEscaped) {
    Arena arena;
    const Part parts[] = {{.type = PartType::image, .url = {R"(https:\/\/a\/x)"}}};
    const Message messages[] = {{.parts = parts}};
    const ChatRequest request = {.model = {"m"}, .messages = messages};
    EXPECT_EQ(remote_parts(request, {.vendor = find_vendor("bedrock")}, arena).size(), 1);
}

TEST(RemoteContent, WhoTakesEveryUrl) {
    for (const char* name : {"openai", "anthropic"}) {
        EXPECT_TRUE(takes_every_url(*find_vendor(name))) << name;
    }
    for (const char* name : {"bedrock", "gemini", "ollama", "vertex"}) {
        EXPECT_FALSE(takes_every_url(*find_vendor(name))) << name;
    }
}

TEST(RemoteContent, TypesOfUrls) {
    EXPECT_EQ(media_type_of_url("https://a/b.JPG?c=.png#d"), "image/jpeg");
    EXPECT_EQ(media_type_of_url("https://a.png/b"), "");
    EXPECT_EQ(media_type_of_url("https://a/b.exe"), "");
    EXPECT_EQ(media_type_of_url(""), "");
}

std::string segment(std::string_view text) {
    std::string encoded;
    json::StringText output(encoded);
    append_path_segment(output, text);
    output.finish();
    return encoded;
}

TEST(PathText, SegmentsHoldNothingThatEndsThem) {
    EXPECT_EQ(segment("amazon.nova-lite-v1:0"), "amazon.nova-lite-v1%3A0");
    EXPECT_EQ(segment("a/b?c#d e\xC3\xA9_~"), "a%2Fb%3Fc%23d%20e%C3%A9_~");
}

std::string path_of(std::string_view vendor, const PathContext& context) {
    std::string path;
    json::StringText output(path);
    const bool has_path = find_vendor(vendor)->path(context, output);
    output.finish();
    return has_path ? path : "none";
}

TEST(GeminiPaths, OfEachOperation) {
    EXPECT_EQ(path_of("gemini", {.model = "models/gemini-3-pro"}),
              "/models/gemini-3-pro:generateContent");
    EXPECT_EQ(path_of("gemini", {.model = "tunedModels/mine", .stream = true}),
              "/tunedModels/mine:streamGenerateContent?alt=sse");
    EXPECT_EQ(path_of("gemini", {.operation = Operation::models}), "/models?pageSize=1000");
    EXPECT_EQ(path_of("gemini", {.operation = Operation::count_tokens, .model = "m"}),
              "/models/m:countTokens");
    EXPECT_EQ(path_of("gemini", {.operation = Operation::responses, .model = "m"}), "none");
    EXPECT_EQ(path_of("gemini", {.model = "../x?y"}), "/models/..%2Fx%3Fy:generateContent");
    const PathContext embeddings = {.operation = Operation::embeddings,
                                    .model = "gemini-embedding-001",
                                    .project = "p",
                                    .location = "global"};
    EXPECT_EQ(path_of("vertex", embeddings),
              "/projects/p/locations/global/publishers/google/models/gemini-embedding-001:predict");
    EXPECT_EQ(path_of("vertex", {.model = "endpoints/42", .project = "p", .location = "us"}),
              "/projects/p/locations/us/endpoints/42:generateContent");
}

TEST(BaseUrls, AreFilledIn) {
    const auto expand = [](std::string_view url, const PathContext& context) {
        std::string text;
        json::StringText output(text);
        expand_base_url(output, url, context);
        output.finish();
        return text;
    };
    const std::string_view vertex = find_vendor("vertex")->base_url;
    EXPECT_EQ(expand(vertex, {.location = "europe-west4"}),
              "https://europe-west4-aiplatform.googleapis.com/v1");
    EXPECT_EQ(expand(vertex, {.location = "global"}), "https://aiplatform.googleapis.com/v1");
    EXPECT_EQ(expand("https://a.{region}.b/{project}/{x}", {.project = "p", .location = "r"}),
              "https://a.r.b/p/{x}");
}

}  // namespace
}  // namespace sluice::providers::test
