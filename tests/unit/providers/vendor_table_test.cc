// The table of vendors: its order, its addresses, and that every capability a row claims is shown
// by a file of tests/data/providers.
#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/url.h"
#include "json/writer.h"
#include "providers/dialect.h"
#include "providers/vendor.h"
#include "unit/providers/capability_case.h"
#include "unit/providers/vector_case.h"

namespace sluice::providers::test {
namespace {

using testing::Contains;
using testing::IsEmpty;

// Addresses as a configuration completes them.
std::string with_variables(std::string url) {
    for (const std::string_view variable : {"{region}", "{location}", "{project}", "{resource}"}) {
        const size_t at = url.find(variable);
        if (at != url.npos) {
            url.replace(at, variable.size(), "name");
        }
    }
    return url;
}

TEST(VendorTable, NamesAreSortedUniqueAndPlain) {
    std::vector<std::string_view> names;
    for (const Vendor* const vendor : vendors()) {
        names.push_back(vendor->name);
        EXPECT_EQ(find_vendor(vendor->name), vendor);
        EXPECT_FALSE(vendor->title.empty()) << vendor->name;
        EXPECT_TRUE(std::ranges::all_of(vendor->name, [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
        })) << vendor->name;
    }
    EXPECT_TRUE(std::ranges::is_sorted(names));
    EXPECT_TRUE(std::ranges::adjacent_find(names) == names.end());
    EXPECT_EQ(find_vendor("no_such_vendor"), nullptr);
}

TEST(VendorTable, AddressesParse) {
    for (const Vendor* const vendor : vendors()) {
        if (vendor->base_url.empty()) {
            EXPECT_EQ(vendor->name, "openai_compatible") << "only a generic vendor has no address";
            continue;
        }
        const std::string url = with_variables(std::string(vendor->base_url));
        EXPECT_TRUE(http::parse_base_url(url).has_value()) << url;
    }
}

TEST(VendorTable, EveryVendorChats) {
    for (const Vendor* const vendor : vendors()) {
        for (const bool stream : {false, true}) {
            std::string path;
            json::StringText output(path);
            EXPECT_TRUE(vendor->path({.operation = Operation::chat,
                                      .model = "m",
                                      .stream = stream,
                                      .project = "p",
                                      .location = "l"},
                                     output))
                << vendor->name;
            output.finish();
            EXPECT_TRUE(path.starts_with('/')) << vendor->name << ": " << path;
        }
        EXPECT_NE(upstream_dialect(vendor->dialect), nullptr) << vendor->name;
    }
}

TEST(VendorTable, KeysHaveAPlaceToGo) {
    for (const Vendor* const vendor : vendors()) {
        const bool is_named =
            vendor->auth == AuthScheme::header || vendor->auth == AuthScheme::query;
        EXPECT_EQ(is_named, !vendor->auth_name.empty()) << vendor->name;
    }
}

// What builds on something cannot be claimed without it.
TEST(VendorTable, CapabilitiesAgree) {
    for (const Vendor* const vendor : vendors()) {
        const Capabilities& claims = vendor->capabilities;
        EXPECT_TRUE(claims.tools || !claims.parallel_tools) << vendor->name;
        EXPECT_TRUE(claims.tools || !claims.tool_choice_required) << vendor->name;
        EXPECT_TRUE(claims.vision || !claims.image_urls) << vendor->name;
    }
}

TEST(VendorTable, EveryClaimIsShown) {
    for (const Vendor* const vendor : vendors()) {
        EXPECT_THAT(capability_files(vendor->name), Not(IsEmpty())) << vendor->name;
        const std::vector<std::string> shown = shown_capabilities(vendor->name);
        for (const std::string_view name : capability_names()) {
            if (has_capability(vendor->capabilities, name)) {
                EXPECT_THAT(shown, Contains(std::string(name))) << vendor->name;
            }
        }
        for (const std::string& name : shown) {
            EXPECT_TRUE(has_capability(vendor->capabilities, name))
                << vendor->name << " shows " << name << ", but its row does not claim it";
        }
    }
}

TEST(VendorTable, EveryFolderIsAVendors) {
    for (const auto& entry : std::filesystem::directory_iterator(data_folder() + "/providers")) {
        const std::string name = entry.path().filename().string();
        EXPECT_NE(find_vendor(name), nullptr) << name;
    }
}

class VendorCapabilities : public testing::TestWithParam<const Vendor*> {};

TEST_P(VendorCapabilities, AreAsShown) {
    for (const std::string& file : capability_files(GetParam()->name)) {
        check_capability_file(file, *GetParam());
    }
}

INSTANTIATE_TEST_SUITE_P(Of,
                         VendorCapabilities,
                         testing::ValuesIn(vendors().begin(), vendors().end()),
                         [](const auto& one) { return std::string(one.param->name); });

}  // namespace
}  // namespace sluice::providers::test
