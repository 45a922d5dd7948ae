// Which calls an upstream's provider is sent as they are, and which are translated first.
#include "pipeline/service.h"

#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"
#include "http/types.h"
#include "pipeline/client_call.h"
#include "upstream/key_ring.h"
#include "upstream/options.h"

namespace sluice::pipeline {

namespace {

// "relayed", "translated" or "refused".
std::string way(std::string_view path,
                const std::string& provider,
                const std::vector<std::string>& lacks = {}) {
    upstream::UpstreamOptions options = {.name = "u", .base_url = "http://127.0.0.1:1"};
    options.provider = provider;
    options.vendor.lacks = lacks;
    upstream::KeyRing keys(options, nullptr);
    const Service service(options, keys);
    const ClientCall call = client_call(http::Method::post, path);
    if (service.relays(call)) {
        return "relayed";
    }
    return service.can_serve(call) ? "translated" : "refused";
}

TEST(ServiceTest, ServersWithTheApiGetItsRequestsAsTheyAre) {
    for (const char* provider :
         {"openai", "azure", "openai_compatible", "vllm", "sglang", "llamacpp", "ollama_v1"}) {
        EXPECT_EQ(way("/v1/completions", provider), "relayed") << provider;
        EXPECT_EQ(way("/v1/responses", provider), "relayed") << provider;
    }
}

TEST(ServiceTest, OthersGetChat) {
    for (const char* provider :
         {"anthropic", "bedrock", "gemini", "vertex", "ollama", "mistral", "deepseek"}) {
        EXPECT_EQ(way("/v1/completions", provider), "translated") << provider;
        EXPECT_EQ(way("/v1/responses", provider), "translated") << provider;
    }
    EXPECT_EQ(way("/v1/completions", "groq"), "translated");
    EXPECT_EQ(way("/v1/responses", "groq"), "relayed");
    EXPECT_EQ(way("/v1/completions", "together"), "relayed");
    EXPECT_EQ(way("/v1/responses", "together"), "translated");
}

TEST(ServiceTest, TheConfigurationKnowsBetter) {
    EXPECT_EQ(way("/v1/completions", "vllm", {"completions"}), "translated");
    EXPECT_EQ(way("/v1/responses", "vllm", {"responses"}), "translated");
    EXPECT_EQ(way("/v1/responses", "vllm", {"completions"}), "relayed");
}

}  // namespace

}  // namespace sluice::pipeline
