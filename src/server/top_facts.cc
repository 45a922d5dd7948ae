// JSON into looks, looks into figures.
#include "server/top_facts.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "base/arena.h"
#include "base/error.h"
#include "json/tree.h"
#include "server/text_table.h"

namespace sluice::server {

namespace {

constexpr double kMsPerSecond = 1'000;

uint64_t count_of(const json::Value& value) {
    const int64_t number = value.integer().value_or(0);
    return number > 0 ? static_cast<uint64_t>(number) : 0;
}

TopServed served_of(const json::Value& value) {
    return {.requests = count_of(value["requests"]),
            .failures = count_of(value["failures"]),
            .completion_tokens = count_of(value["tokens"]["completion"])};
}

TopTimes times_of(const json::Value& histogram) {
    TopTimes times;
    for (const json::Value& bucket : histogram["buckets"]) {
        const double above_s = bucket["above_seconds"].number().value_or(0);
        times[above_s] = {.up_to_s = bucket["up_to_seconds"].number().value_or(above_s),
                          .count = count_of(bucket["count"])};
    }
    return times;
}

void read_shards(const json::Value& status, TopLook& look) {
    for (const json::Value& shard : status["shards"]) {
        look.shards.push_back({.responds = shard["responds"].is_true(),
                               .connections = count_of(shard["connections"]),
                               .exchanges = count_of(shard["exchanges"])});
    }
}

void read_targets(const json::Value& answer, TopLook& look, Arena& arena) {
    for (const json::Value& pool : answer["pools"]) {
        for (const json::Value& target : pool["targets"]) {
            const json::Value& totals = target["totals"];
            const uint64_t faults = count_of(totals["faults"]) + count_of(totals["pushbacks"]);
            look.targets.push_back({.pool = shown_text(pool["name"], arena),
                                    .name = shown_text(target["name"], arena),
                                    .upstream = shown_text(target["llm"], arena),
                                    .state = shown_text(target["state"], arena),
                                    .breaker = shown_text(target["breaker"]["state"], arena),
                                    .in_flight = count_of(target["in_flight"]["requests"]),
                                    .selected = count_of(totals["selected"]),
                                    .judged = faults + count_of(totals["successes"]),
                                    .faults = faults});
        }
    }
}

uint64_t grown(uint64_t before, uint64_t now) {
    return now > before ? now - before : 0;
}

Figure share_of(uint64_t part, uint64_t whole) {
    return whole == 0 ? Figure() : Figure(static_cast<double>(part) / static_cast<double>(whole));
}

// Makes rows of the difference between two looks.
class Difference {
public:
    Difference(const TopLook& before, const TopLook& now)
        : before_(before), now_(now), period_s_(now.uptime_s - before.uptime_s) {}

    double period_s() const { return period_s_; }

    TopRow row(const std::string& name, const TopServed& before, const TopServed& now) const {
        const uint64_t requests = grown(before.requests, now.requests);
        TopRow row;
        row.name = name;
        row.requests_per_s = rate(requests);
        row.tokens_per_s = rate(grown(before.completion_tokens, now.completion_tokens));
        row.error_share = share_of(grown(before.failures, now.failures), requests);
        return row;
    }

    std::vector<TopRow> rows(const std::map<std::string, TopServed>& before,
                             const std::map<std::string, TopServed>& now) const {
        std::vector<TopRow> rows;
        for (const auto& [name, served] : now) {
            const auto found = before.find(name);
            rows.push_back(row(name, found == before.end() ? TopServed() : found->second, served));
        }
        return rows;
    }

    void add_times(const std::string& upstream, TopRow& row) const {
        const auto now = now_.first_token_of.find(upstream);
        if (now == now_.first_token_of.end()) {
            return;
        }
        const auto before = before_.first_token_of.find(upstream);
        const TopTimes none;
        const TopTimes& earlier = before == before_.first_token_of.end() ? none : before->second;
        row.first_token_p50_ms = quantile_ms(earlier, now->second, 0.5);
        row.first_token_p99_ms = quantile_ms(earlier, now->second, 0.99);
    }

    std::vector<TopRow> targets() const {
        using PoolAndName = std::pair<std::string_view, std::string_view>;
        std::map<PoolAndName, const TopTarget*> known;
        for (const TopTarget& target : before_.targets) {
            known.emplace(PoolAndName(target.pool, target.name), &target);
        }
        std::vector<TopRow> rows;
        for (const TopTarget& target : now_.targets) {
            const auto found = known.find(PoolAndName(target.pool, target.name));
            const TopTarget before = found == known.end() ? TopTarget() : *found->second;
            TopRow row;
            row.name = target.name;
            row.pool = target.pool;
            row.state = target.state;
            row.breaker = target.breaker;
            row.in_flight = target.in_flight;
            row.requests_per_s = rate(grown(before.selected, target.selected));
            row.error_share =
                share_of(grown(before.faults, target.faults), grown(before.judged, target.judged));
            add_times(target.upstream, row);
            rows.push_back(std::move(row));
        }
        return rows;
    }

private:
    double rate(uint64_t count) const {
        return period_s_ > 0 ? static_cast<double>(count) / period_s_ : 0;
    }

    const TopLook& before_;
    const TopLook& now_;
    const double period_s_;
};

Figure imbalance_of(const std::vector<TopShard>& shards) {
    uint64_t sum = 0;
    uint64_t most = 0;
    for (const TopShard& shard : shards) {
        sum += shard.exchanges;
        most = std::max(most, shard.exchanges);
    }
    return share_of(most * shards.size(), sum);
}

// Absent is less than all.
double sort_value(const TopRow& row, TopSort sort) {
    switch (sort) {
        case TopSort::name:
            return 0;
        case TopSort::requests:
            return row.requests_per_s;
        case TopSort::errors:
            return row.error_share.value_or(-1);
        case TopSort::first_token:
            return row.first_token_p50_ms.value_or(-1);
        case TopSort::in_flight:
            return row.in_flight ? static_cast<double>(*row.in_flight) : -1;
    }
    return 0;
}

}  // namespace

std::expected<TopLook, std::string> read_top_look(const TopAnswers& answers) {
    Arena arena;
    const auto status = json::Value::parse(answers.status, arena, ErrorSource::upstream);
    const auto stats = json::Value::parse(answers.stats, arena, ErrorSource::upstream);
    const auto histograms = json::Value::parse(answers.histograms, arena, ErrorSource::upstream);
    const auto targets = json::Value::parse(answers.targets, arena, ErrorSource::upstream);
    if (!status || !(**status)["shards"].is_array()) {
        return std::unexpected("the answer is no status");
    }
    if (!stats || !(**stats)["routes"].is_array()) {
        return std::unexpected("the answer is no list of figures");
    }
    if (!histograms || !(**histograms)["time_to_first_token"].is_object()) {
        return std::unexpected("the answer has no histograms");
    }
    if (!targets || !(**targets)["pools"].is_array()) {
        return std::unexpected("the answer is no list of targets");
    }
    TopLook look;
    look.version = shown_text((**status)["version"], arena);
    look.is_draining = (**status)["draining"].is_true();
    read_shards(**status, look);
    look.uptime_s = (**stats)["uptime_seconds"].number().value_or(0);
    look.in_flight = count_of((**stats)["in_flight"]);
    look.all = served_of(**stats);
    for (const json::Value& route : (**stats)["routes"]) {
        look.routes[shown_text(route["route"], arena)] = served_of(route);
    }
    for (const json::Value& model : (**stats)["models"]) {
        look.models[shown_text(model["model"], arena)] = served_of(model);
    }
    for (const json::Value& upstream : (**stats)["upstreams"]) {
        look.upstreams[shown_text(upstream["upstream"], arena)] = served_of(upstream);
    }
    look.first_token = times_of((**histograms)["time_to_first_token"]);
    for (const json::Value& upstream : (**histograms)["upstreams"]) {
        look.first_token_of[shown_text(upstream["upstream"], arena)] =
            times_of(upstream["time_to_first_token"]);
    }
    read_targets(**targets, look, arena);
    return look;
}

Figure quantile_ms(const TopTimes& before, const TopTimes& now, double quantile) {
    const auto added = [&before](double above_s, const TopBucket& bucket) {
        const auto found = before.find(above_s);
        return grown(found == before.end() ? 0 : found->second.count, bucket.count);
    };
    uint64_t total = 0;
    for (const auto& [above_s, bucket] : now) {
        total += added(above_s, bucket);
    }
    const double wanted = quantile * static_cast<double>(total);
    double below = 0;
    for (const auto& [above_s, bucket] : now) {
        const auto count = static_cast<double>(added(above_s, bucket));
        if (count > 0 && below + count >= wanted) {
            const double part = (wanted - below) / count;
            return kMsPerSecond * (above_s + part * (bucket.up_to_s - above_s));
        }
        below += count;
    }
    return std::nullopt;
}

TopFigures top_figures(const TopLook* before, const TopLook& now) {
    const TopLook start;
    const bool is_since_start = before == nullptr || before->uptime_s > now.uptime_s;
    const TopLook& earlier = is_since_start ? start : *before;
    const Difference difference(earlier, now);
    TopFigures figures;
    figures.version = now.version;
    figures.is_draining = now.is_draining;
    figures.uptime_s = now.uptime_s;
    figures.period_s = difference.period_s();
    figures.is_since_start = is_since_start;
    figures.shards = now.shards;
    figures.imbalance = imbalance_of(now.shards);
    figures.in_flight = now.in_flight;
    figures.all = difference.row("all", earlier.all, now.all);
    figures.all.first_token_p50_ms = quantile_ms(earlier.first_token, now.first_token, 0.5);
    figures.first_token_p90_ms = quantile_ms(earlier.first_token, now.first_token, 0.9);
    figures.all.first_token_p99_ms = quantile_ms(earlier.first_token, now.first_token, 0.99);
    figures.routes = difference.rows(earlier.routes, now.routes);
    figures.models = difference.rows(earlier.models, now.models);
    figures.upstreams = difference.rows(earlier.upstreams, now.upstreams);
    for (TopRow& row : figures.upstreams) {
        difference.add_times(row.name, row);
    }
    figures.targets = difference.targets();
    return figures;
}

void sort_top(TopFigures& figures, TopSort sort) {
    const auto is_before = [sort](const TopRow& a, const TopRow& b) {
        const double of_a = sort_value(a, sort);
        const double of_b = sort_value(b, sort);
        return of_a != of_b ? of_a > of_b : std::tie(a.pool, a.name) < std::tie(b.pool, b.name);
    };
    for (std::vector<TopRow>* rows :
         {&figures.routes, &figures.models, &figures.upstreams, &figures.targets}) {
        std::ranges::sort(*rows, is_before);
    }
}

}  // namespace sluice::server
