// The example of docs/ADDING_A_PROVIDER.md does what the page says, and the page shows its text.
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "json/writer.h"
#include "providers/vendor.h"
#include "unit/providers/request_trial.h"
#include "unit/providers/vector_case.h"

namespace sluice::providers {

extern const Vendor kLighthouse;

namespace {

std::string path_of(Operation operation) {
    std::string path;
    json::StringText output(path);
    const bool is_known = kLighthouse.path({.operation = operation, .model = "m"}, output);
    output.finish();
    return is_known ? path : "none";
}

TEST(ExampleProvider, HasItsPaths) {
    EXPECT_EQ(path_of(Operation::chat), "/talk");
    EXPECT_EQ(path_of(Operation::embeddings), "/embeddings");
    EXPECT_EQ(path_of(Operation::responses), "none");
}

TEST(ExampleProvider, IsSentWhatItTakes) {
    const auto sent = test::encode_chat_for(kLighthouse, "beam-2", R"({"model":"m",
        "messages":[{"role":"user","content":"a"}],"max_completion_tokens":9,"beam_width":3,
        "reasoning_effort":"xhigh","user":"u","store":true,"shade":1})");
    EXPECT_EQ(sent.difference(R"({"model":"beam-2","messages":[{"role":"user","content":"a"}],
        "max_tokens":9,"beam_width":3,"reasoning_effort":"high"})"),
              "");
    EXPECT_EQ(sent.dropped, "user store shade");
    EXPECT_EQ(test::encode_chat_for(kLighthouse, "beam-2", R"({"model":"m","logprobs":true,
                  "messages":[{"role":"user","content":"a"}]})")
                  .refusal,
              "logprobs unsupported_parameter");
}

TEST(ExampleProvider, ItsRepliesArePutRight) {
    EXPECT_EQ(test::whole_reply(kLighthouse, R"({"id":"1","model":"beam-2","choices":[{"index":0,
                  "message":{"role":"assistant","content":"a","reasoning":"r"},
                  "finish_reason":"eos"}]})",
                                "reasoning_content"),
              R"("r")");
}

// The blocks of code on the page, one after the other, are the file.
TEST(ExampleProvider, StandsOnItsPage) {
    const std::string page =
        test::read_text_file(test::data_folder() + "/../../docs/ADDING_A_PROVIDER.md");
    const std::string file =
        test::read_text_file(test::data_folder() + "/../unit/providers/example_provider.cc");
    constexpr std::string_view kBegin = "```cpp\n";
    std::string shown;
    for (size_t at = page.find(kBegin); at != page.npos; at = page.find(kBegin, at)) {
        at += kBegin.size();
        const size_t end = page.find("```", at);
        ASSERT_NE(end, page.npos);
        shown += page.substr(at, end - at);
        at = end;
    }
    EXPECT_EQ(shown, file) << "docs/ADDING_A_PROVIDER.md shows another text than the file";
}

}  // namespace
}  // namespace sluice::providers
