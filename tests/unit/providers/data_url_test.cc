// data: URLs in the ways that clients write them, and ids of calls that do not fit.
#include "providers/data_url.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/arena.h"
#include "json/tree.h"
#include "providers/tool_ids.h"

namespace sluice::providers {

namespace {

void expect_parts(std::string_view url, std::string_view media_type, std::string_view data) {
    Arena arena;
    DataUrl parts;
    ASSERT_TRUE(parse_data_url({url}, arena, parts)) << url;
    EXPECT_EQ(parts.media_type.raw, media_type) << url;
    EXPECT_EQ(parts.data.raw, data) << url;
}

TEST(DataUrl, IsTakenApart) {
    expect_parts("data:image/png;base64,iVBORw==", "image/png", "iVBORw==");
    expect_parts("DATA:image/jpg;BASE64,/9j/", "image/jpeg", "/9j/");
    expect_parts("data:image/png;charset=utf-8;base64,iVBO", "image/png", "iVBO");
    expect_parts(R"(data:image\/png;base64,\/9j\/)", "image/png", "/9j/");
    expect_parts(R"(data:image/png;base64,iV\r\nBO)", "image/png", "iVBO");
}

TEST(DataUrl, AlphabetForUrlsBecomesTheStandardOne) {
    expect_parts("data:image/gif;base64,-_-_", "image/gif", "+/+/");
    expect_parts("data:image/gif;base64,R0lGOA", "image/gif", "R0lGOA==");
}

TEST(DataUrl, TypeFollowsFromTheFirstBytes) {
    expect_parts("data:;base64,iVBORw0KGgo=", "image/png", "iVBORw0KGgo=");
    expect_parts("data:;base64,/9j/4AAQ", "image/jpeg", "/9j/4AAQ");
    expect_parts("data:;base64,R0lGODlh", "image/gif", "R0lGODlh");
    expect_parts("data:;base64,UklGRiQAAABXRUJQ", "image/webp", "UklGRiQAAABXRUJQ");
    expect_parts("data:;base64,JVBERi0x", "application/pdf", "JVBERi0x");
    expect_parts("data:;base64,AAAAAAAA", "", "AAAAAAAA");
}

TEST(DataUrl, WhatIsNone) {
    Arena arena;
    DataUrl parts;
    for (const std::string_view url :
         {"https://x.test/a.png", "data:image/png,raw", "data:image/png;base64",
          "data:", "data:image/png;base64,", "data:image/png\\\";base64,AAAA",
          "data:image/png;base64,AA\\u0022A"}) {
        EXPECT_FALSE(parse_data_url({url}, arena, parts)) << url;
    }
}

TEST(ToolIds, FitTheRuleOfTheService) {
    Arena arena;
    const auto fit = [&arena](std::string_view id, ToolIdRule rule) {
        return std::string(fit_tool_id({id}, rule, arena).raw);
    };
    const std::string long_id(41, 'x');
    EXPECT_EQ(fit(long_id, ToolIdRule::any), long_id);
    EXPECT_EQ(fit(long_id, ToolIdRule::openai).size(), 37U);
    EXPECT_EQ(fit("call:1", ToolIdRule::openai), "call:1");
    EXPECT_EQ(fit("call:1", ToolIdRule::converse), "call:1");
    EXPECT_NE(fit("call:1", ToolIdRule::anthropic), "call:1");
    EXPECT_EQ(fit("call:1", ToolIdRule::anthropic), fit("call:1", ToolIdRule::anthropic));
    EXPECT_EQ(fit("D681PevKs", ToolIdRule::nine_letters), "D681PevKs");
    EXPECT_EQ(fit("call_1", ToolIdRule::nine_letters).size(), 9U);
    EXPECT_NE(fit("call_1", ToolIdRule::nine_letters), fit("call_2", ToolIdRule::nine_letters));
}

}  // namespace

}  // namespace sluice::providers
