// Whose request id is used, and what a new one looks like.
#include "pipeline/request_id.h"

#include <set>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "base/prng.h"
#include "gtest/gtest.h"

namespace sluice::pipeline {

namespace {

class RequestIdTest : public testing::Test {
protected:
    std::string choose(std::string_view offered, bool accept = true) {
        return std::string(choose_request_id(offered, accept, prng_, arena_));
    }
    static bool is_new(std::string_view id) {
        return id.size() == 36 && id.starts_with("req_") &&
               id.find_first_not_of("0123456789abcdef", 4) == std::string_view::npos;
    }

    Arena arena_;
    Prng prng_{1};
};

TEST_F(RequestIdTest, AUsableOneIsTakenOver) {
    for (const std::string_view id :
         {"a", "req-1_2.3:4", "azAZ09", "4bf92f35-77b3-4da6-a3ce-929d0e0e4736"}) {
        EXPECT_EQ(choose(id), id);
    }
}

TEST_F(RequestIdTest, ItLivesInTheArena) {
    std::string offered = "abc";
    const std::string_view id = choose_request_id(offered, true, prng_, arena_);
    offered = "xyz";
    EXPECT_EQ(id, "abc");
}

TEST_F(RequestIdTest, NoneIsTakenOverWhenThePolicySaysSo) {
    EXPECT_TRUE(is_new(choose("abc", false)));
}

TEST_F(RequestIdTest, TheLengthIsLimited) {
    const std::string longest(kRequestIdBytesMax, 'a');
    EXPECT_EQ(choose(longest), longest);
    EXPECT_TRUE(is_new(choose(longest + 'a')));
    EXPECT_TRUE(is_new(choose("")));
}

TEST_F(RequestIdTest, EveryOtherByteIsReplacedWithTheWholeId) {
    const std::string_view safe =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:";
    for (int byte = 0; byte < 256; ++byte) {
        const char c = static_cast<char>(byte);
        const std::string offered = std::string("a") + c + "b";
        if (safe.find(c) != std::string_view::npos) {
            EXPECT_EQ(choose(offered), offered);
        } else {
            EXPECT_TRUE(is_new(choose(offered))) << byte;
        }
    }
}

TEST_F(RequestIdTest, NewOnesDiffer) {
    std::set<std::string> seen;
    for (int i = 0; i < 1000; ++i) {
        const std::string id = choose("");
        EXPECT_TRUE(is_new(id)) << id;
        EXPECT_TRUE(seen.insert(id).second);
    }
}

}  // namespace

}  // namespace sluice::pipeline
