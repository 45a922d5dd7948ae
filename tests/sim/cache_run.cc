// What must hold: an answer that somebody gets is, byte for byte, one complete answer to his own
// key, not older than it may be and not from before an invalidation that he could know of; nobody
// waits longer than he must; one call at a time is made for a key; and in the end nothing is left.
#include "sim/cache_run.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/arena.h"
#include "base/error.h"
#include "base/prng.h"
#include "base/text.h"
#include "base/time.h"
#include "cache/cache_key.h"
#include "cache/response_cache.h"
#include "cache/shared_cache.h"
#include "coro/scope.h"
#include "json/tree.h"
#include "net/shard.h"
#include "sim/cache_world.h"
#include "sim/profile.h"
#include "sim/run_result.h"
#include "sim/world.h"

namespace sluice::sim {

namespace {

// Longer than all pauses of all askers, one after the other.
constexpr Duration kTimeMax = Duration::seconds(3600);
constexpr Duration kLateMost = Duration::seconds(1);

}  // namespace

const char* cache_bug_name(CacheBug bug) {
    constexpr const char* kNames[kCacheBugs] = {"none", "keeps_what_was_cut", "forgets_the_tenant",
                                                "never_ends", "skips_a_piece"};
    return kNames[static_cast<size_t>(bug)];
}

CacheWorld::CacheWorld(uint64_t seed, CacheBug bug) : world_(seed), bug_(bug) {
    world_.profile() = Profile::drawn(world_.prng(), false);
    draw_options();
    draw_manners();
    make_shards();
}

CacheWorld::~CacheWorld() {
    scopes_.clear();
    parts_.clear();
    while (!shards_.empty()) {
        shards_.pop_back();  // Last in, first out: their memory pools nest.
    }
}

void CacheWorld::draw_options() {
    Prng& prng = world_.prng();
    options_.enabled = prng.chance(0.9);
    if (prng.chance(0.5)) {
        options_.bytes_max = 20'000 + prng.below(100'000);
        options_.entries_max = 1 + prng.below(20);
        options_.entry_bytes_max = 1'000 + prng.below(20'000);
    }
    options_.ttl_s = prng.chance(0.5) ? 3'600 : 1 + prng.below(5);
    options_.wait_max_ms = prng.chance(0.5) ? 600'000 : 1 + prng.below(3'000);
    options_.joiners_max = prng.chance(0.5) ? 1'000 : prng.below(5);
    if (prng.chance(0.3)) {
        options_.recording_bytes_max = prng.below(100'000);
    }
    keys_ = 1 + prng.below(12);
}

void CacheWorld::draw_manners() {
    Prng& prng = world_.prng();
    if (prng.chance(0.2)) {
        return;  // Perfect ones.
    }
    const auto drawn = [&] { return prng.chance(0.4) ? prng.unit() : 0.0; };
    manners_ = {.leads_and_fails = drawn(),
                .leads_and_leaves = drawn(),
                .asks_and_leaves = drawn(),
                .wants_pieces = prng.unit(),
                .wants_fresh = drawn(),
                .does_not_coalesce = drawn(),
                .is_for_joiners_only = drawn(),
                .invalidates = drawn() / 4,
                .reads_slowly = drawn(),
                .pause_max = Duration::microseconds(1 + prng.below(300'000)),
                .pieces_max = 1 + prng.below(30),
                .piece_bytes_max = 1 + prng.below(prng.chance(0.2) ? 6'000 : 400)};
}

void CacheWorld::make_shards() {
    const uint32_t count = 1 + world_.prng().below(4);
    shard_group_ = std::make_unique<net::ShardGroup>(count);
    group_ = std::make_unique<cache::CacheGroup>(*shard_group_, options_);
    for (uint32_t i = 0; i < count; ++i) {
        shards_.push_back(std::move(net::Shard::create(i, {}, world_.prng().next()).value()));
        shard_group_->set(*shards_.back());
        world_.add_shard(shards_.back()->proactor());
    }
    for (uint32_t i = 0; i < count; ++i) {
        parts_.push_back(std::make_unique<cache::SharedCache>(*shards_[i], *group_));
        scopes_.push_back(std::make_unique<coro::TaskScope>(shards_[i]->proactor().ready()));
    }
    leaders_.resize(keys_);
}

cache::KeyRef CacheWorld::key(uint32_t number) const {
    Arena arena;
    const std::string body = "{\"n\":" + std::to_string(number / kTenants) + "}";
    const auto tree = json::Value::parse(body, arena, ErrorSource::client);
    const bool forgets = bug_ == CacheBug::forgets_the_tenant;
    const std::string tenant = forgets ? "" : "t" + std::to_string(tenant_of(number));
    return maker_.make(
        {.operation = "chat", .target = "x", .tenant = tenant, .model = "m", .variant = ""},
        **tree);
}

// --- Answers. ----------------------------------------------------------------------------------

// Each call's answer is like no other's.
std::string CacheWorld::body_of(size_t call) const {
    Prng prng(call + 1);
    std::string body = std::to_string(call) + " ";
    const uint32_t size = prng.below(manners_.pieces_max * manners_.piece_bytes_max);
    for (uint32_t i = 0; i < size; ++i) {
        body += static_cast<char>('a' + prng.below(26));
    }
    return body;
}

size_t CacheWorld::begin_call(uint32_t key) {
    if (++leaders_[key] > 1 && manners_.invalidates == 0) {
        complain("two calls at a time for one key");
    }
    calls_.push_back({.key = key, .began = world_.now()});
    return calls_.size() - 1;
}

void CacheWorld::end_call(size_t call, bool is_complete) {
    --leaders_[calls_[call].key];
    calls_[call].ended = world_.now();
    calls_[call].was_completed = is_complete;
}

const Call* CacheWorld::call_of(uint32_t key, std::string_view body, std::string& expected) {
    const auto number = parse_decimal(body.substr(0, body.find(' ')));
    if (!number || *number >= calls_.size()) {
        complain("an answer that nobody gave");
        return nullptr;
    }
    const Call& call = calls_[*number];
    if (call.key != key) {
        complain("key " + std::to_string(key) + " got the answer of " + std::to_string(call.key));
    }
    expected = body_of(*number);
    return &call;
}

void CacheWorld::judge_whole(uint32_t key,
                             std::string_view body,
                             Instant asked,
                             bool is_from_store) {
    std::string expected;
    const Call* const call = call_of(key, body, expected);
    if (call == nullptr) {
        return;
    }
    answered(body.size());
    if (body != expected) {
        complain("an answer of " + std::to_string(body.size()) + " bytes instead of " +
                 std::to_string(expected.size()));
    }
    if (!call->was_completed) {
        complain("an answer that was not completed");
    }
    if (is_from_store && asked - call->ended > Duration::seconds(options_.ttl_s) + kLateMost) {
        complain("an answer that is too old");
    }
    for (const PastInvalidation& past : invalidations_) {
        if (past.tenant == tenant_of(key) && asked > past.ended && call->began < past.began) {
            complain("an answer that was invalidated before it was asked for");
        }
    }
}

void CacheWorld::judge_beginning(uint32_t key, std::string_view got) {
    std::string expected;
    if (got.find(' ') != std::string_view::npos && call_of(key, got, expected) != nullptr &&
        !std::string_view(expected).starts_with(got)) {
        complain("the beginning of another answer");
    }
}

void CacheWorld::complain(const std::string& text) {
    if (result_.complaints.size() < 20) {
        result_.complaints.push_back(std::to_string(world_.now().ns() / 1000) + " us: " + text);
    }
}

// --- The run. ----------------------------------------------------------------------------------

RunResult CacheWorld::run() {
    Prng& prng = world_.prng();
    result_.profile = world_.profile().to_string() + " shards " + std::to_string(shards_.size()) +
                      " keys " + std::to_string(keys_);
    askers_left_ = 1 + prng.below(150);
    const Duration span = Duration::milliseconds(1 + prng.below(8'000));
    for (uint32_t i = askers_left_; i > 0; --i) {
        const uint32_t shard = drawn_shard();
        const Duration delay = world_.drawn_up_to(span);
        if (prng.chance(manners_.invalidates)) {
            scopes_[shard]->spawn(run_invalidation(*this, shard, delay));
        } else {
            scopes_[shard]->spawn(run_asker(*this, shard, delay));
        }
    }
    at_rest_ = world_.run_until([&] { return askers_left_ == 0; }, kTimeMax);
    if (!at_rest_) {
        complain(std::to_string(askers_left_) + " askers are not done");
        return result_;
    }
    // What is still on its way to nobody.
    world_.run_for(Duration::seconds(10));
    check_rest();
    check_statistics();
    for (const auto& shard : shards_) {
        world_.remove_shard(shard->proactor());
    }
    for (const std::string& text : world_.violations()) {
        complain(text);
    }
    return result_;
}

void CacheWorld::check_rest() {
    for (const auto& part : parts_) {
        if (part->flights() + part->lookups() + part->recording_bytes() > 0) {
            complain("left: " + std::to_string(part->flights()) + " flights, " +
                     std::to_string(part->lookups()) + " lookups, " +
                     std::to_string(part->recording_bytes()) + " bytes of recordings");
        }
    }
}

void CacheWorld::check_statistics() {
    const cache::CacheStatistics sum = group_->statistics();
    if (sum.stores !=
        sum.entries + sum.evictions + sum.expirations + sum.replacements + sum.invalidations) {
        complain("stored entries are not accounted for");
    }
    if (options_.enabled && sum.bytes > options_.bytes_max) {
        complain("over the bound: " + std::to_string(sum.bytes) + " bytes");
    }
    const bool has_room = options_.enabled && options_.bytes_max > 1'000'000 &&
                          options_.recording_bytes_max > 1'000'000 && options_.ttl_s > 1000 &&
                          options_.wait_max_ms > 100'000 && options_.joiners_max > 500;
    if (manners_.are_perfect() && has_room && calls_.size() > keys_) {
        complain(std::to_string(calls_.size()) + " calls for " + std::to_string(keys_) + " keys");
    }
}

RunResult run_cache(uint64_t seed, CacheBug bug) {
    // What does not come to rest would fail the assertions of its destructors: it is kept
    // for ever, and so is the list.
    static auto& restless = *new std::vector<std::unique_ptr<CacheWorld>>;
    auto run = std::make_unique<CacheWorld>(seed, bug);
    const RunResult result = run->run();
    if (!run->is_at_rest()) {
        run->leave_world();
        restless.push_back(std::move(run));
    }
    return result;
}

}  // namespace sluice::sim
