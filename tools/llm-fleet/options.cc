// The command line of `llm-fleet replay` and its manual page.
#include "llm-fleet/options.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/text.h"
#include "llm-fleet/engine.h"
#include "llm-fleet/fault.h"
#include "llm-fleet/made_trace.h"
#include "llm-fleet/run_options.h"
#include "llm-fleet/strategies.h"
#include "llm-kit/command_line.h"

namespace sluice::llm_fleet {

namespace {

using llm_kit::Bytes;
using llm_kit::Choice;
using llm_kit::CommandLine;
using llm_kit::Custom;

constexpr std::string_view kExamples =
    "    All strategies over one trace, with a picture:\n"
    "        llm-fleet replay --trace conversation_trace.jsonl --speed 1.5 --strategy all \\\n"
    "            --plot out.svg\n"
    "    One of eight workers is five times as slow as it should be:\n"
    "        llm-fleet replay --trace conversation_trace.jsonl --speed 1.3 \\\n"
    "            --fault worker=3,kind=slow,factor=5 --strategy latency_weighted\n"
    "    Prompts that share nothing, and a worker that joins after two minutes:\n"
    "        llm-fleet replay --trace made:cold,requests=3000,rate=8 \\\n"
    "            --fault worker=7,kind=join,from=120s\n";

constexpr std::string_view kExits =
    "        0         all runs are complete\n"
    "        1         a run is complete, but its ledger is not empty at the end: an error in the\n"
    "                  pool\n"
    "        2         the command line or a file is wrong\n";

std::string read_strategies(ReplayOptions& options, std::string_view text) {
    while (const std::optional<std::string_view> name = next_list_element(text)) {
        if (*name == "all") {
            options.strategies = all_strategies();
        } else if (is_strategy(*name)) {
            options.strategies.emplace_back(*name);
        } else {
            return fmt::format("\"{}\" is none of all, {}", *name,
                               fmt::join(all_strategies(), ", "));
        }
    }
    return {};
}

std::string read_cache(uint64_t& tokens, std::string_view text) {
    if (text == "inf") {
        tokens = kCacheUnbounded;
        return {};
    }
    return llm_kit::parse_bytes(text, tokens) && tokens > 0 ? "" : "a number of tokens, or inf";
}

void describe_load(CommandLine& line, ReplayOptions& options) {
    RunOptions& run = options.run;
    line.section("LOAD");
    line.option("--trace", "FILE", &options.trace,
                "Mooncake's JSON lines (.jsonl), Azure's table (.csv), or made:KIND with "
                "name=value behind it, separated by commas: requests, rate, arrivals (poisson, "
                "constant), input, output, prefix, hot, sessions, seed. Kinds:");
    line.lines(made_reference());
    line.option("--speed", "F", &run.speed, "So many times as fast as the trace says.");
    line.option("--rows", "N", &run.rows_max, "Only the first N rows.");
    line.option("--leave-fraction", "F", &run.leave_fraction,
                "Share of the clients that leave before their answer is complete.");
    line.option("--leave-after", "SECONDS", &run.leave_after, "When they do, in the mean.");
}

void describe_fleet(CommandLine& line, ReplayOptions& options) {
    RunOptions& run = options.run;
    line.section("FLEET");
    line.option("--workers", "N", &run.workers, "Servers, all alike.");
    line.option("--engine", "KIND",
                Choice{kEngineNames,
                       [&](size_t i) { run.engine.kind = static_cast<EngineKind>(i); }, "simple"},
                "simple: prompts one after the other, answers beside them. batching: steps over a "
                "batch, where prompts slow answers and memory runs out.");
    describe_engine(line, run.engine);
    line.option("--fault", "SPEC", Custom{[&](std::string_view text) {
                    Fault fault;
                    std::string wrong = read_fault(text, fault);
                    run.faults.push_back(fault);
                    return wrong;
                }},
                "May be given often: worker=N,kind=KIND,from=TIME,until=TIME with times like 90s "
                "or 5m after the beginning. Kinds:");
    line.lines(fault_reference(FaultUse::replayed));
}

void describe_gateway(CommandLine& line, ReplayOptions& options) {
    RunOptions& run = options.run;
    balance::PoolOptions& pool = run.pool;
    line.section("GATEWAY");
    line.option("--strategy", "NAMES",
                Custom{[&](std::string_view text) { return read_strategies(options, text); }},
                fmt::format("One or more, separated by commas, or all: {}. Default: "
                            "latency_weighted.",
                            fmt::join(all_strategies(), ", ")));
    line.option("--shards", "N", &run.shards, "Threads of the gateway, which share one pool.");
    line.option("--private-ledgers", "", &run.has_private_ledgers,
                "Each shard has a pool of its own, as gateways that do not know of each other.");
    line.option("--retries", "N", &run.retries, "After errors, each on another target.");
    line.option("--first-token-timeout", "SECONDS", &run.first_token_timeout,
                "Then the attempt is given up, and its target is to blame.");
    line.option("--silence-timeout", "SECONDS", &run.silence_timeout,
                "Likewise, inside an answer.");
    line.option("--expected-output", "N", &run.expected_output_tokens,
                "What the gateway thinks an answer will have.");
    line.option("--estimate-error", "F", &run.estimate_error,
                "How far its estimates of prompt lengths are off, at most: 0.2 is 20 %.");
    line.option("--believed-cache-tokens", "N", Bytes{&run.believed_cache_tokens},
                "What the gateway is told of the size of the caches, where that is not true.");
    line.option("--believed-prefill-rate", "N", &run.believed_prefill_tokens_per_s,
                "Likewise, of the tokens that a server reads in a second.");
    line.option("--no-cached-tokens", "", &run.hides_cached_tokens,
                "The servers do not say how much of a prompt they had.");
    line.option("--prefill-weight", "F", &pool.prefill_weight,
                "prefix_affinity: see docs/BALANCING.md.");
    line.option("--decode-s-per-stream", "F", &pool.decode_s_per_stream, "Likewise.");
    line.option("--slow-start-ms", "MS", &pool.slow_start_ms, "Likewise.");
    line.option("--latency-decay-ms", "MS", &pool.latency_decay_ms, "Likewise.");
    line.option("--waiting-max", "N", &pool.queue.waiting_max,
                "Requests that may wait for a target with room.");
    line.option("--hedge", "", &pool.hedge.enabled, "Asks a second target when one is late.");
    line.option("--seed", "N", &run.seed, "Of everything that is drawn.");
}

void describe_output(CommandLine& line, ReplayOptions& options) {
    line.section("OUTPUT");
    line.option("--slo-ttft-ms", "MS", &options.goals.first_token_max,
                "Goodput: the first token within this,");
    line.option("--slo-itl-ms", "MS", &options.goals.per_token_max,
                "and the others at most so far apart, in the mean.");
    line.option("--plot", "FILE", &options.plot_file, "Writes charts of all runs as SVG.");
    line.option("--json", "", &options.is_json, "Prints JSON in place of the table.");
    line.option("--quiet", "", &options.is_quiet, "No progress.");
    line.section("EXIT STATUS");
    line.lines(kExits);
    line.section("EXAMPLES");
    line.lines(kExamples);
}

}  // namespace

void describe_engine(CommandLine& line, EngineOptions& engine) {
    line.option("--cache-tokens", "N", Custom{[&](std::string_view text) {
                    return read_cache(engine.cache_tokens, text);
                }},
                "Of prompts that a server keeps, or inf; batching also works in it. Default: "
                "524288.");
    line.option("--prefill-rate", "N", &engine.prefill_tokens_per_s,
                "Tokens a second that are not in the cache.");
    line.option("--decode-ms", "MS", &engine.decode_ms, "Time of one output token,");
    line.option("--decode-ms-per-stream", "MS", &engine.decode_ms_per_stream,
                "and more for each stream under way.");
    line.option("--chunk-tokens", "N", &engine.chunk_tokens,
                "batching: tokens of a step, at most.");
    line.option("--running-max", "N", &engine.running_max, "batching: requests under way.");
    line.option("--block-tokens", "N", &engine.block_tokens,
                "batching: granularity of the cache, 1 to 512.");
}

CommandLine describe_replay(ReplayOptions& options) {
    CommandLine line("llm-fleet", "runs the gateway's balancing against simulated servers",
                     "replay --trace FILE [options]");
    line.section("DESCRIPTION");
    line.text(
        "Replays a trace of requests on a virtual clock. The pools, ledgers, breakers and "
        "strategies are the gateway's own; servers, clients and faults are models. An hour of "
        "traffic takes a few seconds, and the same command gives the same figures.");
    describe_load(line, options);
    describe_fleet(line, options);
    describe_gateway(line, options);
    describe_output(line, options);
    return line;
}

std::string check_engine(const EngineOptions& engine) {
    if (engine.prefill_tokens_per_s <= 0) {
        return "--prefill-rate must be above 0";
    }
    if (engine.block_tokens == 0 || engine.block_tokens > 512 || engine.chunk_tokens == 0 ||
        engine.running_max == 0) {
        return "--block-tokens must be 1 to 512, --chunk-tokens and --running-max at least 1";
    }
    return {};
}

std::string complete_replay(ReplayOptions& options) {
    const RunOptions& run = options.run;
    if (options.trace.empty()) {
        return "--trace is needed; --help explains";
    }
    if (options.strategies.empty()) {
        options.strategies.emplace_back("latency_weighted");
    }
    if (run.workers == 0 || run.workers > 4'096) {
        return "--workers must be 1 to 4096";
    }
    if (run.shards == 0 || run.shards > 1'024) {
        return "--shards must be 1 to 1024";
    }
    if (run.speed <= 0) {
        return "--speed must be above 0";
    }
    if (std::string wrong = check_engine(run.engine); !wrong.empty()) {
        return wrong;
    }
    if (run.estimate_error < 0 || run.estimate_error >= 1 || run.leave_fraction > 1) {
        return "--estimate-error must be below 1, --leave-fraction at most 1";
    }
    for (const Fault& fault : run.faults) {
        if (fault.worker >= run.workers) {
            return fmt::format(
                "--fault: there is no worker {}; the first is 0, and --workers is "
                "{}",
                fault.worker, run.workers);
        }
    }
    return {};
}

}  // namespace sluice::llm_fleet
