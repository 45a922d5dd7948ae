// The recorded exchanges with OpenAI, Azure, Hugging Face and the services that speak OpenAI's API.
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "providers/vendor.h"
#include "unit/providers/vector_case.h"
#include "unit/providers/vector_exchange.h"

namespace sluice::providers::test {

namespace {

struct Site {
    std::string_view mark;  // In the URL.
    std::string_view vendor;
};

constexpr Site kSites[] = {
    {"://api.openai.com/", "openai"},
    {".openai.azure.com/", "azure"},
    {".services.ai.azure.com/", "azure_foundry"},
    {"://router.huggingface.co/", "huggingface"},
    {"://localhost:3000/", "tgi"},
    {"://localhost:8000/", "vllm"},
    {"://localhost:8080/", "llama_cpp"},
    {"://localhost:30000/", "sglang"},
    {"://ollama.com/", "ollama_v1"},
    {"://api.mistral.ai/", "mistral"},
    {"://api.groq.com/", "groq"},
    {"://api.deepseek.com/", "deepseek"},
    {"://api.x.ai/", "xai"},
    {"://api.together.ai/", "together"},
    {"://openrouter.ai/", "openrouter"},
    {"://api.perplexity.ai/", "perplexity"},
};

const Vendor* vendor_of(const std::string& name) {
    const VectorCase exchange(name);
    const std::string url = exchange.text(exchange["upstream_request"]["url"]);
    for (const Site& site : kSites) {
        if (url.find(site.mark) != std::string::npos) {
            return find_vendor(site.vendor);
        }
    }
    ADD_FAILURE() << "no vendor for " << url;
    return nullptr;
}

class OpenAiVectors : public testing::TestWithParam<std::string> {};

TEST_P(OpenAiVectors, Exchange) {
    const Vendor* const vendor = vendor_of(GetParam());
    ASSERT_NE(vendor, nullptr);
    check_exchange(GetParam(), *vendor);
}

std::string test_name(const testing::TestParamInfo<std::string>& info) {
    std::string name = info.param.substr(info.param.find('/') + 1);
    for (char& c : name) {
        c = c == '-' || c == '.' ? '_' : c;
    }
    return name;
}

INSTANTIATE_TEST_SUITE_P(OpenAi,
                         OpenAiVectors,
                         testing::ValuesIn(vector_names("openai")),
                         test_name);
INSTANTIATE_TEST_SUITE_P(Azure, OpenAiVectors, testing::ValuesIn(vector_names("azure")), test_name);
INSTANTIATE_TEST_SUITE_P(HuggingFace,
                         OpenAiVectors,
                         testing::ValuesIn(vector_names("hf")),
                         test_name);
INSTANTIATE_TEST_SUITE_P(Compatible,
                         OpenAiVectors,
                         testing::ValuesIn(vector_names("compat")),
                         test_name);

}  // namespace

}  // namespace sluice::providers::test
