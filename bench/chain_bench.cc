// What knowing who asks, limits, money and figures add to a request: the whole chain of
// authenticate, rate_limit, budget and cost_meter with its end, the bill and the metrics, against a
// request without any of it. Their difference is to stay below three microseconds of CPU.
//
// "request/0" is what every exchange has anyway: here its arena and its record. "request/1" is
// everything, "request/2" the chain alone, "request/3" bill and metrics alone. The prompt has 600
// bytes.
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include "access/limit_book.h"
#include "access/virtual_key.h"
#include "allocation_count.h"
#include "base/arena.h"
#include "base/result.h"
#include "base/time.h"
#include "config/config.h"
#include "coro/scope.h"
#include "coro/signal.h"
#include "coro/task.h"
#include "http/header_map.h"
#include "http/message.h"
#include "http/types.h"
#include "net/shard.h"
#include "pipeline/chain.h"
#include "pipeline/client_call.h"
#include "pipeline/exchange_cost.h"
#include "pipeline/exchange_record.h"
#include "pipeline/options.h"
#include "pipeline/processor.h"
#include "pipeline/route_table.h"
#include "pipeline/service.h"
#include "pipeline/snapshot.h"
#include "providers/price_table.h"
#include "server/access_control.h"
#include "server/options.h"
#include "server/telemetry.h"
#include "upstream/key_ring.h"
#include "upstream/options.h"

namespace sluice {
namespace {

constexpr access::Moment kMoment = {Instant::from_ns(8'640'000'000'000'000), 1'795'902'330'000};
constexpr std::string_view kSecret = "sk-sluice-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
constexpr std::string_view kPath = "/v1/chat/completions";
constexpr std::string_view kPrices =
    R"({"gpt-4o":{"input_cost_per_token":2.5e-6,"output_cost_per_token":1e-5}})";
constexpr int64_t kMuch = 1'000'000'000;

// Which parts of it a benchmark has.
enum class Part : uint8_t { nothing, everything, chain_alone, bill_and_metrics_alone };

config::Config make_config() {
    config::Config config;
    config.processors = {
        {.name = "auth", .type = "authenticate", .config = pipeline::AuthenticateOptions()},
        {.name = "limits", .type = "rate_limit", .config = pipeline::RateLimitOptions()},
        {.name = "money", .type = "budget", .config = pipeline::BudgetOptions()},
        {.name = "meter",
         .type = "cost_meter",
         .config = pipeline::CostMeterOptions{.response_header = "x-cost"}},
    };
    access::KeyOptions& key = config.virtual_keys.emplace_back();
    key.name = "ci";
    key.tenant = "research";
    key.hash = crypto::hex(access::hash_secret(kSecret));
    key.models = {"gpt-4o"};
    key.limits = {.requests_per_minute = kMuch, .tokens_per_day = kMuch, .concurrency_max = 1'000};
    key.budget = {.usd = "9000000", .soft_usd = "", .period = access::BudgetPeriod::month};
    access::TenantOptions& tenant = config.tenants.emplace_back();
    tenant.name = "research";
    tenant.limits = {.requests_per_minute = kMuch, .tokens_per_minute = kMuch};
    tenant.budget = {.usd = "9000000", .soft_usd = "8000000"};
    pipeline::RouteOptions& route = config.routes.emplace_back();
    route.path_prefix = "/v1";
    route.target_llm = "up";
    return config;
}

class World {
public:
    World() {
        upstream_.name = "up";
        upstream_.base_url = "http://127.0.0.1:1";
        upstream_.provider = "openai";
        keys_ = std::make_unique<upstream::KeyRing>(upstream_, nullptr);
        std::vector<providers::PriceComplaint> complaints;
        auto tables = access_.load(config_, kMoment);
        if (!tables || !prices_.add_file(kPrices, complaints)) {
            std::abort();
        }
        tables_ = *std::move(tables);
        pipeline::ChainSet chains(config_.processors, {.scopes = &tables_.scopes});
        const std::string names[] = {"auth", "limits", "money", "meter"};
        chain_ = chains.chain(names);
        std::vector<std::unique_ptr<pipeline::Service>> services;
        services.push_back(std::make_unique<pipeline::Service>(upstream_, *keys_));
        snapshot_ = std::make_unique<pipeline::Snapshot>(
            nullptr, std::move(services), std::move(chains),
            std::vector<std::unique_ptr<pipeline::TargetPool>>(), std::vector<pipeline::Route>());
        snapshot_->prices = &prices_;
        route_.options = &config_.routes.front();
        pool_.targets = {
            {.name = "up", .upstream = {}, .service = snapshot_->services.front().get()}};
        route_.pool = &pool_;
        telemetry_.use(config_);
        head_.headers = http::HeaderMap(fields_);
        head_.method = http::Method::post;
        if (!head_.headers.add("authorization", authorization_)) {
            std::abort();
        }
    }

    // False when the request was refused, or nobody knows what it cost.
    bool request(Part part) {
        arena_.reset();
        pipeline::ExchangeRecord record;
        record.request_id = "req-1";
        record.method = "POST";
        record.path = kPath;
        record.model = "gpt-4o";
        const bool has_chain = part == Part::everything || part == Part::chain_alone;
        const bool has_figures = part == Part::everything || part == Part::bill_and_metrics_alone;
        if (has_figures) {
            telemetry_.on_exchange_begin();
        }
        std::unique_ptr<pipeline::ChainRun> run;
        if (has_chain) {
            run = std::make_unique<pipeline::ChainRun>(*chain_, arena_, record);
            fill(run->context());
            if (!run_request(*run)) {
                return false;
            }
        }
        answer(record);
        if (run != nullptr) {
            run->on_response_head({.status = 200, .content_type = "application/json"});
        }
        if (has_figures) {
            pipeline::price_exchange(record, *snapshot_, kMoment.unix_s());
            if (record.cost_pico_usd == 0) {
                return false;
            }
        }
        run.reset();
        if (has_figures) {
            telemetry_.on_exchange_end(record);
        }
        benchmark::DoNotOptimize(record);
        return true;
    }

private:
    void fill(pipeline::ProcessorContext& context) {
        context.snapshot = snapshot_.get();
        context.route = &route_;
        context.keys = tables_.keys.get();
        context.head = &head_;
        context.upstream_name = upstream_.name;
        context.call = pipeline::client_call(http::Method::post, kPath);
        context.now = kMoment.now;
        context.wall_clock_ns = kMoment.unix_ms * 1'000'000;
    }

    // As an exchange does: who asks before there is a body, everything else when there is.
    bool run_request(pipeline::ChainRun& run) {
        if (!run.run_early(1)) {
            return false;
        }
        run.context().body.take_text(body_);
        is_admitted_ = false;
        scope_.spawn(go(run));
        return is_admitted_ && scope_.running() == 0;
    }
    coro::Task<void> go(pipeline::ChainRun& run) {
        const Result<bool> answers = co_await run.run_request();
        is_admitted_ = answers.has_value();
    }

    void answer(pipeline::ExchangeRecord& record) const {
        record.status = 200;
        record.upstream_status = 200;
        record.attempts = 1;
        record.route = 0;
        record.service = snapshot_->services.front().get();
        record.usage = {.prompt_tokens = 150, .completion_tokens = 40, .is_known = true};
        record.began = kMoment.now;
        record.first_byte = kMoment.now + Duration::milliseconds(200);
        record.ended = kMoment.now + Duration::milliseconds(300);
    }

    const config::Config config_ = make_config();
    const std::string authorization_ = "Bearer " + std::string(kSecret);
    const std::string body_ =
        R"({"model":"gpt-4o","max_tokens":100,"messages":[{"role":"user","content":")" +
        std::string(520, 'a') + R"("}]})";
    upstream::UpstreamOptions upstream_;
    std::unique_ptr<upstream::KeyRing> keys_;
    providers::PriceTable prices_;
    server::AccessControl access_{kMoment};
    server::AccessTables tables_;
    std::unique_ptr<net::Shard> shard_ = net::Shard::create(0, {}, 1).value();
    server::ShardTelemetry telemetry_{*shard_, nullptr, server::AccessLogFormat::json, nullptr};
    const pipeline::Chain* chain_ = nullptr;
    std::unique_ptr<pipeline::Snapshot> snapshot_;
    pipeline::TargetPool pool_;
    pipeline::Route route_ = {};
    http::HeaderField fields_[8];
    http::RequestHead head_;
    Arena arena_;
    coro::ReadyQueue queue_;
    coro::TaskScope scope_{queue_};
    bool is_admitted_ = false;
};

void request(benchmark::State& state) {
    World world;
    const auto part = static_cast<Part>(state.range(0));
    if (!world.request(part)) {  // What the first one makes, the others use again.
        state.SkipWithError("refused, or without a price");
        return;
    }
    const uint64_t before = allocation_count();
    for (auto _ : state) {
        if (!world.request(part)) {
            state.SkipWithError("refused, or without a price");
            break;
        }
    }
    state.counters["allocations"] = benchmark::Counter(
        static_cast<double>(allocation_count() - before), benchmark::Counter::kAvgIterations);
}

BENCHMARK(request)
    ->Arg(static_cast<int64_t>(Part::nothing))
    ->Arg(static_cast<int64_t>(Part::everything))
    ->Arg(static_cast<int64_t>(Part::chain_alone))
    ->Arg(static_cast<int64_t>(Part::bill_and_metrics_alone));

}  // namespace
}  // namespace sluice

BENCHMARK_MAIN();
