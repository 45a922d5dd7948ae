// docs/PROCESSORS.md against the table of settings: every type has its chapter, every setting is
// named in it, and every example can be loaded.
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "config/processor_kinds.h"
#include "config/schema.h"
#include "config/setting.h"
#include "unit/config/helpers.h"

namespace sluice::config {
namespace {

std::string read_page() {
    const char* const data = std::getenv("SLUICE_TEST_DATA");
    const std::string folder = data == nullptr ? "tests/data" : data;
    std::ifstream file(folder + "/../../docs/PROCESSORS.md");
    EXPECT_TRUE(file);
    return {std::istreambuf_iterator<char>(file), {}};
}

TEST(ProcessorPage, HasAChapterForEachType) {
    const std::string page = read_page();
    for (const ProcessorKind& kind : processor_kinds()) {
        const std::string heading = fmt::format("\n## `{}`\n", kind.type);
        const size_t begin = page.find(heading);
        if (begin == std::string::npos) {
            ADD_FAILURE() << kind.type << " has no chapter";
            continue;
        }
        const size_t end = page.find("\n## ", begin + heading.size());
        const std::string chapter = page.substr(begin, end - begin);
        EXPECT_TRUE(chapter.contains(fmt::format("type = \"{}\"\n", kind.type)))
            << kind.type << " has no example";
        for (const Setting& setting : settings(kind.section)) {
            EXPECT_TRUE(chapter.contains(setting.key)) << kind.type << " " << setting.key;
        }
    }
}

TEST(ProcessorPage, ShowsWhatCanBeLoaded) {
    const std::string page = read_page();
    constexpr std::string_view kBegin = "```toml\n";
    size_t examples = 0;
    for (size_t at = page.find(kBegin); at != page.npos; at = page.find(kBegin, at)) {
        at += kBegin.size();
        const size_t end = page.find("```", at);
        ASSERT_NE(end, page.npos);
        const std::string text = page.substr(at, end - at);
        const LoadResult result = load(text.contains("[[route]]") ? text : with_rest(text));
        EXPECT_TRUE(result.config) << text << result.report();
        ++examples;
        at = end;
    }
    EXPECT_GT(examples, processor_kinds().size());
}

}  // namespace
}  // namespace sluice::config
