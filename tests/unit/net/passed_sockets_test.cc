// The variables that say which sockets were passed, and to whom.
#include "net/passed_sockets.h"

#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace sluice::net {

namespace {

constexpr int64_t kSelf = 4711;

using Text = std::optional<std::string>;
using Names = std::vector<std::string>;

Names names_of(const Text& process, const Text& count, const Text& names = std::nullopt) {
    return PassedSockets::read_names({.process = process, .count = count, .names = names}, kSelf)
        .value();
}

std::string mistake_in(const Text& process, const Text& count, const Text& names = std::nullopt) {
    const auto read =
        PassedSockets::read_names({.process = process, .count = count, .names = names}, kSelf);
    return read ? "" : read.error();
}

TEST(PassedSockets, HaveNamesOrGoWithout) {
    EXPECT_EQ(names_of("4711", "2", "web:admin"), (Names{"web", "admin"}));
    EXPECT_EQ(names_of("4711", "1", "web"), Names{"web"});
    EXPECT_EQ(names_of("4711", "2"), (Names{"unknown", "unknown"}));
    EXPECT_EQ(names_of("4711", "3", "::a"), (Names{"", "", "a"}));
    EXPECT_EQ(names_of("4711", "1", ""), Names{""});
}

TEST(PassedSockets, AreNoneWithoutTheVariables) {
    EXPECT_EQ(names_of(std::nullopt, std::nullopt), Names{});
    EXPECT_EQ(names_of("4711", std::nullopt), Names{});
    EXPECT_EQ(names_of(std::nullopt, "2"), Names{});
    EXPECT_EQ(names_of("4711", "0", ""), Names{});
}

// A parent's variables, which nobody removed: they say nothing of this process, right or wrong.
TEST(PassedSockets, AreNoneOfOursWhenTheyAreAnothers) {
    EXPECT_EQ(names_of("4712", "2", "web:admin"), Names{});
    EXPECT_EQ(names_of("1", "many", "a"), Names{});
}

TEST(PassedSockets, WrongNumbersAreMistakes) {
    for (const char* const process : {"", "-4711", "4711 ", "0x1267", "self"}) {
        EXPECT_EQ(mistake_in(process, "1"),
                  "LISTEN_PID: \"" + std::string(process) + "\" is no process");
    }
    for (const char* const count : {"", "-1", "+1", "1 ", "one", "1025", "99999999999999999999"}) {
        EXPECT_EQ(mistake_in("4711", count),
                  "LISTEN_FDS: \"" + std::string(count) + "\" is no number from 0 to 1024");
    }
    EXPECT_EQ(names_of("4711", "1024").size(), 1024U);
}

TEST(PassedSockets, NamesAreAsManyAsSockets) {
    EXPECT_EQ(mistake_in("4711", "2", "web"), "LISTEN_FDNAMES: \"web\" does not name 2 sockets");
    EXPECT_EQ(mistake_in("4711", "1", "a:b"), "LISTEN_FDNAMES: \"a:b\" does not name 1 sockets");
    EXPECT_EQ(mistake_in("4711", "2", ""), "LISTEN_FDNAMES: \"\" does not name 2 sockets");
}

}  // namespace

}  // namespace sluice::net
