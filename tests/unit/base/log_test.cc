// Log lines: when they are made, how they look, how repeats are held back.
#include "base/log.h"

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/error.h"
#include "base/secret.h"
#include "gtest/gtest.h"

namespace sluice {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

static_assert(!std::is_constructible_v<LogField, std::string_view, Secret>);

std::string line_of(LogFormat format, LogSite& site, std::initializer_list<LogField> fields) {
    std::string line;
    append_log_line(line, format, "T", site, fields, 0);
    return line;
}

TEST(LogField, HumanFormQuotesOnlyWhatNeedsIt) {
    constinit static LogSite site(LogLevel::warning, "net", "it happened");
    const Error error{.kind = ErrorKind::connect_refused, .os_errno = 111, .where = "connect"};
    EXPECT_EQ(line_of(LogFormat::human, site,
                      {{"peer", "10.0.0.1:80"},
                       {"name", std::string("two words")},
                       {"empty", std::string_view()},
                       {"odd", "a=\"b\"\n"},
                       {"fd", -1},
                       {"size", uint64_t{18'446'744'073'709'551'615U}},
                       {"kept", true},
                       {"took", Duration::microseconds(1'500)},
                       {"error", error}}),
              "T warning net: it happened peer=10.0.0.1:80 name=\"two words\" empty=\"\" "
              "odd=\"a=\\\"b\\\"\\n\" fd=-1 size=18446744073709551615 kept=true took=0.001500 "
              "error=connect_refused where=\"connect\" errno=111\n");
}

TEST(LogField, JsonFormIsOneObjectALine) {
    constinit static LogSite site(LogLevel::error, "net", "a \"quoted\" text");
    const Error error{.kind = ErrorKind::reset, .where = "receive"};
    EXPECT_EQ(line_of(LogFormat::json, site,
                      {{"text_", "line\nbreak"}, {"n", 7U}, {"no", false}, {"error", error}}),
              "{\"time\":\"T\",\"level\":\"error\",\"room\":\"net\",\"text\":\"a \\\"quoted\\\" "
              "text\",\"text_\":\"line\\nbreak\",\"n\":7,\"no\":false,\"error\":\"reset\","
              "\"where\":\"receive\"}\n");
}

TEST(LogField, CutsLongTexts) {
    constinit static LogSite site(LogLevel::error, "net", "t");
    const std::string line = line_of(LogFormat::human, site, {{"x", std::string(100'000, 'x')}});
    EXPECT_LE(line.size(), LogField::kTextBytesMax + 100);
    EXPECT_EQ(line.back(), '\n');
}

TEST(LogField, LeavesWholeTextsWhole) {
    constinit static LogSite site(LogLevel::error, "net", "t");
    const std::string text(5'000, 'x');
    EXPECT_EQ(line_of(LogFormat::human, site, {LogField::whole("x", text)}),
              "T error net: t x=" + text + "\n");
}

TEST(LogClock, WritesRfc3339) {
    LogClock clock;
    clock.set(0);
    EXPECT_EQ(clock.text(), "1970-01-01T00:00:00.000Z");
    clock.set(951'782'400 * kSecond + 7'999'999);
    EXPECT_EQ(clock.text(), "2000-02-29T00:00:00.007Z");
    clock.set(1'735'689'599 * kSecond + 999'000'000);
    EXPECT_EQ(clock.text(), "2024-12-31T23:59:59.999Z");
    clock.set(1'735'689'600 * kSecond);
    EXPECT_EQ(clock.text(), "2025-01-01T00:00:00.000Z");
    clock.set(4'107'542'399 * kSecond);
    EXPECT_EQ(clock.text(), "2100-02-28T23:59:59.000Z");
    clock.set(4'107'542'400 * kSecond);
    EXPECT_EQ(clock.text(), "2100-03-01T00:00:00.000Z") << "2100 has no 29 February";
    EXPECT_EQ(clock.second(), 4'107'542'400);
}

TEST(LogSite, HoldsRepeatsBackAndOwnsUpLater) {
    LogSite site(LogLevel::info, "net", "again");
    uint64_t suppressed = 99;
    for (uint32_t i = 0; i < LogSite::kLinesPerSecond; ++i) {
        EXPECT_TRUE(site.admit(100, suppressed));
        EXPECT_EQ(suppressed, 0U);
    }
    // A site that held something back stays on the list for ever, so this one is left without.
    EXPECT_TRUE(site.admit(101, suppressed));
}

TEST(LogSite, MayHaveALimitOfItsOwn) {
    LogSite site(LogLevel::info, "net", "often", 100);
    uint64_t suppressed = 0;
    for (int i = 0; i < 100; ++i) {
        EXPECT_TRUE(site.admit(100, suppressed)) << i;
    }
}

TEST(LogSite, TellsTheNumberWithTheNextLineOrToTheWriter) {
    static constinit LogSite site(LogLevel::info, "net", "much");
    uint64_t suppressed = 0;
    for (uint32_t i = 0; i < LogSite::kLinesPerSecond + 5; ++i) {
        EXPECT_EQ(site.admit(100, suppressed), i < LogSite::kLinesPerSecond);
    }
    EXPECT_TRUE(LogSite::has_suppressed());
    EXPECT_TRUE(site.admit(101, suppressed));
    EXPECT_EQ(suppressed, 5U);
    EXPECT_TRUE(site.admit(101, suppressed));
    EXPECT_EQ(suppressed, 0U);
    EXPECT_FALSE(LogSite::has_suppressed());

    for (uint32_t i = 0; i < LogSite::kLinesPerSecond + 3; ++i) {
        static_cast<void>(site.admit(102, suppressed));
    }
    std::vector<std::pair<int64_t, uint64_t>> taken;
    const auto take = [](void* context, const LogSite& of, int64_t second, uint64_t count) {
        EXPECT_EQ(&of, &site);
        static_cast<decltype(taken)*>(context)->emplace_back(second, count);
    };
    LogSite::collect_suppressed(false, take, &taken);
    EXPECT_TRUE(taken.empty()) << "it may still speak for itself";
    LogSite::collect_suppressed(false, take, &taken);
    EXPECT_EQ(taken, (std::vector<std::pair<int64_t, uint64_t>>{{102, 3}}));
    LogSite::collect_suppressed(true, take, &taken);
    EXPECT_EQ(taken.size(), 1U);
}

TEST(Log, EvaluatesNothingBelowItsLevel) {
    int evaluations = 0;
    const auto count = [&evaluations] { return ++evaluations; };
    set_log_level(LogLevel::warning);
    SLUICE_LOG(debug, "net", "not this", {"n", count()});
    SLUICE_LOG(info, "net", "nor this", {"n", count()});
    EXPECT_EQ(evaluations, 0);
    SLUICE_LOG(warning, "net", "this, though nobody listens", {"n", count()});
    EXPECT_EQ(evaluations, 1);
    set_log_level(LogLevel::info);
}

TEST(LogLevels, AreOfARoomEach) {
    LogLevels levels;
    levels.fill(LogLevel::error);
    levels[LogRoom("net").index()] = LogLevel::debug;
    set_log_levels(levels);
    EXPECT_TRUE(log_is_on(LogLevel::debug)) << "some room logs there";
    EXPECT_TRUE(log_is_on("net", LogLevel::debug));
    EXPECT_FALSE(log_is_on("health", LogLevel::warning));
    EXPECT_TRUE(log_is_on("health", LogLevel::error));
    EXPECT_EQ(log_level_of("net"), LogLevel::debug);
    levels.fill(LogLevel::warning);
    set_log_levels(levels);
    EXPECT_FALSE(log_is_on(LogLevel::info)) << "no room does any more";
    set_log_level(LogLevel::info);
    EXPECT_TRUE(log_is_on(LogLevel::info));
    EXPECT_FALSE(log_is_on(LogLevel::debug));
}

TEST(LogLevels, KnowRoomsAndLevelsByName) {
    for (size_t i = 0; i < kLogRooms.size(); ++i) {
        EXPECT_EQ(LogRoom::find(kLogRooms[i])->index(), i);
        EXPECT_EQ(LogRoom::at(i).name(), kLogRooms[i]);
    }
    EXPECT_TRUE(std::ranges::is_sorted(kLogRooms));
    EXPECT_FALSE(LogRoom::find("").has_value());
    EXPECT_FALSE(LogRoom::find("ne").has_value());
    EXPECT_EQ(parse_log_level("warning"), LogLevel::warning);
    EXPECT_FALSE(parse_log_level("warn").has_value());
    EXPECT_EQ(log_level_name(LogLevel::error), "error");
}

}  // namespace
}  // namespace sluice
