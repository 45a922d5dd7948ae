// `sluice top`: two looks at a gateway become figures, and figures a picture that fits.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/top_command.h"
#include "server/top_facts.h"
#include "server/top_view.h"

namespace sluice::server {

namespace {

using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

// A gateway that has served `n` times what it had after its first hundred seconds.
TopLook look(int n) {
    const std::string status =
        fmt::format(R"({{"version":"0.1.0","uptime_seconds":{0},"draining":false,"shards":[)"
                    R"({{"index":0,"responds":true,"connections":10,"exchanges":6}},)"
                    R"({{"index":1,"responds":false,"connections":0,"exchanges":2}}]}})",
                    100 * n);
    const auto served = [n](int requests, int failures, int tokens) {
        return fmt::format(R"("requests":{},"failures":{},"tokens":{{"prompt":9,"completion":{}}})",
                           requests * n, failures * n, tokens * n);
    };
    const std::string stats = fmt::format(
        R"({{"uptime_seconds":{},"in_flight":8,{},"routes":[{{"route":"/v1/a",{}}},)"
        R"({{"route":"/v1/b",{}}}],"models":[{{"model":"m","requests":{},)"
        R"("tokens":{{"prompt":1,"completion":0}}}}],)"
        R"("upstreams":[{{"upstream":"gpu","requests":0}}]}})",
        100 * n, served(1000, 10, 50000), served(900, 0, 45000), served(100, 10, 5000), 100 * n);
    // Up to 100 ms, up to 200 ms, and above all bounds.
    const std::string times = fmt::format(
        R"({{"count":1,"buckets":[{{"above_seconds":0,"up_to_seconds":0.1,"count":{0}}},)"
        R"({{"above_seconds":0.1,"up_to_seconds":0.2,"count":{0}}},)"
        R"({{"above_seconds":600,"up_to_seconds":null,"count":{1}}}]}})",
        100 * n, 50);
    const std::string histograms =
        fmt::format(R"({{"time_to_first_token":{0},"upstreams":[)"
                    R"({{"upstream":"gpu","time_to_first_token":{0}}}]}})",
                    times);
    const std::string targets = fmt::format(
        R"({{"pools":[{{"name":"chat","targets":[)"
        R"({{"name":"gpu/m\u001b[2J","llm":"gpu","state":"ok",)"
        R"("breaker":{{"state":"closed"}},"in_flight":{{"requests":7}},"totals":{{"selected":{0},)"
        R"("successes":{0},"faults":0,"pushbacks":0}}}},{{"name":"far","llm":"far","state":"open",)"
        R"("breaker":{{"state":"open"}},"in_flight":{{"requests":0}},"totals":{{"selected":{1},)"
        R"("successes":0,"faults":{1},"pushbacks":0}}}}]}}]}})",
        900 * n, 100 * n);
    const auto read = read_top_look(
        {.status = status, .stats = stats, .histograms = histograms, .targets = targets});
    EXPECT_TRUE(read) << read.error();
    return read.value_or(TopLook());
}

TopFigures figures_of_a_period() {
    const TopLook before = look(1);
    return top_figures(&before, look(2));
}

TEST(TopFigures, AreThoseOfThePeriod) {
    const TopFigures figures = figures_of_a_period();
    EXPECT_FALSE(figures.is_since_start);
    EXPECT_EQ(figures.period_s, 100);
    EXPECT_EQ(figures.all.requests_per_s, 10);
    EXPECT_EQ(figures.all.tokens_per_s, 500);
    EXPECT_EQ(figures.all.error_share, 0.01);
    EXPECT_EQ(figures.imbalance, 1.5);
    EXPECT_EQ(figures.in_flight, 8U);
    // The slow ones were there before.
    EXPECT_EQ(figures.all.first_token_p50_ms, 100);
    EXPECT_NEAR(*figures.first_token_p90_ms, 180, 1e-9);
    EXPECT_NEAR(*figures.all.first_token_p99_ms, 198, 1e-9);
    ASSERT_EQ(figures.targets.size(), 2U);
    EXPECT_EQ(figures.targets[1].error_share, 1);
    EXPECT_EQ(figures.targets[1].requests_per_s, 1);
    EXPECT_FALSE(figures.targets[1].first_token_p50_ms.has_value()) << "nothing is known of it";
    EXPECT_EQ(figures.targets[0].first_token_p50_ms, 100);
}

TEST(TopFigures, BeginWithThoseSinceTheStart) {
    const TopFigures figures = top_figures(nullptr, look(1));
    EXPECT_TRUE(figures.is_since_start);
    EXPECT_EQ(figures.period_s, 100);
    EXPECT_EQ(figures.all.requests_per_s, 10);
    EXPECT_EQ(figures.all.first_token_p99_ms, 600'000) << "above all bounds: at least the last";
}

TEST(TopFigures, BeginAnewWithTheGateway) {
    const TopLook before = look(2);
    const TopFigures figures = top_figures(&before, look(1));
    EXPECT_TRUE(figures.is_since_start);
    EXPECT_EQ(figures.all.requests_per_s, 10);
}

TEST(TopFigures, OfNothingAreNone) {
    const TopLook same = look(1);
    const TopFigures figures = top_figures(&same, same);
    EXPECT_EQ(figures.all.requests_per_s, 0);
    EXPECT_FALSE(figures.all.error_share.has_value());
    EXPECT_FALSE(figures.all.first_token_p50_ms.has_value());
    EXPECT_FALSE(top_figures(nullptr, TopLook()).imbalance.has_value());
}

TEST(TopFigures, SayWhatIsWrongWithAnswers) {
    constexpr std::string_view kStatus = R"({"shards":[]})";
    constexpr std::string_view kStats = R"({"routes":[]})";
    constexpr std::string_view kTimes = R"({"time_to_first_token":{}})";
    constexpr std::string_view kTargets = R"({"pools":[]})";
    const auto problem = [](const TopAnswers& answers) {
        const auto read = read_top_look(answers);
        return read ? "" : read.error();
    };
    EXPECT_EQ(problem({"", kStats, kTimes, kTargets}), "the answer is no status");
    EXPECT_EQ(problem({kStatus, "[]", kTimes, kTargets}), "the answer is no list of figures");
    EXPECT_EQ(problem({kStatus, kStats, kStats, kTargets}), "the answer has no histograms");
    EXPECT_EQ(problem({kStatus, kStats, kTimes, "{}"}), "the answer is no list of targets");
    EXPECT_EQ(problem({kStatus, kStats, kTimes, kTargets}), "");
}

std::vector<std::string> names(const std::vector<TopRow>& rows) {
    std::vector<std::string> found;
    found.reserve(rows.size());
    for (const TopRow& row : rows) {
        found.push_back(row.name);
    }
    return found;
}

TEST(TopFigures, AreSortedByAnyColumn) {
    TopFigures figures = figures_of_a_period();
    const auto routes = [&figures](TopSort sort) {
        sort_top(figures, sort);
        return names(figures.routes);
    };
    EXPECT_THAT(routes(TopSort::errors), ElementsAre("/v1/b", "/v1/a"));
    EXPECT_THAT(routes(TopSort::requests), ElementsAre("/v1/a", "/v1/b"));
    EXPECT_THAT(names(figures.targets), ElementsAre("gpu/m?[2J", "far"));
    EXPECT_THAT(routes(TopSort::first_token), ElementsAre("/v1/a", "/v1/b")) << "by name";
    sort_top(figures, TopSort::name);
    EXPECT_THAT(names(figures.targets), ElementsAre("far", "gpu/m?[2J"));
    sort_top(figures, TopSort::in_flight);
    EXPECT_THAT(names(figures.targets), ElementsAre("gpu/m?[2J", "far"));
}

TopRow row_of(std::string name) {
    TopRow row;
    row.name = std::move(name);
    return row;
}

TEST(TopView, IsThisPicture) {
    TopFigures figures = figures_of_a_period();
    sort_top(figures, TopSort::name);
    EXPECT_THAT(
        top_lines(figures, {}),
        ElementsAre(
            "sluice 0.1.0  up 00:03:20  last 100.0 s",
            "8 open  10.0 req/s  500.0 tok/s  errors 1.0 %  ttft p50 100.0 p90 180.0 p99 198.0 ms",
            "shard 0: 6/10, shard 1: no answer  (exchanges/connections), imbalance 1.50", "",
            "route           req/s    tok/s  err %", "/v1/a             9.0    450.0    0.0",
            "/v1/b             1.0     50.0   10.0", "", "model           req/s    tok/s",
            "m                 1.0      0.0", "",
            "upstream        req/s    tok/s  err %  ttft p50   p99 ms",
            "gpu               0.0      0.0      -     100.0    198.0", "",
            "target               state    breaker  flight    req/s  err %  ttft p50   p99 ms",
            "chat/far              open       open       0      1.0  100.0         -        -",
            "chat/gpu/m?[2J          ok     closed       7      9.0    0.0     100.0    198.0"));
}

TEST(TopView, FitsTheTerminal) {
    TopFigures figures = figures_of_a_period();
    figures.routes.clear();
    for (int i = 0; i < 30; ++i) {
        figures.routes.push_back(row_of(fmt::format("/v1/a/very/long/path/of/route/{}", i)));
    }
    TopView view;
    view.has_keys = true;
    for (const size_t columns : {1U, 20U, 40U, 80U, 200U}) {
        for (const size_t lines : {1U, 4U, 10U, 24U, 60U}) {
            view.columns = columns;
            view.lines = lines;
            const std::vector<std::string> picture = top_lines(figures, view);
            EXPECT_LE(picture.size(), lines);
            EXPECT_THAT(picture, Each(SizeIs(testing::Le(columns))));
        }
    }
    view.columns = 50;
    view.lines = 24;
    const std::vector<std::string> picture = top_lines(figures, view);
    EXPECT_THAT(picture, SizeIs(24)) << "no line is wasted";
    EXPECT_THAT(picture, Contains("/v1/a/very/long/path/of/~      0.0      0.0      -"));
    EXPECT_THAT(picture, Contains(StartsWith("chat/far"))) << "small tables are whole";
    EXPECT_THAT(picture, Contains("... 23 more"));
    EXPECT_EQ(picture.back(), "sorted by name; s: next, q: end, h: help");
}

TEST(TopView, CountsCharactersAndNotBytes) {
    TopFigures figures;
    figures.routes = {row_of("/v1/\u00e4\u00f6\u00fc\u00e4\u00f6\u00fc\u00e4\u00f6\u00fc")};
    TopView view;
    view.columns = 37;
    EXPECT_THAT(
        top_lines(figures, view),
        Contains("/v1/\u00e4\u00f6\u00fc\u00e4\u00f6\u00fc\u00e4~      0.0      0.0      -"));
}

TEST(TopView, HasColoursWhereTheyAreWanted) {
    TopFigures figures = figures_of_a_period();
    const auto picture = [&figures](bool has_colours) {
        TopView view;
        view.has_colours = has_colours;
        return fmt::format("{}", fmt::join(top_lines(figures, view), "\n"));
    };
    EXPECT_THAT(picture(false), Not(HasSubstr("\x1b")));
    EXPECT_THAT(picture(true), HasSubstr("\x1b[31m   10.0\x1b[0m"));
    EXPECT_THAT(picture(true), HasSubstr("errors \x1b[33m1.0 %\x1b[0m"));
    EXPECT_THAT(picture(true), HasSubstr("\x1b[31m        open\x1b[0m"));
    EXPECT_THAT(picture(true), HasSubstr("\x1b[32m          ok\x1b[0m"));
}

TEST(TopView, ExplainsItself) {
    TopView view;
    view.has_keys = true;
    view.shows_help = true;
    view.problem = "it is gone";
    const std::vector<std::string> picture = top_lines(figures_of_a_period(), view);
    EXPECT_EQ(picture.at(1), "no answer: it is gone");
    EXPECT_THAT(picture, Contains("       n name, r requests, e errors, t ttft, f flight"));
    EXPECT_THAT(picture, Not(Contains(StartsWith("chat/"))));
}

TEST(TopView, IsJsonAsWell) {
    TopFigures figures = figures_of_a_period();
    figures.upstreams.clear();
    figures.models.clear();
    figures.first_token_p90_ms = 180.5;
    figures.routes.pop_back();
    figures.targets.pop_back();
    EXPECT_EQ(
        top_json(figures),
        R"({"version":"0.1.0","draining":false,"uptime_seconds":200,"period_seconds":100,)"
        R"("in_flight":8,"tokens_per_second":500,"requests_per_second":10,"error_rate":0.01,)"
        R"("time_to_first_token_p50_ms":100,"time_to_first_token_p90_ms":180.5,)"
        R"("time_to_first_token_p99_ms":198,"imbalance":1.5,"shards":[{"index":0,"responds":true,)"
        R"("exchanges":6,"connections":10},{"index":1,"responds":false,"exchanges":2,)"
        R"("connections":0}],"routes":[{"route":"/v1/a","requests_per_second":9,"error_rate":0,)"
        R"("tokens_per_second":450}],"models":[],"upstreams":[],"targets":[{"pool":"chat",)"
        R"("target":"gpu/m?[2J","state":"ok","breaker":"closed","in_flight":7,)"
        R"("requests_per_second":9,"error_rate":0,"time_to_first_token_p50_ms":100,)"
        R"("time_to_first_token_p99_ms":198}]})");
}

std::string problem_of(const std::vector<std::string>& words) {
    const auto request = parse_top(words);
    return request ? "" : request.error();
}

TEST(TopCommand, ReadsItsWords) {
    const auto request = parse_top(
        std::vector<std::string>{"--interval", "0.25", "--sort=ttft", "--once", "--json"});
    ASSERT_TRUE(request);
    EXPECT_EQ(request->interval, Duration::milliseconds(250));
    EXPECT_EQ(request->sort, TopSort::first_token);
    EXPECT_TRUE(request->once && request->client.json);
    for (const std::string wrong : {"", "0", "0.09", "3601", "-1", "1s", "nan", "inf"}) {
        EXPECT_EQ(problem_of({"--interval=" + wrong}),
                  "top: --interval: expected seconds from 0.1 to 3600")
            << wrong;
    }
    EXPECT_EQ(problem_of({"--sort", "eror"}),
              "top: --sort: expected one of name, requests, errors, ttft, flight");
    EXPECT_THAT(problem_of({"--sort", "error"}), EndsWith("; did you mean \"errors\"?"));
    EXPECT_EQ(problem_of({"chat"}), "top: unexpected argument \"chat\"");
}

}  // namespace

}  // namespace sluice::server
