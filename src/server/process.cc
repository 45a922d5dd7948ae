// Start in order, signals in between, stop in order.
#include "server/process.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <signal.h>

#include "access/limit_book.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/result.h"
#include "base/time.h"
#include "cache/shared_cache.h"
#include "cache/snapshot_file.h"
#include "config/config.h"
#include "config/environment.h"
#include "config/load.h"
#include "net/address.h"
#include "net/dns_resolver.h"
#include "net/endpoint.h"
#include "net/options.h"
#include "net/passed_sockets.h"
#include "net/proactor.h"
#include "net/ring.h"
#include "net/shard.h"
#include "net/tls_ticket_keys.h"
#include "server/access_control.h"
#include "server/admin_api.h"
#include "server/admin_server.h"
#include "server/announcement.h"
#include "server/ask_shards.h"
#include "server/cli.h"
#include "server/config_watch.h"
#include "server/discovery.h"
#include "server/gateway.h"
#include "server/listeners.h"
#include "server/log_control.h"
#include "server/machine.h"
#include "server/membership.h"
#include "server/options.h"
#include "server/pools.h"
#include "server/process_cache.h"
#include "server/process_ledger.h"
#include "server/process_logs.h"
#include "server/process_metrics.h"
#include "server/process_traces.h"
#include "server/reload.h"
#include "server/runtime_config.h"
#include "server/shard_body.h"
#include "server/shard_runner.h"
#include "server/signals.h"
#include "server/usage_desk.h"

namespace sluice::server {

namespace {

// The control shard carries no traffic but that of the admin API.
constexpr net::BufferRingOptions kControlBuffers = {
    .block_bytes = 4096, .blocks_max = 16, .window_blocks = 4};
constexpr net::RingOptions kControlRing = {.submission_entries = 64, .completion_entries = 512};
// How often the control shard looks whether the draining shards are done.
constexpr Duration kDrainLook = Duration::milliseconds(20);
constexpr Duration kIdleLook = Duration::seconds(1);
constexpr Duration kControlEndMax = Duration::milliseconds(400);

void print_error(const std::string& text) {
    std::fprintf(stderr, "sluice: %s\n", text.c_str());
}

class Process final : private AdminBackend {
public:
    Process(const CommandLine& line,
            const config::Environment& environment,
            config::LoadResult loaded)
        : line_(line),
          environment_(environment),
          // NOLINTNEXTLINE(bugprone-unchecked-optional-access): it is there, says serve().
          loaded_(std::move(*loaded.config)),
          source_(std::move(loaded.source)),
          read_digest_(std::move(loaded.digest)),
          admin_listen_is_chosen_(loaded.sets_admin_listen),
          signals_(&on_signal, this) {}

    int run();

private:
    bool take_sockets();
    bool make_config();
    bool open_logs();
    bool open_ledger();
    bool start_control();
    bool start_resolver();
    bool start_shards();
    bool listen();
    bool start_admin();
    void announce();
    void loop();
    void stop();
    void stop_asking();
    void stop_control();

    static void on_signal(void* owner, uint32_t number);
    static void on_config_change(void* owner);
    void handle_signal(uint32_t number);
    void give_config();
    bool have_all_ended() const;
    void publish_logs();

    // --- For the admin API; reload() for everybody.
    ProcessFacts facts() const override;
    ReloadReport reload() override;
    const config::Config& config() const override { return *config_->loaded; }
    std::span<const MetricStore* const> metrics() const override { return state_.metrics; }
    ShardDesk& shards() override {
        SLUICE_ASSERT(desk_.has_value());
        return *desk_;
    }
    AccessControl& access() override { return *access_; }
    LogControl& log() override { return log_levels_; }
    const cache::CacheGroup& cache() override { return cache_->group(); }
    PoolsPtr pools() const override { return PoolsPtr(config_, &config_->pools); }
    const Membership& members() const override { return config_->members; }
    void change_members(Membership members) override;
    UsageDesk* usage() override { return ledger_.usage(); }
    void on_budgets_changed() override { ledger_.look_for_history(moment()); }

    const ServerOptions& options() const { return config().server; }
    net::Ring& ring() { return control_->proactor().ring(); }
    access::Moment moment() override {
        return {.now = ring().now(), .unix_ms = ring().wall_clock_ns() / 1'000'000};
    }
    cache::SnapshotTime snapshot_time() {
        return {.now = ring().now(), .wall_clock_ns = ring().wall_clock_ns()};
    }

    const CommandLine& line_;
    const config::Environment& environment_;
    config::Config loaded_;                  // Until it is made into config_.
    std::unique_ptr<AccessControl> access_;  // Outlives every shard that counts in it.
    RuntimeConfigPtr config_;
    PoolKeeper pool_keeper_;
    const TicketKeysPtr ticket_keys_ = std::make_shared<net::TlsTicketKeys>();
    const std::string source_;
    std::string read_digest_;  // Of the configuration file as it was read last.
    const bool admin_listen_is_chosen_;
    ProcessState state_;
    ProcessMetrics metrics_;
    ProcessLogs logs_;
    LogControl log_levels_;
    ProcessLedger ledger_;
    ProcessTraces traces_;
    std::unique_ptr<net::ShardGroup> group_;
    std::unique_ptr<ProcessCache> cache_;
    std::unique_ptr<net::Shard> control_;
    std::unique_ptr<Log> log_;
    std::unique_ptr<net::DnsResolver> resolver_;
    std::vector<std::unique_ptr<ShardRunner>> runners_;
    std::optional<ShardDesk> desk_;
    std::optional<AdminServer> admin_;
    std::optional<ConfigWatch> config_watch_;
    std::unique_ptr<Discovery> discovery_;
    net::PassedSockets passed_;  // Until everybody listens.
    net::Address address_;
    std::string admin_text_;  // Where the admin API listens, or why it does not.
    Instant started_at_;
    SignalWatch signals_;
    bool draining_ = false;
};

bool Process::take_sockets() {
    auto taken = take_passed_sockets(environment_, loaded_);
    if (!taken) {
        print_error(taken.error());
        return false;
    }
    passed_ = std::move(*taken);
    return true;
}

bool Process::make_config() {
    std::vector<std::string> warnings;
    access_ = std::make_unique<AccessControl>(moment());
    auto made = make_runtime_config(std::move(loaded_), nullptr, ticket_keys_, *access_, moment(),
                                    warnings);
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
    if (const auto opened = logs_.open(options()); !opened) {
        print_error(opened.error());
        return false;
    }
    log_levels_.configure(options());
    return true;
}

bool Process::open_ledger() {
    std::string warning;
    const auto opened =
        ledger_.open(*config_, control_->proactor(), logs_, *access_, moment(), warning);
    if (!opened) {
        print_error(opened.error());
        return false;
    }
    if (!warning.empty()) {
        print_error("warning: " + warning);
    }
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
    log_ = std::make_unique<Log>(logs_.control(), LogFormat::human);
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
    traces_.start(*control_, *resolver_, config_);
    const std::vector<uint32_t> cores = usable_cores();
    const uint32_t shards = options().shards;
    const bool pin = options().pin_shards && shards <= cores.size();
    group_ = std::make_unique<net::ShardGroup>(shards);
    desk_.emplace(*control_, *group_);
    // The control shard sends messages until it has seen the last shard end: none goes before.
    state_.running.fetch_add(1);
    cache_ = std::make_unique<ProcessCache>(*group_, config().cache, cache_secret());
    cache_->load(snapshot_time());
    state_.metrics.resize(shards);
    metrics_.set_start_time(ring().wall_clock_ns());
    started_at_ = ring().now();
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
                .log = logs_.shard(i),
                .access_log = logs_.access(i),
                .ledger = ledger_.lane(i),
                .traces = traces_.lane(i),
                .cache = cache_.get(),
            },
            *resolver_));
        if (const std::optional<Error> error = runners_.back()->start()) {
            print_error(net::ring_error_text(*error));
            runners_.back()->join();
            runners_.pop_back();
            return false;
        }
    }
    cache_->forget_loaded();
    // Before anybody listens: the first request meets who can be found at once.
    discovery_ =
        std::make_unique<Discovery>(*control_, *resolver_, static_cast<AdminBackend&>(*this));
    discovery_->use(config());
    return true;
}

bool Process::listen() {
    const auto address = listen_on_shards(options(), passed_, ring(), runners_);
    if (!address) {
        print_error(address.error());
        return false;
    }
    address_ = *address;
    return true;
}

// False when the gateway must not start without it.
bool Process::start_admin() {
    const AdminOptions& admin = config().admin;
    if (admin.is_off()) {
        admin_text_ = "off";
        return true;
    }
    const std::optional<net::Endpoint> endpoint = net::Endpoint::parse(admin.listen);
    if (!endpoint) {
        print_error("admin.listen: \"" + admin.listen + "\" is no address with a port");
        return false;
    }
    const auto passed = passed_.duplicate(*endpoint, 0, {});
    if (!passed) {
        print_error("admin.listen: " + system_text(passed.error()));
        return false;
    }
    admin_.emplace(*control_, static_cast<AdminBackend&>(*this));
    const std::expected<void, std::string> started = admin_->start(*endpoint, *passed);
    if (started) {
        admin_text_ = admin_->address();
        return true;
    }
    if (admin_listen_is_chosen_) {
        print_error("admin.listen: cannot listen on " + started.error());
        return false;
    }
    admin_text_ = "off, because " + started.error();
    SLUICE_LOG(warning, "admin", "the admin API is off: its default address cannot be used",
               {"reason", started.error()});
    return true;
}

void Process::announce() {
    const std::string text = announcement({.config = config(),
                                           .address = address_,
                                           .source = source_,
                                           .has_config_file = !line_.config_file.empty(),
                                           .admin = admin_text_});
    std::fputs(text.c_str(), stderr);
}

ProcessFacts Process::facts() const {
    return {.uptime = control_->proactor().now() - started_at_,
            .is_draining = draining_,
            .listen = address_.to_string(),
            .config_source = source_,
            .watches_config = config_watch_ && config_watch_->is_running()};
}

// --- Signals and reloads.

void Process::on_signal(void* owner, uint32_t number) {
    static_cast<Process*>(owner)->handle_signal(number);
}

void Process::on_config_change(void* owner) {
    auto& process = *static_cast<Process*>(owner);
    process.log_->set_time(process.ring().wall_clock_ns());
    SLUICE_LOG(info, "config", "the configuration file has changed");
    process.reload();
}

void Process::handle_signal(uint32_t number) {
    log_->set_time(ring().wall_clock_ns());
    if (number == SIGHUP) {
        logs_.reopen();
        reload();
        return;
    }
    // The second request to stop is meant.
    const Duration deadline =
        draining_ ? Duration::milliseconds(1) : Duration::milliseconds(options().drain_timeout_ms);
    SLUICE_LOG(info, "server", "stopping", {"at_once", draining_},
               {"signal", number == SIGTERM ? "SIGTERM" : "SIGINT"});
    draining_ = true;
    state_.is_draining.store(true);  // Before any shard hears of it, see ShardBody.
    for (const std::unique_ptr<ShardRunner>& runner : runners_) {
        if (!runner->has_ended()) {
            runner->drain(ring(), deadline);
        }
    }
}

ReloadReport Process::reload() {
    log_->set_time(ring().wall_clock_ns());
    Reloaded reloaded =
        reload_config(line_, environment_, config_, ticket_keys_, *access_, moment());
    const ReloadReport& report = reloaded.report;
    read_digest_ = std::move(reloaded.digest);
    std::fputs(report.text().c_str(), stderr);
    metrics_.on_reload(report.is_accepted);
    if (!report.is_accepted) {
        SLUICE_LOG(error, "config", "the new configuration has errors; the old one stays",
                   {"errors", report.error_count()});
        return std::move(reloaded.report);
    }
    for (const std::string& key : report.restart_needed) {
        SLUICE_LOG(warning, "config", "this setting takes effect after a restart only",
                   {"key", key});
    }
    config_ = std::move(reloaded.config);
    on_budgets_changed();
    log_levels_.configure(options());
    give_config();
    discovery_->use(config());
    SLUICE_LOG(info, "config", "the configuration was loaded anew", {"source", source_});
    return std::move(reloaded.report);
}

void Process::change_members(Membership members) {
    RuntimeConfigPtr next = with_members(config_, std::move(members), *access_, moment());
    drain_removed(config_->pools, next->pools);
    config_ = std::move(next);
    give_config();
}

void Process::give_config() {
    std::ranges::for_each(runners_, [&](auto& runner) { runner->reload(ring(), config_); });
}

bool Process::have_all_ended() const {
    return std::all_of(runners_.begin(), runners_.end(),
                       [](const auto& runner) { return runner->has_ended(); });
}

void Process::publish_logs() {
    metrics_.publish_logs(logs_.dropped(), logs_.write_errors());
    ledger_.publish(metrics_);
    traces_.publish(metrics_);
}

void Process::loop() {
    signals_.start(ring());
    config_watch_.emplace(control_->proactor(), line_.config_file, &on_config_change, this);
    while (!have_all_ended()) {
        config_watch_->keep(options().watch_config, read_digest_);
        discovery_->look();
        control_->proactor().turn(draining_ ? kDrainLook : kIdleLook);
        log_->set_time(ring().wall_clock_ns());
        publish_logs();
        pool_keeper_.look(config_->pools, ring().now());
        metrics_.publish_pools(config_->pools, ring().now());
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
    if (control_ != nullptr) {
        stop_asking();
    }
    if (group_ != nullptr) {
        state_.running.fetch_sub(1);
        state_.running.notify_all();
    }
    for (const std::unique_ptr<ShardRunner>& runner : runners_) {
        runner->join();
    }
    if (draining_) {
        cache_->save(snapshot_time());
    }
    if (control_ != nullptr) {
        traces_.stop(*control_);
        stop_control();
    }
    ledger_.stop();
    logs_.close();
}

// Whoever may ask the shards for something ends before they do. What was answered last gets a
// moment to be read; then what is left is cut.
void Process::stop_asking() {
    signals_.stop();
    if (config_watch_) {
        config_watch_->stop();
    }
    if (discovery_) {
        discovery_->stop();
    }
    if (admin_) {
        admin_->stop();
    }
    ledger_.stop_asking();
    const auto is_over = [&] {
        return signals_.is_idle() && (!admin_ || admin_->is_idle()) && ledger_.is_idle() &&
               (!config_watch_ || config_watch_->is_idle()) &&
               (!discovery_ || discovery_->is_idle());
    };
    const Instant cut_at = ring().now() + kControlEndMax;
    bool is_cut = false;
    while (!is_over()) {
        control_->proactor().turn(kDrainLook);
        control_->mailbox().deliver_all();
        if (admin_ && !is_cut && ring().now() >= cut_at) {
            is_cut = true;
            admin_->abort();
        }
    }
}

void Process::stop_control() {
    net::Proactor& proactor = control_->proactor();
    if (resolver_ != nullptr) {
        resolver_->shut_down();
    }
    const Instant cut_at = ring().now() + kControlEndMax;
    bool is_cut = false;
    while (proactor.objects() > 0) {
        proactor.turn(kDrainLook);
        if (!is_cut && ring().now() >= cut_at) {
            is_cut = true;
            proactor.cut_lingering();
        }
    }
    admin_.reset();
    ledger_.reset();
    config_watch_.reset();
    traces_.reset();
    discovery_.reset();
    resolver_.reset();
    log_.reset();
    control_.reset();
}

int Process::run() {
    SignalWatch::block();
    if (loaded_.server.shards == 0) {
        loaded_.server.shards = static_cast<uint32_t>(usable_cores().size());
    }
    if (!take_sockets() || !start_control() || !make_config() || !open_logs() || !open_ledger()) {
        return kExitFailure;
    }
    raise_descriptor_limit(uint64_t{options().http.connections_max} * options().shards * 2 + 1024);
    const bool started = start_resolver() && start_shards() && listen() && start_admin();
    passed_ = {};  // The listeners have their own.
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
