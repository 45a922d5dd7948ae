// Start in order, signals in between, stop in order.
#include "server/process.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <sched.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/log_writer.h"
#include "base/result.h"
#include "base/time.h"
#include "config/config.h"
#include "config/load.h"
#include "ledger/lane.h"
#include "ledger/ledger.h"
#include "net/address.h"
#include "net/dns_resolver.h"
#include "net/op.h"
#include "net/proactor.h"
#include "net/ring.h"
#include "net/shard.h"
#include "net/tls_ticket_keys.h"
#include "server/cli.h"
#include "server/gateway.h"
#include "server/options.h"
#include "server/process_metrics.h"
#include "server/runtime_config.h"
#include "server/shard_runner.h"

namespace sluice::server {

namespace {

constexpr size_t kApplicationLogBytesMax = size_t{256} * 1024;
// The control shard carries no traffic.
constexpr net::BufferRingOptions kControlBuffers = {
    .block_bytes = 4096, .blocks_max = 16, .window_blocks = 4};
constexpr net::RingOptions kControlRing = {.submission_entries = 64, .completion_entries = 512};
// How often the control shard looks whether the draining shards are done.
constexpr Duration kDrainLook = Duration::milliseconds(20);
constexpr Duration kIdleLook = Duration::seconds(1);

std::vector<uint32_t> usable_cores() {
    std::vector<uint32_t> cores;
    cpu_set_t set;
    if (::sched_getaffinity(0, sizeof set, &set) == 0) {
        for (uint32_t core = 0; core < CPU_SETSIZE; ++core) {
            if (CPU_ISSET(core, &set)) {
                cores.push_back(core);
            }
        }
    }
    if (cores.empty()) {
        cores.push_back(0);
    }
    return cores;
}

// Each client may cost two descriptors, its own and one to an upstream.
void raise_descriptor_limit(uint64_t wanted) {
    rlimit limit = {};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) {
        return;
    }
    const rlimit higher = {.rlim_cur = wanted,
                           .rlim_max = std::max<rlim_t>(limit.rlim_max, wanted)};
    if (::setrlimit(RLIMIT_NOFILE, &higher) != 0) {
        limit.rlim_cur = limit.rlim_max;
        ::setrlimit(RLIMIT_NOFILE, &limit);
    }
}

uint64_t random_seed() {
    uint64_t seed = 0;
    if (::getrandom(&seed, sizeof seed, 0) != static_cast<ssize_t>(sizeof seed)) {
        seed = static_cast<uint64_t>(::getpid());
    }
    return seed;
}

sigset_t handled_signals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
        sigaddset(&set, signal);
    }
    return set;
}

void print_error(const std::string& text) {
    std::fprintf(stderr, "sluice: %s\n", text.c_str());
}

std::string system_text(const Error& error) {
    return std::error_code(error.os_errno, std::generic_category()).message();
}

class Process {
public:
    Process(const CommandLine& line,
            const config::Environment& environment,
            config::LoadResult loaded)
        : line_(line),
          environment_(environment),
          // NOLINTNEXTLINE(bugprone-unchecked-optional-access): it is there, says serve().
          loaded_(std::move(*loaded.config)),
          source_(std::move(loaded.source)),
          log_writer_({}),
          signal_op_(&on_signal, this) {}

    int run();

private:
    bool make_config();
    bool open_logs();
    bool open_ledger();
    bool start_control();
    bool start_resolver();
    bool start_shards();
    bool listen();
    void announce();
    void loop();
    void stop();

    static void on_signal(net::Op& op, int32_t result, uint32_t flags);
    void watch_signals();
    void handle_signal(uint32_t number);
    void reload();
    bool have_all_ended() const;
    void publish_logs();

    const config::Config& config() const { return config_->config; }
    const ServerOptions& options() const { return config().server; }
    net::Ring& ring() { return control_->proactor().ring(); }

    const CommandLine& line_;
    const config::Environment& environment_;
    config::Config loaded_;  // Until it is made into config_.
    RuntimeConfigPtr config_;
    const std::shared_ptr<net::TlsTicketKeys> ticket_keys_ = std::make_shared<net::TlsTicketKeys>();
    const std::string source_;
    ProcessState state_;
    ProcessMetrics metrics_;
    LogWriter log_writer_;
    LogLane* control_lane_ = nullptr;
    LogLane* ledger_log_lane_ = nullptr;
    std::vector<LogLane*> shard_lanes_;
    std::vector<LogLane*> access_lanes_;
    std::unique_ptr<ledger::Ledger> ledger_;  // Null when there is none.
    std::vector<ledger::Lane*> ledger_lanes_;
    std::unique_ptr<net::ShardGroup> group_;
    std::unique_ptr<net::Shard> control_;
    std::unique_ptr<Log> log_;
    std::unique_ptr<net::DnsResolver> resolver_;
    std::vector<std::unique_ptr<ShardRunner>> runners_;
    net::Address address_;
    net::Op signal_op_;
    signalfd_siginfo signal_ = {};
    int signal_fd_ = -1;
    bool draining_ = false;
};

bool Process::make_config() {
    std::vector<std::string> warnings;
    auto made = make_runtime_config(std::move(loaded_), nullptr, ticket_keys_,
                                    ring().wall_clock_ns(), warnings);
    for (const std::string& warning : warnings) {
        print_error("warning: " + warning);
    }
    if (!made) {
        print_error(made.error());
        return false;
    }
    config_ = *made;
    return true;
}

bool Process::open_logs() {
    const uint32_t shards = options().shards;
    const Result<LogWriter::Sink> application = log_writer_.add_sink("stderr");
    if (!application) {
        print_error("standard error cannot be written to");
        return false;
    }
    control_lane_ = &log_writer_.add_lane(*application, kApplicationLogBytesMax);
    for (uint32_t i = 0; i < shards; ++i) {
        shard_lanes_.push_back(&log_writer_.add_lane(*application, kApplicationLogBytesMax));
    }
    ledger_log_lane_ = &log_writer_.add_lane(*application, kApplicationLogBytesMax);
    access_lanes_.resize(shards, nullptr);
    const AccessLogOptions& access = options().access_log;
    if (access.target != "off") {
        const Result<LogWriter::Sink> sink = log_writer_.add_sink(access.target);
        if (!sink) {
            print_error("access_log.target: " + access.target +
                        " cannot be opened: " + system_text(sink.error()));
            return false;
        }
        for (LogLane*& lane : access_lanes_) {
            lane = &log_writer_.add_lane(*sink, access.buffer_bytes_max);
        }
    }
    set_log_level(static_cast<sluice::LogLevel>(options().log_level));
    log_writer_.start();
    return true;
}

bool Process::open_ledger() {
    ledger_lanes_.resize(options().shards, nullptr);
    if (!config().ledger.enabled()) {
        return true;
    }
    auto opened = ledger::Ledger::open(config().ledger, ledger_log_lane_, LogFormat::human);
    if (!opened) {
        print_error("ledger: " + opened.error());
        return false;
    }
    ledger_ = std::move(*opened);
    for (ledger::Lane*& lane : ledger_lanes_) {
        lane = &ledger_->add_lane();
    }
    ledger_->start();
    return true;
}

bool Process::start_control() {
    net::ProactorOptions proactor;
    proactor.ring = kControlRing;
    proactor.buffers = kControlBuffers;
    Result<std::unique_ptr<net::Shard>> control =
        net::Shard::create(loaded_.server.shards, proactor, random_seed());
    if (!control) {
        print_error(net::ring_error_text(control.error()));
        return false;
    }
    control_ = std::move(*control);
    return true;
}

bool Process::start_resolver() {
    log_ = std::make_unique<Log>(*control_lane_, LogFormat::human);
    log_->set_time(ring().wall_clock_ns());
    Result<std::unique_ptr<net::DnsResolver>> resolver = net::DnsResolver::create(*control_, {});
    if (!resolver) {
        print_error("the name resolver cannot be started");
        return false;
    }
    resolver_ = std::move(*resolver);
    return true;
}

bool Process::start_shards() {
    const std::vector<uint32_t> cores = usable_cores();
    const uint32_t shards = options().shards;
    const bool pin = options().pin_shards && shards <= cores.size();
    group_ = std::make_unique<net::ShardGroup>(shards);
    state_.metrics.resize(shards);
    metrics_.set_start_time(ring().wall_clock_ns());
    state_.metrics.push_back(&metrics_.store());
    for (uint32_t i = 0; i < shards; ++i) {
        runners_.push_back(std::make_unique<ShardRunner>(
            ShardPlan{
                .index = i,
                .core = pin ? std::optional(cores[i]) : std::nullopt,
                .seed = random_seed(),
                .config = config_,
                .group = *group_,
                .process = state_,
                .log = *shard_lanes_[i],
                .access_log = access_lanes_[i],
                .ledger = ledger_lanes_[i],
            },
            *resolver_));
        if (const std::optional<Error> error = runners_.back()->start()) {
            print_error(net::ring_error_text(*error));
            runners_.back()->join();
            runners_.pop_back();
            return false;
        }
    }
    return true;
}

bool Process::listen() {
    const std::optional<net::Address> wanted = net::Address::parse(options().host, options().port);
    if (!wanted) {
        print_error("server.host: \"" + options().host + "\" is not an IP address");
        return false;
    }
    // With SO_REUSEPORT two gateways would share a port without a word, so ask first without.
    const Result<int> probe = ring().open_listener(*wanted, options().sockets, false);
    if (!probe) {
        print_error("cannot listen on " + wanted->to_string() + ": " + system_text(probe.error()));
        return false;
    }
    address_ = ring().local_address(*probe);
    ::close(*probe);
    for (const std::unique_ptr<ShardRunner>& runner : runners_) {
        const Result<net::Address> bound = runner->serve(ring(), address_);
        if (!bound) {
            print_error("cannot listen on " + address_.to_string() + ": " +
                        system_text(bound.error()));
            return false;
        }
    }
    return true;
}

void Process::announce() {
    const bool tls = options().tls.enabled();
    std::fprintf(stderr, "sluice %s listens on %s://%s with %u shard%s\n", SLUICE_VERSION,
                 tls ? "https" : "http", address_.to_string().c_str(), options().shards,
                 options().shards == 1 ? "" : "s");
    std::fprintf(stderr, "configuration: %s\n", source_.c_str());
    bool simulated = false;
    for (const pipeline::RouteOptions& route : config().routes) {
        const upstream::UpstreamOptions* upstream = config().find_upstream(route.target_llm);
        simulated = simulated || upstream->is_simulated();
        std::fprintf(stderr, "  %-24s -> %s (%s)\n", route.path_prefix.c_str(),
                     route.target_llm.c_str(),
                     upstream->is_simulated() ? "embedded simulator" : upstream->base_url.c_str());
    }
    if (line_.config_file.empty()) {
        std::fprintf(stderr,
                     simulated
                         ? "No key was found, so answers are simulated. Set OPENAI_API_KEY to "
                           "serve OpenAI, or --config FILE for your own upstreams.\n"
                         : "OPENAI_API_KEY is set, so requests go to OpenAI. Use --config FILE "
                           "for your own upstreams.\n");
    }
}

// --- Signals.

void Process::watch_signals() {
    ring().read(signal_fd_, reinterpret_cast<char*>(&signal_), sizeof signal_, signal_op_);
}

void Process::on_signal(net::Op& op, int32_t result, uint32_t /*flags*/) {
    auto& process = op.owner_as<Process>();
    if (result == static_cast<int32_t>(sizeof process.signal_)) {
        process.handle_signal(process.signal_.ssi_signo);
    }
    if (result != -ECANCELED) {
        process.watch_signals();
    }
}

void Process::handle_signal(uint32_t number) {
    log_->set_time(ring().wall_clock_ns());
    if (number == SIGHUP) {
        log_writer_.reopen();
        reload();
        return;
    }
    // The second request to stop is meant.
    const Duration deadline =
        draining_ ? Duration::milliseconds(1) : Duration::milliseconds(options().drain_timeout_ms);
    SLUICE_LOG(info, "server", "stopping", {"at_once", draining_},
               {"signal", number == SIGTERM ? "SIGTERM" : "SIGINT"});
    draining_ = true;
    state_.is_draining.store(true, std::memory_order_relaxed);
    for (const std::unique_ptr<ShardRunner>& runner : runners_) {
        if (!runner->has_ended()) {
            runner->drain(ring(), deadline);
        }
    }
}

void Process::reload() {
    config::LoadResult loaded = load_config(line_, environment_);
    if (!loaded.config) {
        std::fprintf(stderr, "%s", loaded.report().c_str());
        metrics_.on_reload(false);
        SLUICE_LOG(error, "config", "the new configuration has errors; the old one stays",
                   {"errors", loaded.error_count()});
        return;
    }
    loaded.config->server.shards = options().shards;
    std::vector<std::string> warnings;
    const std::vector<std::string> restart = config::restart_needed(config(), *loaded.config);
    auto next = make_runtime_config(std::move(*loaded.config), config_, ticket_keys_,
                                    ring().wall_clock_ns(), warnings);
    if (!next) {
        metrics_.on_reload(false);
        print_error(next.error());
        SLUICE_LOG(error, "config", "the new configuration cannot be used; the old one stays",
                   {"reason", next.error()});
        return;
    }
    for (const std::string& warning : warnings) {
        SLUICE_LOG(warning, "config", "of the new configuration", {"warning", warning});
    }
    for (const std::string& key : restart) {
        SLUICE_LOG(warning, "config", "this setting takes effect after a restart only",
                   {"key", key});
    }
    config_ = *next;
    set_log_level(static_cast<sluice::LogLevel>(options().log_level));
    for (const std::unique_ptr<ShardRunner>& runner : runners_) {
        runner->reload(ring(), config_);
    }
    metrics_.on_reload(true);
    SLUICE_LOG(info, "config", "the configuration was loaded anew", {"source", source_});
}

bool Process::have_all_ended() const {
    return std::all_of(runners_.begin(), runners_.end(),
                       [](const auto& runner) { return runner->has_ended(); });
}

void Process::publish_logs() {
    uint64_t dropped = control_lane_->dropped();
    for (const LogLane* lane : shard_lanes_) {
        dropped += lane->dropped();
    }
    metrics_.publish_logs(dropped, log_writer_.counters().write_errors);
    if (ledger_ != nullptr) {
        metrics_.publish_ledger(*ledger_);
    }
}

void Process::loop() {
    const sigset_t signals = handled_signals();
    signal_fd_ = ::signalfd(-1, &signals, SFD_CLOEXEC);
    watch_signals();
    while (!have_all_ended()) {
        control_->proactor().turn(draining_ ? kDrainLook : kIdleLook);
        log_->set_time(ring().wall_clock_ns());
        publish_logs();
        if (draining_) {
            control_->mailbox().deliver_all();
        }
    }
}

void Process::stop() {
    if (!draining_) {
        for (const std::unique_ptr<ShardRunner>& runner : runners_) {
            runner->drain(ring(), Duration::milliseconds(1));
        }
        while (!have_all_ended()) {
            control_->proactor().turn(kDrainLook);
        }
    }
    for (const std::unique_ptr<ShardRunner>& runner : runners_) {
        runner->join();
    }
    if (resolver_ != nullptr) {
        resolver_->shut_down();
    }
    if (signal_op_.pending > 0) {
        ring().cancel(signal_op_);
    }
    while (control_ != nullptr && (control_->proactor().objects() > 0 || signal_op_.pending > 0)) {
        control_->proactor().turn(kDrainLook);
    }
    resolver_.reset();
    log_.reset();
    control_.reset();
    if (signal_fd_ >= 0) {
        ::close(signal_fd_);
    }
    if (ledger_ != nullptr) {
        ledger_->stop();
    }
    log_writer_.stop();
}

int Process::run() {
    const sigset_t signals = handled_signals();
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
    if (loaded_.server.shards == 0) {
        loaded_.server.shards = static_cast<uint32_t>(usable_cores().size());
    }
    if (!start_control() || !make_config() || !open_logs() || !open_ledger()) {
        return kExitFailure;
    }
    raise_descriptor_limit(uint64_t{options().http.connections_max} * options().shards * 2 + 1024);
    const bool started = start_resolver() && start_shards() && listen();
    if (started) {
        announce();
        loop();
    }
    stop();
    return started ? kExitOk : kExitFailure;
}

}  // namespace

int serve(const CommandLine& line,
          const config::Environment& environment,
          config::LoadResult loaded) {
    Process process(line, environment, std::move(loaded));
    return process.run();
}

}  // namespace sluice::server
