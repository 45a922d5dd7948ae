// llm-load: options, threads, the progress line, the report, the exit status.
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "base/result.h"
#include "llm-kit/command_line.h"
#include "llm-kit/machine.h"
#include "llm-load/dial.h"
#include "llm-load/load_shard.h"
#include "llm-load/metrics.h"
#include "llm-load/options.h"
#include "llm-load/prepared_request.h"
#include "llm-load/report.h"
#include "net/proactor.h"
#include "net/ring.h"
#include "net/shard.h"
#include "net/tls_context.h"

namespace sluice::llm_load {
namespace {

constexpr int kExitErrors = 1;
constexpr int kExitUsage = 2;
// Descriptors beside the connections: rings, files, standard streams.
constexpr uint64_t kDescriptorsBeside = 256;
constexpr long kProgressEveryNs = 200'000'000;

// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): one a thread; Metrics keeps its lines.
struct ShardThread {
    std::thread thread;
    Progress progress;
    Metrics metrics;
    std::string failure;  // Why it did not start.
};

struct Run {
    const LoadOptions& options;
    std::span<const PreparedRequest> requests;
    net::TlsContext tls;
    std::atomic<Stop> stop = Stop::not_yet;
    std::vector<std::unique_ptr<ShardThread>> threads;
};

net::ProactorOptions proactor_options(const LoadOptions& options) {
    net::ProactorOptions proactor;
    proactor.batch_window_us = options.batch_us;
    return proactor;
}

void run_shard(Run& run, uint32_t index) {
    ShardThread& mine = *run.threads[index];
    const LoadOptions& options = run.options;
    llm_kit::use_sharp_timers();
    if (index < options.cpus.size() && !llm_kit::pin_thread(options.cpus[index])) {
        mine.failure = fmt::format("cannot bind to core {}", options.cpus[index]);
    }
    Result<std::unique_ptr<net::Shard>> shard =
        net::Shard::create(index, proactor_options(options), options.seed + index);
    if (!shard) {
        mine.failure = net::ring_error_text(shard.error());
    }
    if (mine.failure.empty()) {
        LoadShard load(**shard, options, {.index = index, .shards = options.shards}, run.requests,
                       run.tls, mine.progress);
        load.run(run.stop);
        mine.metrics = load.metrics();
    }
    mine.progress.is_done.store(true, std::memory_order_relaxed);
    ::kill(::getpid(), SIGUSR1);  // watch() looks at once.
}

struct Totals {
    uint64_t completed = 0;
    uint64_t events = 0;
    uint64_t errors = 0;
    uint64_t in_flight = 0;
    bool is_holding = true;
    bool is_done = true;
};

Totals totals_of(const Run& run) {
    Totals totals;
    for (const auto& thread : run.threads) {
        const Progress& progress = thread->progress;
        totals.completed += progress.completed.load(std::memory_order_relaxed);
        totals.events += progress.events.load(std::memory_order_relaxed);
        totals.errors += progress.errors.load(std::memory_order_relaxed);
        totals.in_flight += progress.in_flight.load(std::memory_order_relaxed);
        totals.is_holding =
            totals.is_holding && progress.is_holding.load(std::memory_order_relaxed);
        totals.is_done = totals.is_done && progress.is_done.load(std::memory_order_relaxed);
    }
    return totals;
}

// Waits for the shards; shows how far they are; ends them early on SIGINT and SIGTERM, the second
// time at once.
void watch(Run& run, const sigset_t& signals) {
    const bool shows_progress = ::isatty(STDERR_FILENO) == 1 && !run.options.quiet;
    const timespec period = {.tv_sec = 0, .tv_nsec = kProgressEveryNs};
    bool said_holding = false;
    Totals before;
    while (true) {
        const int caught = ::sigtimedwait(&signals, nullptr, &period);
        if (caught == SIGINT || caught == SIGTERM) {
            const bool is_second = run.stop.load() != Stop::not_yet;
            run.stop.store(is_second ? Stop::at_once : Stop::start_nothing_new);
        }
        const Totals totals = totals_of(run);
        if (totals.is_done) {
            break;
        }
        if (totals.is_holding && !said_holding) {
            said_holding = true;
            std::fputs(fmt::format("holding {} connections\n", run.options.connections).c_str(),
                       stderr);
        }
        if (shows_progress) {
            const auto rate = [](uint64_t now, uint64_t then) {
                return (now - then) * 1'000'000'000 / kProgressEveryNs;
            };
            std::fputs(fmt::format("\r\x1b[K{} done ({}/s)  {} events ({}/s)  {} open  {} errors",
                                   totals.completed, rate(totals.completed, before.completed),
                                   totals.events, rate(totals.events, before.events),
                                   totals.in_flight, totals.errors)
                           .c_str(),
                       stderr);
            before = totals;
        }
    }
    if (shows_progress) {
        std::fputs("\r\x1b[K", stderr);
    }
}

bool write_json(const LoadOptions& options, const std::string& json) {
    if (options.json_file == "-") {
        std::fputs(json.c_str(), stdout);
        return true;
    }
    std::FILE* file = std::fopen(options.json_file.c_str(), "w");
    if (file == nullptr) {
        return false;
    }
    const bool good = std::fwrite(json.data(), 1, json.size(), file) == json.size();
    return std::fclose(file) == 0 && good;
}

int complain(std::string_view text) {
    std::fputs(fmt::format("llm-load: {}\n", text).c_str(), stderr);
    return kExitUsage;
}

int tell(const LoadOptions& options, const Metrics& metrics, double cpu_seconds) {
    if (!options.quiet) {
        std::fputs(human_report(options, metrics, cpu_seconds).c_str(),
                   options.json_file == "-" ? stderr : stdout);
    }
    if (!options.json_file.empty() &&
        !write_json(options, json_report(options, metrics, cpu_seconds))) {
        return complain(fmt::format("cannot write {}", options.json_file));
    }
    return metrics.error_count() > 0 && !options.allow_errors ? kExitErrors : 0;
}

int measure(const LoadOptions& options, std::span<const PreparedRequest> requests) {
    // Blocked before any thread is made, so that only watch() receives them.
    sigset_t signals;
    ::sigemptyset(&signals);
    ::sigaddset(&signals, SIGINT);
    ::sigaddset(&signals, SIGTERM);
    ::sigaddset(&signals, SIGUSR1);
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    ::signal(SIGPIPE, SIG_IGN);

    Run run = {.options = options, .requests = requests, .tls = {}, .threads = {}};
    if (options.tls) {
        if (const std::string wrong = make_tls_context(options, run.tls); !wrong.empty()) {
            return complain(wrong);
        }
    }
    for (uint32_t i = 0; i < options.shards; ++i) {
        run.threads.push_back(std::make_unique<ShardThread>());
    }
    const double cpu_before = llm_kit::process_cpu_seconds();
    for (uint32_t i = 0; i < options.shards; ++i) {
        run.threads[i]->thread = std::thread([&run, i] { run_shard(run, i); });
    }
    watch(run, signals);
    Metrics metrics;
    std::string failure;
    for (const auto& thread : run.threads) {
        thread->thread.join();
        metrics.merge(thread->metrics);
        failure = thread->failure.empty() ? failure : thread->failure;
    }
    if (!failure.empty()) {
        return complain(failure);
    }
    return tell(options, metrics, llm_kit::process_cpu_seconds() - cpu_before);
}

int main_of(std::span<char* const> arguments) {
    LoadOptions options;
    llm_kit::CommandLine line = describe_command_line(options);
    std::vector<std::string_view> operands;
    const auto outcome = line.parse(arguments, operands);
    if (const auto code = line.settle(outcome, kExitUsage)) {
        return *code;
    }
    if (const std::string wrong = complete_options(options, operands); !wrong.empty()) {
        return complain(wrong);
    }
    const uint64_t wanted = options.connections + kDescriptorsBeside;
    if (llm_kit::raise_descriptor_limit(wanted) < wanted) {
        return complain(fmt::format("{} connections need a higher limit of open files (ulimit -n)",
                                    options.connections));
    }
    std::string wrong;
    const std::vector<PreparedRequest> requests = prepare_requests(options, wrong);
    return requests.empty() ? complain(wrong) : measure(options, requests);
}

}  // namespace
}  // namespace sluice::llm_load

int main(int argc, char** argv) {
    return sluice::llm_load::main_of({argv, static_cast<size_t>(argc)});
}
