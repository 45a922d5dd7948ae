// All recorded exchanges with Gemini and Vertex AI.
#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "providers/vendor.h"
#include "unit/providers/vector_case.h"
#include "unit/providers/vector_exchange.h"

namespace sluice::providers::test {
namespace {

class GeminiVectors : public testing::TestWithParam<std::string> {};

TEST_P(GeminiVectors, AreTranslatedBothWays) {
    const std::string group = GetParam().substr(0, GetParam().find('/'));
    const Vendor* const vendor = find_vendor(group);
    ASSERT_NE(vendor, nullptr) << group;
    check_exchange(GetParam(), *vendor);
}

std::string name_of(const testing::TestParamInfo<std::string>& info) {
    std::string name = info.param.substr(0, info.param.rfind('.'));
    std::ranges::replace_if(name, [](char c) { return c == '/' || c == '-'; }, '_');
    return name;
}

INSTANTIATE_TEST_SUITE_P(Gemini, GeminiVectors, testing::ValuesIn(vector_names("gemini")), name_of);
INSTANTIATE_TEST_SUITE_P(Vertex, GeminiVectors, testing::ValuesIn(vector_names("vertex")), name_of);

}  // namespace
}  // namespace sluice::providers::test
