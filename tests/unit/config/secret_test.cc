// Secret holds a key without a way to print it.
#include "base/secret.h"

#include <string>
#include <type_traits>
#include <utility>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace sluice {
namespace {

template <class T>
concept Streamable = requires(std::ostream& out, const T& value) { out << value; };

static_assert(Streamable<std::string>);
static_assert(!Streamable<Secret>);
static_assert(!fmt::is_formattable<Secret>::value);
static_assert(!std::is_convertible_v<Secret, std::string>);
static_assert(!std::is_convertible_v<Secret, std::string_view>);
static_assert(!std::is_convertible_v<std::string_view, Secret>);

TEST(Secret, HoldsItsValue) {
    const Secret none;
    EXPECT_TRUE(none.empty());
    EXPECT_EQ(none.reveal(), "");
    const Secret key("abc");
    EXPECT_FALSE(key.empty());
    EXPECT_EQ(key.reveal(), "abc");
}

TEST(Secret, CopiesAndMoves) {
    Secret a("first");
    Secret b(a);
    EXPECT_TRUE(a == b);
    Secret c(std::move(a));
    EXPECT_EQ(c.reveal(), "first");
    b = Secret("second");
    EXPECT_FALSE(b == c);
    c = b;
    EXPECT_EQ(c.reveal(), "second");
    const Secret& same = c;
    c = same;
    EXPECT_EQ(c.reveal(), "second");
}

TEST(Secret, MovingLeavesNothingBehind) {
    Secret a("a key that fits into no small-string buffer");
    const char* bytes = a.reveal().data();
    const Secret b(std::move(a));
    EXPECT_EQ(b.reveal().data(), bytes);
    EXPECT_TRUE(a.empty());  // NOLINT(bugprone-use-after-move): the state after it is the promise.
}

}  // namespace
}  // namespace sluice
