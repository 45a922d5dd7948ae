// What `sluice top` shows, as numbers: two looks at the admin API, and what happened in between.
//
// A look is what four endpoints answered (TopLook). Counts in it are since the start of the
// gateway; the figures of a period are made of the difference of two looks, percentiles too, by the
// gateway's own clock. Pure.
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::server {

// A histogram: how many values lie above the key and not above `up_to_s`.
struct TopBucket {
    double up_to_s = 0;
    uint64_t count = 0;
};
using TopTimes = std::map<double, TopBucket>;

// What was served in all, by one route, model or upstream.
struct TopServed {
    uint64_t requests = 0;
    uint64_t failures = 0;
    uint64_t completion_tokens = 0;
};

struct TopShard {
    bool responds = false;
    uint64_t connections = 0;
    uint64_t exchanges = 0;
};

struct TopTarget {
    std::string pool;
    std::string name;
    std::string upstream;  // By which its times are known.
    std::string state;
    std::string breaker;
    uint64_t in_flight = 0;
    uint64_t selected = 0;
    uint64_t judged = 0;  // Attempts that said something of the target.
    uint64_t faults = 0;  // Of these, the bad ones.
};

struct TopLook {
    std::string version;
    bool is_draining = false;
    double uptime_s = 0;
    uint64_t in_flight = 0;
    std::vector<TopShard> shards;
    TopServed all;
    std::map<std::string, TopServed> routes;
    std::map<std::string, TopServed> models;
    std::map<std::string, TopServed> upstreams;
    TopTimes first_token;
    std::map<std::string, TopTimes> first_token_of;  // By upstream.
    std::vector<TopTarget> targets;
};

// The bodies of the four answers.
struct TopAnswers {
    std::string_view status;
    std::string_view stats;
    std::string_view histograms;
    std::string_view targets;
};

// The error is what is wrong with them.
std::expected<TopLook, std::string> read_top_look(const TopAnswers& answers);

// Absent where nothing happened that it could be made of.
using Figure = std::optional<double>;

struct TopRow {
    std::string name;
    std::string pool;  // Of a target, as are the next two.
    std::string state;
    std::string breaker;
    std::optional<uint64_t> in_flight;
    double requests_per_s = 0;
    double tokens_per_s = 0;
    Figure error_share;
    Figure first_token_p50_ms;
    Figure first_token_p99_ms;
};

struct TopFigures {
    std::string version;
    bool is_draining = false;
    double uptime_s = 0;
    double period_s = 0;
    bool is_since_start = false;
    std::vector<TopShard> shards;
    Figure imbalance;  // The fullest shard over the mean of all, by exchanges; 1 is even.
    uint64_t in_flight = 0;
    TopRow all;
    Figure first_token_p90_ms;
    std::vector<TopRow> routes;
    std::vector<TopRow> models;
    std::vector<TopRow> upstreams;
    std::vector<TopRow> targets;
};

// Without an earlier look, or when the gateway has started anew since: since its start.
TopFigures top_figures(const TopLook* before, const TopLook& now);

// The value that a share `quantile` of what `now` has beyond `before` does not exceed.
Figure quantile_ms(const TopTimes& before, const TopTimes& now, double quantile);

enum class TopSort : uint8_t { name, requests, errors, first_token, in_flight };
inline constexpr std::pair<std::string_view, char> kTopSorts[] = {
    {"name", 'n'}, {"requests", 'r'}, {"errors", 'e'}, {"ttft", 't'}, {"flight", 'f'}};
// All tables; the largest first, and by name among equals.
void sort_top(TopFigures& figures, TopSort sort);

}  // namespace sluice::server
