// docs/PROVIDERS.md and the table in README.md are what the rows of the vendors say, and the
// configuration in docs/ADDING_A_PROVIDER.md makes the vendor that the page promises.
#include "config/provider_reference.h"

#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/arena.h"
#include "config/load.h"
#include "pipeline/service.h"
#include "providers/vendor.h"
#include "unit/config/helpers.h"
#include "unit/config/source_root.h"
#include "upstream/key_ring.h"
#include "upstream/options.h"

namespace sluice::config {
namespace {

using providers::AuthScheme;
using providers::Operation;
using providers::Quirk;
using providers::Vendor;
using testing::HasSubstr;

std::string page(const std::string& name) {
    std::ifstream file(SLUICE_SOURCE_ROOT "/" + name, std::ios::binary);
    EXPECT_TRUE(file.is_open()) << name;
    return {std::istreambuf_iterator<char>(file), {}};
}

std::string between(const std::string& text, std::string_view begin, std::string_view end) {
    const size_t at = text.find(begin);
    EXPECT_NE(at, text.npos) << begin;
    if (at == text.npos) {
        return "";
    }
    const size_t from = at + begin.size();
    return text.substr(from, text.find(end, from) - from);
}

TEST(ProviderReference, IsThePageInDocs) {
    EXPECT_TRUE(page("docs/PROVIDERS.md") == providers_markdown())
        << "docs/PROVIDERS.md is not what `sluice provider-reference` prints: make it anew";
}

TEST(ProviderReference, ItsTableIsInTheReadme) {
    const std::string count = std::to_string(providers::vendors().size());
    EXPECT_THAT(page("README.md"), HasSubstr("[" + count + " providers](docs/PROVIDERS.md)"));
    EXPECT_EQ(between(page("README.md"), "<!-- providers -->\n", "<!-- /providers -->"),
              feature_table())
        << "copy the table of docs/PROVIDERS.md to README.md";
}

TEST(ProviderReference, NamesEverything) {
    const std::string text = providers_markdown();
    for (const Vendor* const vendor : providers::vendors()) {
        EXPECT_THAT(text, HasSubstr("| `" + std::string(vendor->name) + "` |"));
    }
    for (const std::string_view name : providers::quirk_names()) {
        EXPECT_THAT(text, HasSubstr("| `" + std::string(name) + "` |"));
    }
    for (const std::string_view name : providers::capability_names()) {
        EXPECT_THAT(text, HasSubstr("| `" + std::string(name) + "` |"));
    }
}

TEST(ProviderReference, ItsExampleLoads) {
    const LoadResult result =
        load(between(providers_markdown(), "```toml\n", "```"), {{"ANTHROPIC_API_KEY", "k"}});
    EXPECT_EQ(config_of(result).upstreams.at(0).token.reveal(), "k") << result.report();
    EXPECT_EQ(result.diagnostics.size(), 0) << result.report();
}

std::string path_of(const pipeline::Service& service, Operation operation) {
    Arena arena;
    return std::string(service.path(operation, "beam-2", false, arena));
}

TEST(AddingAProvider, ByConfigurationAlone) {
    const std::string text = between(page("docs/ADDING_A_PROVIDER.md"), "```toml\n", "```");
    const LoadResult result = load(text, {{"LIGHTHOUSE_API_KEY", "k"}});
    EXPECT_EQ(result.diagnostics.size(), 0) << result.report();
    const upstream::UpstreamOptions& options = config_of(result).upstreams.at(0);
    EXPECT_EQ(options.base_url, "https://api.lighthouse.example/v2");
    EXPECT_EQ(options.token.reveal(), "k");

    const Vendor vendor = pipeline::configured_vendor(options);
    EXPECT_EQ(vendor.auth, AuthScheme::header);
    EXPECT_EQ(vendor.auth_name, "x-lighthouse-key");
    for (const Quirk quirk : {Quirk::normalize_replies, Quirk::max_tokens_only,
                              Quirk::no_openai_extras, Quirk::three_efforts}) {
        EXPECT_TRUE(vendor.has(quirk)) << providers::quirk_name(quirk);
    }
    EXPECT_TRUE(vendor.capabilities.count_tokens);
    EXPECT_FALSE(vendor.capabilities.vision);
    EXPECT_FALSE(vendor.capabilities.logprobs);

    upstream::KeyRing keys(options, nullptr);
    const pipeline::Service service(options, keys);
    EXPECT_EQ(path_of(service, Operation::chat), "/talk");
    EXPECT_EQ(path_of(service, Operation::embeddings), "/embeddings");
}

}  // namespace
}  // namespace sluice::config
