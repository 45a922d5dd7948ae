// llm-fleet: which command; for a replay the trace, one run for each strategy and the report; the
// exit status.
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "llm-fleet/made_trace.h"
#include "llm-fleet/measures.h"
#include "llm-fleet/options.h"
#include "llm-fleet/plot.h"
#include "llm-fleet/report.h"
#include "llm-fleet/serve.h"
#include "llm-fleet/serve_options.h"
#include "llm-fleet/simulation.h"
#include "llm-fleet/trace.h"
#include "llm-kit/command_line.h"

namespace sluice::llm_fleet {
namespace {

constexpr int kExitLedger = 1;
constexpr int kExitUsage = 2;
constexpr std::string_view kReplay = "replay";
constexpr std::string_view kServe = "serve";
constexpr std::string_view kMadePrefix = "made:";
// A run that takes longer than this says how far it is, this often.
constexpr double kProgressEveryS = 1;

int complain(std::string_view text) {
    std::fputs(fmt::format("llm-fleet: {}\n", text).c_str(), stderr);
    return kExitUsage;
}

class Stopwatch {
public:
    double seconds() const {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
    }

private:
    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

// What is wrong, or nothing.
std::string load_trace(const std::string& name, Trace& trace) {
    if (!name.starts_with(kMadePrefix)) {
        return read_trace(name, trace);
    }
    MadeOptions made;
    if (std::string wrong = read_made(std::string_view(name).substr(kMadePrefix.size()), made);
        !wrong.empty()) {
        return wrong;
    }
    trace = make_trace(made);
    return {};
}

Measures run_one(const ReplayOptions& options, const Trace& trace, const std::string& strategy) {
    RunOptions run = options.run;
    run.strategy = strategy;
    const Stopwatch watch;
    double said_at = 0;
    const bool has_progress = !options.is_quiet;
    Simulation simulation(trace, run, [&](size_t rows) {
        if (has_progress && watch.seconds() - said_at > kProgressEveryS) {
            said_at = watch.seconds();
            std::fputs(
                fmt::format("{}: {} of {} requests\n", strategy, rows, trace.rows.size()).c_str(),
                stderr);
        }
    });
    Measures measures = simulation.run();
    measures.wall_s = watch.seconds();
    return measures;
}

bool write_file(const std::string& path, const std::string& text) {
    std::FILE* file = std::fopen(path.c_str(), "w");
    if (file == nullptr) {
        return false;
    }
    const bool good = std::fwrite(text.data(), 1, text.size(), file) == text.size();
    return std::fclose(file) == 0 && good;
}

int replay(const ReplayOptions& options) {
    Trace trace;
    if (const std::string wrong = load_trace(options.trace, trace); !wrong.empty()) {
        return complain(wrong);
    }
    std::vector<Measures> runs;
    bool is_exact = true;
    for (const std::string& strategy : options.strategies) {
        runs.push_back(run_one(options, trace, strategy));
        is_exact = is_exact && runs.back().ledger_rest == 0;
    }
    std::fputs(
        (options.is_json ? json_report(options, trace, runs) : human_report(options, trace, runs))
            .c_str(),
        stdout);
    if (!options.plot_file.empty() && !write_file(options.plot_file, plot_of(runs, trace.name))) {
        return complain(fmt::format("cannot write {}", options.plot_file));
    }
    if (!is_exact) {
        complain("something is still charged after all has ended");
        return kExitLedger;
    }
    return 0;
}

int run_replay(ReplayOptions& options) {
    if (const std::string wrong = complete_replay(options); !wrong.empty()) {
        return complain(wrong);
    }
    return replay(options);
}

int run_serve(ServeOptions& options) {
    std::string wrong = complete_serve(options);
    if (wrong.empty()) {
        wrong = serve(options);
    }
    return wrong.empty() ? 0 : complain(wrong);
}

template <typename Options>
struct Command {
    llm_kit::CommandLine (*describe)(Options& options);
    int (*run)(Options& options);
};

template <typename Options>
int obey(std::span<char* const> arguments, const Command<Options>& command) {
    Options options;
    llm_kit::CommandLine line = command.describe(options);
    std::vector<std::string_view> operands;
    const auto outcome = line.parse(arguments, operands);
    if (const auto code = line.settle(outcome, kExitUsage)) {
        return *code;
    }
    if (operands.size() != 1 || (operands[0] != kReplay && operands[0] != kServe)) {
        return complain("the command must be replay or serve; --help explains");
    }
    return command.run(options);
}

int main_of(std::span<char* const> arguments) {
    const bool serves = arguments.size() > 1 && arguments[1] == kServe;
    if (serves) {
        return obey<ServeOptions>(arguments, {.describe = describe_serve, .run = run_serve});
    }
    return obey<ReplayOptions>(arguments, {.describe = describe_replay, .run = run_replay});
}

}  // namespace
}  // namespace sluice::llm_fleet

int main(int argc, char** argv) {
    return sluice::llm_fleet::main_of({argv, static_cast<size_t>(argc)});
}
