// Making, telling and ending the shards.
#include "sim/simulated_gateway.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "access/limit_book.h"
#include "base/log.h"
#include "base/log_writer.h"
#include "base/metric_writer.h"
#include "base/metrics_text.h"
#include "base/text.h"
#include "base/time.h"
#include "config/config.h"
#include "net/address.h"
#include "net/mailbox.h"
#include "net/options.h"
#include "net/proactor.h"
#include "net/shard.h"
#include "server/access_control.h"
#include "server/pools.h"
#include "server/runtime_config.h"
#include "server/shard_body.h"
#include "sim/simulated_names.h"
#include "sim/world.h"

namespace sluice::sim {

namespace {

// Nobody writes them out: the lane fills up and drops.
constexpr size_t kLogLaneBytes = 4096;
constexpr std::string_view kCacheSecret = "the same in every world";
constexpr uint64_t kPoolSeed = 1;  // Not drawn, so that what is drawn stays as it was.

class Call final : public net::Message {
public:
    explicit Call(std::function<void()> function) : function_(std::move(function)) {}
    void deliver() override { function_(); }

private:
    const std::function<void()> function_;
};

LogLane& make_lane(LogWriter& writer) {
    return writer.add_lane(writer.add_sink("stderr").value(), kLogLaneBytes);
}

}  // namespace

access::Moment SimulatedGateway::moment() {
    net::Ring& ring = control_->proactor().ring();
    return {.now = ring.now(), .unix_ms = ring.wall_clock_ns() / 1'000'000};
}

server::RuntimeConfigPtr SimulatedGateway::runtime(const config::Config& config) {
    auto made = std::make_shared<server::RuntimeConfig>();
    made->config = config;
    made->upstreams.resize(config.upstreams.size());
    for (const upstream::UpstreamOptions& options : config.upstreams) {
        made->keys.push_back(std::make_unique<upstream::KeyRing>(options, nullptr));
    }
    made->pools =
        server::make_pools(config, *made->prices, running_ == nullptr ? nullptr : &running_->pools,
                           moment().now, kPoolSeed);
    made->access = access_->load(config, moment()).value();
    running_ = made;
    return made;
}

SimulatedGateway::SimulatedGateway(World& world,
                                   const config::Config& config,
                                   const NameTable& names)
    : world_(world),
      log_writer_(LogWriterOptions()),
      log_(make_lane(log_writer_)),
      group_(config.server.shards),
      cache_(group_, config.cache, kCacheSecret) {
    set_log_level(LogLevel::error);
    const uint32_t count = config.server.shards;
    net::ProactorOptions control_options;
    control_options.buffers = {.block_bytes = 4096, .blocks_max = 4, .window_blocks = 4};
    control_ = net::Shard::create(count, control_options, world.prng().next()).value();
    world.add_shard(control_->proactor());
    access_ = std::make_unique<server::AccessControl>(moment());
    process_.metrics.resize(count);
    const server::RuntimeConfigPtr runtime_config = runtime(config);
    const net::Address at = *net::Address::parse(config.server.host, config.server.port);
    for (uint32_t i = 0; i < count; ++i) {
        shards_.push_back(std::make_unique<Member>(server::ShardPlan{
            .index = i,
            .core = {},
            .seed = world.prng().next(),
            .config = runtime_config,
            .group = group_,
            .process = process_,
            .log = log_,
            .cache = &cache_,
        }));
        Member& member = *shards_.back();
        auto shard =
            net::Shard::create(i, server::proactor_options(config.server), member.plan.seed)
                .value();
        member.shard = shard.get();
        group_.set(*shard);
        auto source = std::make_unique<SimulatedNames>(world, *shard, names);
        member.body =
            std::make_unique<server::ShardBody>(member.plan, std::move(shard), std::move(source));
        world.add_shard(member.body->proactor(), [&member] {
            member.is_over = member.body->look();
            return member.body->wait_max();
        });
        member.body->listen(at).value();
    }
}

SimulatedGateway::~SimulatedGateway() {
    while (!shards_.empty()) {
        shards_.pop_back();  // Last in, first out: their frame pools nest.
    }
}

void SimulatedGateway::send_to_all(const std::function<void(server::ShardBody&)>& action) {
    net::Ring& ring = control_->proactor().ring();
    for (const auto& member : shards_) {
        member->shard->mailbox().post(
            ring, std::make_unique<Call>([&member = *member, action] { action(*member.body); }));
    }
    world_.wake_shard(control_->proactor());
}

void SimulatedGateway::reload(const config::Config& config) {
    send_to_all(
        [next = runtime(config)](server::ShardBody& body) mutable { body.use(std::move(next)); });
}

void SimulatedGateway::send_keys() {
    send_to_all([keys = access_->keys().table()](server::ShardBody& body) { body.use_keys(keys); });
}

void SimulatedGateway::drain(Duration deadline) {
    process_.is_draining = true;
    send_to_all([deadline](server::ShardBody& body) { body.begin_drain(deadline); });
}

bool SimulatedGateway::has_ended() const {
    return std::ranges::all_of(shards_, [](const auto& member) { return member->is_over; });
}

int64_t SimulatedGateway::metric(std::string_view name, std::string_view label) const {
    std::string text;
    MetricsScrape scrape(process_.metrics, MetricsFormat::prometheus);
    while (scrape.step(text)) {
    }
    int64_t sum = 0;
    std::string_view rest = text;
    while (!rest.empty()) {
        const size_t end = std::min(rest.find('\n'), rest.size() - 1);
        const std::string_view line = rest.substr(0, end);
        rest.remove_prefix(end + 1);
        const size_t space = line.rfind(' ');
        if (!line.starts_with(name) || space == std::string_view::npos ||
            line.find_first_of("{ ") != name.size() || line.find(label) == std::string_view::npos) {
            continue;
        }
        std::string_view value = line.substr(space + 1);
        const bool is_negative = value.starts_with('-');
        value.remove_prefix(is_negative ? 1 : 0);
        const auto count = static_cast<int64_t>(parse_decimal(value).value_or(0));
        sum += is_negative ? -count : count;
    }
    return sum;
}

}  // namespace sluice::sim
