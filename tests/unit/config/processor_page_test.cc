// The pages of docs/processors against the table of settings: every type has one, every setting is
// named in it, and every example can be loaded.
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "config/load.h"
#include "config/processor_kinds.h"
#include "config/schema.h"
#include "config/setting.h"
#include "unit/config/helpers.h"

namespace sluice::config {
namespace {

std::string read_page(std::string_view name) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody sets it.
    const char* const data = std::getenv("SLUICE_TEST_DATA");
    const std::string folder = data == nullptr ? "tests/data" : data;
    std::ifstream file(fmt::format("{}/../../docs/{}", folder, name));
    EXPECT_TRUE(file) << name;
    return {std::istreambuf_iterator<char>(file), {}};
}

std::string page_of(const ProcessorKind& kind) {
    return read_page(fmt::format("processors/{}.md", kind.type));
}

// Examples leave out what is not their business.
LoadResult load_example(std::string text) {
    if (!text.contains("[llm.main]")) {
        text += "[llm.main]\nprovider = \"vllm\"\nbase_url = \"http://127.0.0.1:8000/v1\"\n";
    }
    return load(text.contains("[[route]]") ? text : with_rest(text));
}

// How many examples there are.
size_t check_examples(const std::string& page) {
    constexpr std::string_view kBegin = "```toml\n";
    size_t examples = 0;
    for (size_t at = page.find(kBegin); at != std::string::npos; at = page.find(kBegin, at)) {
        at += kBegin.size();
        const size_t end = page.find("```", at);
        if (end == std::string::npos) {
            ADD_FAILURE() << "an example has no end";
            return examples;
        }
        const LoadResult result = load_example(page.substr(at, end - at));
        EXPECT_TRUE(result.config) << page.substr(at, end - at) << result.report();
        ++examples;
        at = end;
    }
    return examples;
}

TEST(ProcessorPage, NamesEverySettingOfItsType) {
    for (const ProcessorKind& kind : processor_kinds()) {
        const std::string page = page_of(kind);
        EXPECT_TRUE(page.starts_with(fmt::format("# {}\n", kind.type))) << kind.type;
        EXPECT_TRUE(page.contains(fmt::format("type = \"{}\"\n", kind.type))) << kind.type;
        for (const Setting& setting : settings(kind.section)) {
            EXPECT_TRUE(page.contains(setting.key)) << kind.type << " " << setting.key;
        }
    }
}

TEST(ProcessorPage, ShowsWhatCanBeLoaded) {
    for (const ProcessorKind& kind : processor_kinds()) {
        EXPECT_GT(check_examples(page_of(kind)), 0U) << kind.type;
    }
    EXPECT_GT(check_examples(read_page("PROCESSORS.md")), 1U);
}

TEST(ProcessorPage, IsNamedInTheList) {
    const std::string list = read_page("PROCESSORS.md");
    for (const ProcessorKind& kind : processor_kinds()) {
        EXPECT_TRUE(list.contains(fmt::format("(processors/{}.md)", kind.type))) << kind.type;
    }
}

}  // namespace
}  // namespace sluice::config
