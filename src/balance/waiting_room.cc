// Whose turn it is. Classes go by self-clocked fair queueing over requests (the least finish tag is
// served next), tenants by start-time fair queueing over tokens (the least start tag is); a tag is
// given to whoever is first of a tenant only, so that those who leave cost nothing.
#include "balance/waiting_room.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <utility>

#include "base/intrusive_list.h"
#include "base/priority.h"
#include "base/time.h"

namespace sluice::balance {

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
// What one request moves the tag of its class: of 21 that are served while all classes wait, 16 are
// high, 4 normal and 1 is low.
constexpr std::array<uint64_t, kPriorities> kSteps = {1, 4, 16};
// So many of those that wait are looked at in one round, so that a look stays short.
constexpr size_t kLookedAtMax = 4'096;
// Tenants without anybody waiting that are remembered, for having had more than their share.
constexpr size_t kAheadMax = 1'024;

uint64_t tokens_of(const WaitingRoom::Facts& facts) {
    return std::max(facts.prompt_tokens, 1U);
}

}  // namespace

// Those of one class that belong together.
struct WaitingRoom::Tenant {
    uint64_t id = 0;
    uint64_t start = 0;   // Tag of the first one in the line, or of the next to come.
    uint64_t tokens = 0;  // Of all in the line.
    uint64_t count = 0;
    mutable IntrusiveList<Waiter> line = {};  // A list cannot be looked at otherwise.

    uint64_t first_number() const { return line.empty() ? 0 : line.front()->number_; }
};

bool WaitingRoom::ByTurn::operator()(const Tenant* a, const Tenant* b) const {
    if (a->start != b->start) {
        return a->start < b->start;
    }
    const uint64_t first_a = a->first_number();
    const uint64_t first_b = b->first_number();
    return first_a != first_b ? first_a < first_b : a->id < b->id;
}

WaitingRoom::WaitingRoom() = default;
WaitingRoom::~WaitingRoom() = default;

// --- Tags and lines.

WaitingRoom::Tenant& WaitingRoom::tenant_of(Line& line, uint64_t id) {
    std::unique_ptr<Tenant>& found = line.tenants[id];
    if (found == nullptr) {
        found = std::make_unique<Tenant>();
        found->id = id;
    }
    if (found->count == 0) {
        line.ahead.erase(found.get());
        found->start = std::max(found->start, line.clock);
    }
    return *found;
}

uint64_t WaitingRoom::first_finish(size_t line) const {
    return std::max(clock_, lines_[line].finish) + kSteps[line];
}

void WaitingRoom::link(Waiter& waiter) {
    const auto index = static_cast<size_t>(waiter.facts_.priority);
    Line& line = lines_[index];
    if (line.count.load(kRelaxed) == 0) {
        line.finish = first_finish(index);
    }
    Tenant& tenant = tenant_of(line, waiter.facts_.tenant);
    waiter.number_ = ++arrivals_;
    waiter.tenant_ = &tenant;
    tenant.line.push_back(waiter);
    tenant.tokens += tokens_of(waiter.facts_);
    if (++tenant.count == 1) {
        line.turns.insert(&tenant);
    }
    ++counts_by_needs_[waiter.facts_.needs];
    line.count.fetch_add(1, kRelaxed);
    waiting_.fetch_add(1, kRelaxed);
}

void WaitingRoom::drop_needs(uint32_t needs) {
    const auto found = counts_by_needs_.find(needs);
    if (--found->second == 0) {
        counts_by_needs_.erase(found);
    }
}

void WaitingRoom::unlink(Waiter& waiter, bool is_served) {
    const auto index = static_cast<size_t>(waiter.facts_.priority);
    Line& line = lines_[index];
    Tenant& tenant = *std::exchange(waiter.tenant_, nullptr);
    line.turns.erase(&tenant);
    waiter.unlink();
    tenant.tokens -= tokens_of(waiter.facts_);
    drop_needs(waiter.facts_.needs);
    const bool is_last = line.count.fetch_sub(1, kRelaxed) == 1;
    waiting_.fetch_sub(1, kRelaxed);
    if (is_served) {
        clock_ = std::max(clock_, line.finish);
        line.finish += is_last ? 0 : kSteps[index];
        line.clock = std::max(line.clock, tenant.start);
        tenant.start += tokens_of(waiter.facts_);
    } else if (is_last) {
        line.finish -= kSteps[index];  // It was not used.
    }
    if (--tenant.count > 0) {
        line.turns.insert(&tenant);
    } else {
        line.ahead.insert(&tenant);
    }
    while (!line.ahead.empty()) {
        Tenant* const least = *line.ahead.begin();
        if (least->start > line.clock && line.ahead.size() <= kAheadMax) {
            break;
        }
        line.ahead.erase(line.ahead.begin());
        line.tenants.erase(least->id);
    }
}

// Classes that have somebody, the next one first.
WaitingRoom::Order WaitingRoom::order() const {
    Order order;
    for (size_t i = 0; i < kPriorities; ++i) {
        if (lines_[i].count.load(kRelaxed) == 0) {
            continue;
        }
        size_t at = order.count++;
        for (; at > 0 && lines_[order.lines[at - 1]].finish > lines_[i].finish; --at) {
            order.lines[at] = order.lines[at - 1];
        }
        order.lines[at] = i;
    }
    return order;
}

// --- Coming and going.

WaitingRoom::Entry WaitingRoom::enter(Waiter& waiter,
                                      uint32_t waiting_max,
                                      Duration wait_max,
                                      Instant now) {
    const std::scoped_lock lock(mutex_);
    Entry entry;
    const bool is_first = waiting_.load(kRelaxed) == 0;
    if (is_first) {
        rate_.begin(now);  // As the time in which nobody waited says nothing.
    }
    const Duration wait = wait_for(places_before(waiter.facts_) + 1, now);
    if (wait > wait_max && !is_first) {  // Or nobody would ever show that it has become faster.
        entry.refusal = Refusal::hopeless;
        entry.retry_after = wait - wait_max;
        return entry;
    }
    if (waiting_.load(kRelaxed) >= waiting_max && !make_place(waiter.facts_, now, entry.told)) {
        entry.refusal = Refusal::full;
        entry.retry_after = wait_for(waiting_.load(kRelaxed) + 1, now);
        return entry;
    }
    link(waiter);
    watcher_ = watcher_ == nullptr ? &waiter : watcher_;
    begin_round(entry.told);
    return entry;
}

bool WaitingRoom::make_place(const Facts& facts, Instant now, Told& told) {
    Waiter* const out = newest_below(facts.priority) != nullptr ? newest_below(facts.priority)
                                                                : newest_of_longest(facts);
    if (out == nullptr) {
        return false;
    }
    unlink(*out, false);
    out->is_pushed_out_ = true;
    out->retry_after_ = wait_for(places_before(out->facts_) + 1, now);
    post(*out, told);
    if (watcher_ == out) {
        watcher_ = nullptr;
        watch(told);
    }
    return true;
}

// Of the lowest class below this one that has somebody who is not looking for a target just now.
WaitingRoom::Waiter* WaitingRoom::newest_below(Priority priority) {
    for (size_t i = kPriorities - 1; i > static_cast<size_t>(priority); --i) {
        Waiter* newest = nullptr;
        for (Tenant* const tenant : lines_[i].turns) {
            Waiter* const last = tenant->line.back();
            if (last != called_ && (newest == nullptr || last->number_ > newest->number_)) {
                newest = last;
            }
        }
        if (newest != nullptr) {
            return newest;
        }
    }
    return nullptr;
}

// In the same class, where somebody has more waiting than this one would have.
WaitingRoom::Waiter* WaitingRoom::newest_of_longest(const Facts& facts) {
    Line& line = lines_[static_cast<size_t>(facts.priority)];
    const auto own = line.tenants.find(facts.tenant);
    uint64_t most = own == line.tenants.end() ? 1 : own->second->count + 1;
    Waiter* newest = nullptr;
    for (Tenant* const tenant : line.turns) {
        if (tenant->count > most && tenant->line.back() != called_) {
            most = tenant->count;
            newest = tenant->line.back();
        }
    }
    return newest;
}

WaitingRoom::Told WaitingRoom::leave(Waiter& waiter, bool is_served, Instant now) {
    const std::scoped_lock lock(mutex_);
    Told told;
    waiter.news_.unlink();
    if (waiter.tenant_ == nullptr) {
        return told;
    }
    unlink(waiter, is_served);
    if (is_served) {
        rate_.on_served(now);
    }
    if (watcher_ == &waiter) {
        watcher_ = nullptr;
        watch(told);
    }
    if (called_ == &waiter) {
        call_next(told);
    }
    return told;
}

// --- Turns.

WaitingRoom::Told WaitingRoom::look() {
    const std::scoped_lock lock(mutex_);
    Told told;
    begin_round(told);
    return told;
}

WaitingRoom::Told WaitingRoom::pass(Waiter& waiter, uint32_t needs) {
    const std::scoped_lock lock(mutex_);
    Told told;
    if (called_ != &waiter) {
        return told;
    }
    waiter.round_ = round_;
    if (waiter.facts_.needs != needs) {  // By the pool as it is now.
        drop_needs(std::exchange(waiter.facts_.needs, needs));
        ++counts_by_needs_[needs];
    }
    if (failed_count_ < failed_needs_.size()) {
        failed_needs_[failed_count_++] = needs;
    }
    call_next(told);
    return told;
}

void WaitingRoom::pause() {
    const std::scoped_lock lock(mutex_);
    rate_.pause();
}

// One round goes on for as long as there may be room; who looks meanwhile has another one begin.
void WaitingRoom::begin_round(Told& told) {
    if (called_ != nullptr) {
        again_ = true;
        return;
    }
    ++round_;
    failed_count_ = 0;
    call_next(told);
}

void WaitingRoom::call_next(Told& told) {
    called_ = find_next();
    if (called_ == nullptr && std::exchange(again_, false)) {
        ++round_;
        failed_count_ = 0;
        called_ = find_next();
    }
    if (called_ != nullptr) {
        post(*called_, told);
    }
}

WaitingRoom::Waiter* WaitingRoom::find_next() {
    if (failed_count_ == failed_needs_.size()) {
        return nullptr;
    }
    // Mostly all need the same, and one has looked for it: then there are thousands of others
    // that need not be looked at.
    if (std::ranges::all_of(counts_by_needs_,
                            [&](const auto& count) { return has_failed(count.first); })) {
        return nullptr;
    }
    size_t looked = 0;
    const Order lines = order();
    for (size_t i = 0; i < lines.count && looked < kLookedAtMax; ++i) {
        if (Waiter* const found = find_in(lines_[lines.lines[i]], looked)) {
            return found;
        }
    }
    return nullptr;
}

WaitingRoom::Waiter* WaitingRoom::find_in(Line& line, size_t& looked) {
    for (Tenant* const tenant : line.turns) {
        IntrusiveList<Waiter>& all = tenant->line;
        for (Waiter* waiter = all.front(); waiter != nullptr; waiter = all.next(*waiter)) {
            if (may_find_room(*waiter)) {
                return waiter;
            }
            if (++looked == kLookedAtMax) {
                return nullptr;
            }
        }
    }
    return nullptr;
}

bool WaitingRoom::may_find_room(const Waiter& waiter) const {
    return waiter.round_ != round_ && !has_failed(waiter.facts_.needs);
}

// Somebody needs no more than this, and has not found it in this round.
bool WaitingRoom::has_failed(uint32_t needs) const {
    return std::ranges::any_of(std::span(failed_needs_).first(failed_count_),
                               [&](uint32_t failed) { return (failed & ~needs) == 0; });
}

// --- News.

void WaitingRoom::watch(Told& told) {
    const Order lines = order();
    if (lines.count > 0) {
        watcher_ = (*lines_[lines.lines[0]].turns.begin())->line.front();
        post(*watcher_, told);
    }
}

void WaitingRoom::post(Waiter& waiter, Told& told) {
    const uint32_t shard = waiter.facts_.shard;
    while (news_.size() <= shard) {
        news_.emplace_back();
    }
    if (waiter.news_.is_linked()) {
        return;
    }
    // Where there is news already, it is about to be told.
    if (news_[shard].empty() && told.count < told.shards.size()) {
        told.shards[told.count++] = shard;
    }
    news_[shard].push_back(waiter.news_);
}

WaitingRoom::Waiter* WaitingRoom::take_news(uint32_t shard) {
    const std::scoped_lock lock(mutex_);
    if (news_.size() <= shard) {
        return nullptr;
    }
    Waiter::News* const news = news_[shard].pop_front();
    return news == nullptr ? nullptr : &news->of;
}

WaitingRoom::Standing WaitingRoom::standing(const Waiter& waiter) {
    const std::scoped_lock lock(mutex_);
    return {.is_called = called_ == &waiter,
            .is_pushed_out = waiter.is_pushed_out_,
            .is_watcher = watcher_ == &waiter,
            .retry_after = waiter.retry_after_};
}

// --- How long it takes.

Duration WaitingRoom::expected_wait(const Facts& facts, Instant now) {
    const std::scoped_lock lock(mutex_);
    return wait_for(places_before(facts) + 1, now);
}

Duration WaitingRoom::wait_for(uint64_t places, Instant now) const {
    return rate_.time_for(places, now);
}

// How many would be served before one that came now, if nobody came after it.
uint64_t WaitingRoom::places_before(const Facts& facts) const {
    const auto index = static_cast<size_t>(facts.priority);
    const Line& line = lines_[index];
    const auto own = line.tenants.find(facts.tenant);
    uint64_t before = 0;
    uint64_t start = line.clock;
    if (own != line.tenants.end()) {
        before = own->second->count;
        start = std::max(start, own->second->start) + own->second->tokens;
    }
    for (const Tenant* const tenant : line.turns) {
        if (tenant->id != facts.tenant && tenant->start <= start) {
            const uint64_t each = std::max<uint64_t>(tenant->tokens / tenant->count, 1);
            before += std::min(tenant->count, (start - tenant->start) / each + 1);
        }
    }
    const bool is_first = line.count.load(kRelaxed) == 0;
    const uint64_t finish = (is_first ? first_finish(index) : line.finish) + before * kSteps[index];
    uint64_t others = 0;
    for (size_t i = 0; i < kPriorities; ++i) {
        const uint64_t count = lines_[i].count.load(kRelaxed);
        // Of two with the same tag the higher class goes first.
        const uint64_t bound = i < index ? finish : finish - 1;
        if (i != index && count > 0 && lines_[i].finish <= bound) {
            others += std::min(count, (bound - lines_[i].finish) / kSteps[i] + 1);
        }
    }
    return before + others;
}

}  // namespace sluice::balance
