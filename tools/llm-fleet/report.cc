// One table and one JSON object.
#include "llm-fleet/report.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "json/writer.h"
#include "llm-fleet/measures.h"
#include "llm-fleet/options.h"
#include "llm-fleet/run_options.h"
#include "llm-fleet/trace.h"

namespace sluice::llm_fleet {

namespace {

std::string cache_text(uint64_t tokens) {
    return tokens == kCacheUnbounded ? std::string("unbounded") : fmt::format("{}", tokens);
}

std::string share_range(const std::vector<double>& shares) {
    const auto [least, most] = std::ranges::minmax(shares);
    return fmt::format("{:.1f}-{:.1f}", 100 * least, 100 * most);
}

void append_row(std::string& text, const Measures& run, const Summary& s) {
    fmt::format_to(
        std::back_inserter(text),
        "{:<18}{:>7.2f}{:>7.2f}{:>7.2f}{:>8.2f}{:>8.2f}{:>8.2f}{:>8.1f}{:>8.1f}{:>7.1f}{:>6.1f}"
        "{:>7.2f}{:>12}{:>7}{:>5}{:>5}{:>7.2f}\n",
        run.strategy, s.first_token_s.mean, s.first_token_s.p50, s.first_token_s.p90,
        s.first_token_s.p99, s.whole_s.mean, s.whole_s.p99, s.per_token_ms.mean,
        100 * s.goodput_share, 100 * s.hit_share, 100 * s.prediction_error, s.imbalance,
        share_range(s.uncached_share), s.errors, run.guards.breaker_openings, run.guards.ejections,
        run.wall_s);
}

void write_spread(json::Writer& writer, std::string_view key, const Spread& spread) {
    writer.key(key).begin_object();
    writer.key("mean").number(spread.mean);
    writer.key("p50").number(spread.p50);
    writer.key("p90").number(spread.p90);
    writer.key("p99").number(spread.p99);
    writer.key("max").number(spread.max).end_object();
}

void write_shares(json::Writer& writer, std::string_view key, const std::vector<double>& shares) {
    writer.key(key).begin_array();
    for (const double share : shares) {
        writer.number(share);
    }
    writer.end_array();
}

void write_run(json::Writer& writer, const Measures& run, const Summary& s) {
    writer.begin_object();
    writer.key("strategy").string(run.strategy);
    writer.key("requests").unsigned_integer(s.requests);
    writer.key("answered").unsigned_integer(s.answered);
    writer.key("errors").unsigned_integer(s.errors);
    writer.key("left").unsigned_integer(s.left);
    writer.key("retries").unsigned_integer(s.retries);
    writer.key("length_s").number(run.length.as_seconds());
    write_spread(writer, "ttft_s", s.first_token_s);
    write_spread(writer, "e2e_s", s.whole_s);
    write_spread(writer, "itl_ms", s.per_token_ms);
    writer.key("goodput_per_s").number(s.goodput_per_s);
    writer.key("goodput_share").number(s.goodput_share);
    writer.key("hit_share").number(s.hit_share);
    writer.key("predicted_hit_share").number(s.predicted_hit_share);
    writer.key("prediction_error").number(s.prediction_error);
    writer.key("imbalance").number(s.imbalance);
    write_shares(writer, "request_share", s.request_share);
    write_shares(writer, "uncached_share", s.uncached_share);
    writer.key("breaker_openings").unsigned_integer(run.guards.breaker_openings);
    writer.key("ejections").unsigned_integer(run.guards.ejections);
    writer.key("probes").unsigned_integer(run.guards.probes);
    writer.key("preemptions").unsigned_integer(run.preemptions);
    writer.key("ledger_rest").unsigned_integer(run.ledger_rest);
    writer.key("wall_s").number(run.wall_s).end_object();
}

}  // namespace

double prefill_load(const RunOptions& options, const Trace& trace) {
    const double seconds = std::max(trace.length().as_seconds(), 1e-9) / options.speed;
    return static_cast<double>(trace.input_tokens()) / seconds /
           (options.engine.prefill_tokens_per_s * options.workers);
}

std::string human_report(const ReplayOptions& options,
                         const Trace& trace,
                         std::span<const Measures> runs) {
    const RunOptions& run = options.run;
    std::string text = fmt::format(
        "{}: {} requests in {:.0f} s at {}x, {:.0f} input and {:.0f} output tokens in the mean\n"
        "{} workers, engine {}, cache {} tokens each; prompts are {:.0f} % of what they can "
        "compute\n"
        "{} shard(s){}, seed {}\n\n",
        trace.name, trace.rows.size(), trace.length().as_seconds(), run.speed,
        static_cast<double>(trace.input_tokens()) / static_cast<double>(trace.rows.size()),
        static_cast<double>(trace.output_tokens()) / static_cast<double>(trace.rows.size()),
        run.workers, kEngineNames[static_cast<size_t>(run.engine.kind)],
        cache_text(run.engine.cache_tokens), 100 * prefill_load(run, trace), run.shards,
        run.has_private_ledgers ? ", each with a ledger of its own" : "", run.seed);
    fmt::format_to(std::back_inserter(text),
                   "{:<18}{:>29}{:>16}{:>8}{:>8}{:>7}{:>6}{:>7}{:>12}{:>7}{:>5}{:>5}{:>7}\n"
                   "{:<18}{:>7}{:>7}{:>7}{:>8}{:>8}{:>8}{:>8}{:>8}{:>7}{:>6}{:>7}{:>12}{:>7}{:>5}"
                   "{:>5}{:>7}\n",
                   "", "time to first token, s", "whole, s", "token", "good", "hit", "miss", "CoV",
                   "computed", "", "open", "ejec", "wall", "strategy", "mean", "p50", "p90", "p99",
                   "mean", "p99", "ms", "%", "%", "pred.", "load", "% each", "errors", "ed", "ted",
                   "s");
    for (const Measures& measures : runs) {
        append_row(text, measures, summarize(measures, options.goals));
    }
    return text;
}

std::string json_report(const ReplayOptions& options,
                        const Trace& trace,
                        std::span<const Measures> runs) {
    const RunOptions& run = options.run;
    std::string text;
    json::StringText output(text);
    json::Writer writer(output);
    writer.begin_object();
    writer.key("trace").string(trace.name);
    writer.key("rows").unsigned_integer(trace.rows.size());
    writer.key("speed").number(run.speed);
    writer.key("workers").unsigned_integer(run.workers);
    writer.key("engine").string(kEngineNames[static_cast<size_t>(run.engine.kind)]);
    writer.key("cache_tokens");
    if (run.engine.cache_tokens == kCacheUnbounded) {
        writer.null();
    } else {
        writer.unsigned_integer(run.engine.cache_tokens);
    }
    writer.key("shards").unsigned_integer(run.shards);
    writer.key("private_ledgers").boolean(run.has_private_ledgers);
    writer.key("seed").unsigned_integer(run.seed);
    writer.key("prefill_load").number(prefill_load(run, trace));
    writer.key("runs").begin_array();
    for (const Measures& measures : runs) {
        write_run(writer, measures, summarize(measures, options.goals));
    }
    writer.end_array().end_object();
    output.finish();
    return text + '\n';
}

}  // namespace sluice::llm_fleet
