// A process for the admin API's handlers that is none: two simulated shards without bodies, a
// configuration, parts of a cache, and metrics that a test fills.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "access/limit_book.h"
#include "base/metrics.h"
#include "base/time.h"
#include "cache/options.h"
#include "cache/shared_cache.h"
#include "coro/scope.h"
#include "coro/signal.h"
#include "coro/task.h"
#include "gtest/gtest.h"
#include "net/shard.h"
#include "providers/price_table.h"
#include "server/access_control.h"
#include "server/admin_api.h"
#include "server/ask_shards.h"
#include "server/log_control.h"
#include "server/membership.h"
#include "server/pools.h"
#include "server/reload.h"
#include "server/usage_desk.h"
#include "sim/sim.h"
#include "unit/config/helpers.h"

namespace sluice::server {

class AdminTest : public testing::Test, protected AdminBackend {
protected:
    static constexpr size_t kShards = 2;
    static constexpr access::Moment kMoment = {Instant::from_ns(8'640'000'000'000'000),
                                               1'795'902'330'000};

    void SetUp() override {
        for (uint32_t i = 0; i < kShards; ++i) {
            data_.push_back(make_shard(i));
            group_.set(*data_.back());
        }
        for (const auto& shard : data_) {
            caches_.push_back(std::make_unique<cache::SharedCache>(*shard, cache_group_));
        }
        control_ = make_shard(kShards);
        desk_.emplace(*control_, group_);
        config_ = config::config_of(config::load(config::kRest));
        store_pointers_ = {&store_};
    }
    void TearDown() override {
        run_for(Duration::milliseconds(10));
        desk_.reset();
        control_.reset();
        caches_.clear();
        while (!data_.empty()) {
            data_.pop_back();  // Last in, first out: their frame pools nest.
        }
        world_.check_end();
        for (const std::string& violation : world_.violations()) {
            ADD_FAILURE() << violation;
        }
    }

    std::unique_ptr<net::Shard> make_shard(uint32_t index) {
        auto shard = net::Shard::create(index, {}, 1).value();
        world_.add_shard(shard->proactor());
        return shard;
    }
    void run_for(Duration time) { world_.run_for(time); }

    // Runs one endpoint to its end.
    AdminAnswer ask(http::Method method, std::string_view path, std::string_view body = "") {
        std::string_view query;
        if (const size_t mark = path.find('?'); mark != std::string_view::npos) {
            query = path.substr(mark + 1);
            path = path.substr(0, mark);
        }
        const AdminMatch match = find_admin_endpoint(method, path);
        EXPECT_NE(match.endpoint, nullptr) << path;
        coro::Signal signal(control_->proactor().ready());
        AdminCall call{.backend = *this,
                       .signal = signal,
                       .client = nullptr,
                       .query = query,
                       .body = body,
                       .parameters = match.parameters};
        std::optional<AdminAnswer> answer;
        coro::TaskScope scope(control_->proactor().ready());
        scope.spawn(keep(match.endpoint->handle(call), answer));
        world_.wake_shard(control_->proactor());
        EXPECT_TRUE(world_.run_until([&] { return answer.has_value(); }, Duration::seconds(60)));
        EXPECT_EQ(scope.running(), 0U);
        return std::move(answer).value_or(AdminAnswer());
    }

    ProcessFacts facts() const override {
        return {.uptime = Duration::seconds(5),
                .is_draining = false,
                .listen = "127.0.0.1:3000",
                .config_source = "test.toml",
                .watches_config = false};
    }
    const config::Config& config() const override { return config_; }
    ReloadReport reload() override { return report_; }
    std::span<const MetricStore* const> metrics() const override { return store_pointers_; }
    ShardDesk& shards() override { return *desk_; }
    AccessControl& access() override { return access_; }
    LogControl& log() override { return log_; }
    access::Moment moment() override { return kMoment; }
    const cache::CacheGroup& cache() override { return cache_group_; }
    PoolsPtr pools() const override { return pools_; }
    const Membership& members() const override { return members_; }
    // Makes pools of them as the process does, of targets that can do everything.
    void change_members(Membership members) override {
        members_ = std::move(members);
        config::Config expanded = config_;
        add_members(expanded, members_);
        auto next = std::make_shared<Pools>(
            make_pools(expanded, providers::PriceTable(), pools_.get(), kMoment.now, 1));
        drain_removed(*pools_, *next);
        pools_ = std::move(next);
    }
    UsageDesk* usage() override { return usage_; }
    void on_budgets_changed() override { ++budget_changes_; }

    static coro::Task<void> keep(coro::Task<AdminAnswer> task, std::optional<AdminAnswer>& to) {
        to = co_await std::move(task);
    }

    sim::World world_{1};
    net::ShardGroup group_{kShards};
    std::vector<std::unique_ptr<net::Shard>> data_;
    std::unique_ptr<net::Shard> control_;
    std::optional<ShardDesk> desk_;
    config::Config config_;
    ReloadReport report_;
    MetricStore store_;
    std::vector<const MetricStore*> store_pointers_;
    AccessControl access_{kMoment};
    LogControl log_;
    cache::CacheGroup cache_group_{group_, {.enabled = true}};
    std::vector<std::unique_ptr<cache::SharedCache>> caches_;
    PoolsPtr pools_ = std::make_shared<const Pools>();
    Membership members_;
    UsageDesk* usage_ = nullptr;
    uint32_t budget_changes_ = 0;
};

}  // namespace sluice::server
