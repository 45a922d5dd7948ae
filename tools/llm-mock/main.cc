// llm-mock: options, threads, the line that tells the address, the end.
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <signal.h>

#include "base/error.h"
#include "base/result.h"
#include "base/time.h"
#include "llm-kit/command_line.h"
#include "llm-kit/machine.h"
#include "llm-mock/control.h"
#include "llm-mock/mock_server.h"
#include "llm-mock/options.h"
#include "net/options.h"
#include "net/proactor.h"
#include "net/ring.h"
#include "net/shard.h"
#include "net/tls_context.h"
#include "net/tls_ticket_keys.h"

namespace sluice::llm_mock {
namespace {

constexpr int kExitUsage = 2;
constexpr uint64_t kDescriptorsWanted = 200'000;
// How late a shard may notice that it has to stop.
constexpr Duration kTurnWaitMax = Duration::milliseconds(100);

// Shards report their start here, good or bad.
class Starts {
public:
    void report(uint16_t port, std::string failure) {
        const std::lock_guard lock(mutex_);
        ++reported_;
        port_ = port;
        failure_ = failure.empty() ? failure_ : std::move(failure);
        changed_.notify_one();
    }
    void wait_for(uint32_t count) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return reported_ >= count; });
    }
    uint16_t port() const { return port_; }
    const std::string& failure() const { return failure_; }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    uint32_t reported_ = 0;
    uint16_t port_ = 0;
    std::string failure_;
};

struct Run {
    const MockOptions& options;
    Control control;
    net::TlsContext tls;
    Starts starts;
    std::atomic<bool> stop = false;
};

void run_shard(Run& run, uint32_t index) {
    const MockOptions& options = run.options;
    llm_kit::use_sharp_timers();
    if (index < options.cpus.size() && !llm_kit::pin_thread(options.cpus[index])) {
        run.starts.report(0, fmt::format("cannot bind to core {}", options.cpus[index]));
        return;
    }
    net::ProactorOptions proactor_options;
    proactor_options.batch_window_us = options.batch_us;
    Result<std::unique_ptr<net::Shard>> shard =
        net::Shard::create(index, proactor_options, options.seed + index);
    if (!shard) {
        run.starts.report(0, net::ring_error_text(shard.error()));
        return;
    }
    MockServer server(**shard, options, run.control, run.tls);
    const Status started = server.start();
    run.starts.report(started ? server.port() : uint16_t{0},
                      started ? "" : fmt::format("cannot listen: {}", started.error().where));
    net::Proactor& proactor = (*shard)->proactor();
    bool is_stopping = false;
    while (!is_stopping || !server.is_over()) {
        proactor.turn(kTurnWaitMax);
        if (!is_stopping && run.stop.load(std::memory_order_relaxed)) {
            is_stopping = true;
            server.stop();
        }
    }
}

int complain(std::string_view text) {
    std::fputs(fmt::format("llm-mock: {}\n", text).c_str(), stderr);
    return kExitUsage;
}

// Nothing, or what is wrong.
std::string make_tls(const MockOptions& options, net::TlsContext& tls) {
    if (!options.has_tls()) {
        return {};
    }
    net::TlsServerOptions server;
    server.certificates.push_back({.certificate_file = options.certificate_file,
                                   .private_key_file = options.private_key_file,
                                   .server_names = {}});
    constexpr int64_t kSomeTimeNs = 0;  // For warnings about expiry, which we do not show.
    const net::TlsContextResult made =
        net::TlsContext::make_server(server, std::make_shared<net::TlsTicketKeys>(), kSomeTimeNs);
    tls = made.context;
    return made.ok() ? "" : made.error;
}

int serve(const MockOptions& options) {
    // Blocked before any thread is made, so that sigwait() here receives them.
    sigset_t signals;
    ::sigemptyset(&signals);
    ::sigaddset(&signals, SIGINT);
    ::sigaddset(&signals, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
    llm_kit::raise_descriptor_limit(kDescriptorsWanted);

    Run run = {.options = options, .control = Control(options), .tls = {}, .starts = {}};
    if (const std::string wrong = make_tls(options, run.tls); !wrong.empty()) {
        return complain(wrong);
    }
    std::vector<std::thread> threads;
    threads.reserve(options.shards);
    for (uint32_t i = 0; i < options.shards; ++i) {
        threads.emplace_back([&run, i] { run_shard(run, i); });
    }
    run.starts.wait_for(options.shards);
    const bool has_started = run.starts.failure().empty();
    if (has_started) {
        std::fputs(
            fmt::format("llm-mock listens on {}://{}:{}\n", options.has_tls() ? "https" : "http",
                        options.host, run.starts.port())
                .c_str(),
            stdout);
        std::fflush(stdout);
        int caught = 0;
        ::sigwait(&signals, &caught);
    }
    run.stop.store(true, std::memory_order_relaxed);
    for (std::thread& thread : threads) {
        thread.join();
    }
    return has_started ? 0 : complain(run.starts.failure());
}

int main_of(std::span<char* const> arguments) {
    MockOptions options;
    llm_kit::CommandLine line = describe_command_line(options);
    std::vector<std::string_view> operands;
    const auto outcome = line.parse(arguments, operands);
    if (const auto code = line.settle(outcome, kExitUsage)) {
        return *code;
    }
    if (!operands.empty()) {
        return complain(fmt::format("what is \"{}\"? --help explains", operands[0]));
    }
    if (const std::string wrong = complete_options(options); !wrong.empty()) {
        return complain(wrong);
    }
    return serve(options);
}

}  // namespace
}  // namespace sluice::llm_mock

int main(int argc, char** argv) {
    return sluice::llm_mock::main_of({argv, static_cast<size_t>(argc)});
}
