// Files of members: both forms, and that a mistake says where it is and lets nothing through.
#include "config/member_file.h"

#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "balance/member.h"

namespace sluice::config {
namespace {

using balance::Member;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

std::vector<Member> read(std::string_view name, std::string_view text) {
    const auto members = read_members(name, text);
    EXPECT_TRUE(members) << members.error();
    return members.value_or(std::vector<Member>());
}

std::string error_of(std::string_view name, std::string_view text) {
    const auto members = read_members(name, text);
    EXPECT_FALSE(members) << text;
    return members ? "" : members.error();
}

const Member kFull = {.address = "b:2", .instance = "pod-1", .weight = 3, .priority = 1};

TEST(MemberFile, IsToml) {
    EXPECT_THAT(read("m.toml", "targets = [\"a:1\", \"[::1]:2\"]\n"),
                ElementsAre(Member{.address = "a:1"}, Member{.address = "[::1]:2"}));
    EXPECT_THAT(read("m",
                     "targets = [\"a:1\"]\n[[target]]\naddress = \"b:2\"\nweight = 3\n"
                     "priority = 1\ninstance = \"pod-1\"\n"),
                ElementsAre(Member{.address = "a:1"}, kFull));
    EXPECT_THAT(read("m.toml", ""), IsEmpty());
}

TEST(MemberFile, IsJson) {
    EXPECT_THAT(read("m.json", R"(["a:1", {"address": "b:2", "weight": 3, "priority": 1,
                                "instance": "pod-\u0031"}])"),
                ElementsAre(Member{.address = "a:1"}, kFull));
    EXPECT_THAT(read("m.json", R"({"targets": ["a:1"]})"), ElementsAre(Member{.address = "a:1"}));
    EXPECT_THAT(read("m.json", "[]"), IsEmpty());
}

TEST(MemberFile, SaysWhereAMistakeIs) {
    for (const auto& [name, text, expected] :
         std::vector<std::tuple<std::string_view, std::string_view, std::string_view>>{
             {"m.toml", "\ntargets = [\"a:1\",\n  \"b\"]\n", "m.toml:3:3: address: is \"b\""},
             {"m.toml", "targets = 1\n", "m.toml:1:11: targets: is a"},
             {"m.toml", "targets = [\n", "m.toml:"},
             {"m.toml", "[[target]]\nweight = 2\n", "m.toml:1"},
             {"m.toml", "[[target]]\naddress = \"a:1\"\nweight = 0\n", "m.toml:3:10: weight: "},
             {"m.toml", "[[target]]\naddress = \"a:1\"\nwait = 0\n", "m.toml:3:1: wait: is not"},
             {"m.json", "[\n \"a:1\",\n {\"address\": \"b\"}]", "m.json:3:14: address: is \"b\""},
             {"m.json", "[\n \"a:1\",\n]", "m.json:3:1: "},
             {"m.json", "[\"a:1\"", "m.json:1:"},
             {"m.json", "[\"a:1\", null]", "m.json:1:9: targets: is"},
             {"m.json", "[{\"address\": \"a:1\", \"weight\": 1.5}]", "m.json:1:31: weight: "},
             {"m.json", "\"a:1\"", "m.json:1:1: "},
             {"m.json", "", "m.json:1:1: "}}) {
        EXPECT_THAT(error_of(name, text), StartsWith(std::string(expected)));
    }
}

TEST(MemberFile, HasAnEnd) {
    std::string text = "targets = [";
    for (size_t i = 0; i <= kMembersMax; ++i) {
        text += "\"a:" + std::to_string(i + 1) + "\",";
    }
    EXPECT_THAT(error_of("m.toml", text + "]"), testing::HasSubstr("more than 4096 members"));
}

TEST(MemberFile, KnowsAnAddress) {
    for (const std::string_view good : {"10.0.0.1:1", "a.b:65535", "[::1]:80"}) {
        EXPECT_TRUE(is_member_address(good)) << good;
    }
    for (const std::string_view bad :
         {"", "a", ":1", "a:", "a:0", "a:65536", "::1:80", "http://a:1", "a:1/v1", "u@a:1"}) {
        EXPECT_FALSE(is_member_address(bad)) << bad;
    }
}

}  // namespace
}  // namespace sluice::config
