// Going round, and from a record to a value that outlives it.
#include "server/recent_exchanges.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "pipeline/exchange_record.h"
#include "trace/content.h"

namespace sluice::server {

namespace {

using pipeline::ExchangeRecord;

int64_t offset(Instant from, Instant to) {
    return from.is_set() && to.is_set() ? std::max<int64_t>((to - from).us(), 0)
                                        : ExchangeOffsets::kNever;
}

void keep_texts(RecentExchange& to, const ExchangeRecord& record) {
    to.request_id.set(record.request_id);
    to.method.set(record.method);
    to.path.set(record.path);
    to.operation.set(record.operation);
    to.model.set(record.model);
    to.upstream_model.set(record.upstream_model);
    to.upstream.set(record.upstream_name);
    to.series.set(record.upstream_series);
    to.pool.set(record.pool_name);
    to.key.set(record.key_name);
    to.tenant.set(record.tenant);
    const bool is_broken = record.error.kind != ErrorKind::none;
    to.error_detail.set(is_broken && record.error.where != nullptr ? record.error.where : "");
    to.refusal.set(record.key_refusal.empty() ? record.limit : record.key_refusal);
}

void keep_times(RecentExchange& to, const ExchangeRecord& record) {
    const Instant began = record.began;
    to.offsets = {.received = offset(began, record.received),
                  .lease_begun = offset(began, record.lease_begun),
                  .leased = offset(began, record.leased),
                  .sent = offset(began, record.sent),
                  .first_byte = offset(began, record.first_byte),
                  .responded = offset(began, record.responded),
                  .first_event = offset(began, record.first_event),
                  .ended = offset(began, record.ended)};
    to.queued_us = record.queue_wait.us();
    to.retried_us = record.retried.us();
}

void keep_numbers(RecentExchange& to, const ExchangeRecord& record) {
    to.usage = record.usage;
    to.cost_pico_usd = record.cost_pico_usd;
    to.request_bytes = record.request_body_bytes;
    to.response_bytes = record.response_body_bytes;
    to.events = record.events;
    to.status = record.status;
    to.upstream_status = record.upstream_status;
    to.attempts = record.attempts;
    to.is_stream = record.is_stream;
    to.is_priced = record.is_priced;
    to.is_cached = record.is_cached;
    to.connection_reused = record.connection_reused;
    to.cache = record.cache;
    to.hedge = record.hedge;
    to.queue_refusal = record.queue_refusal;
    to.ended_in = record.ended_in;
    to.error = record.error.kind;
    to.error_source = record.error.source;
}

}  // namespace

std::vector<const RecentExchange*> newest_of(
    std::span<const std::optional<std::vector<RecentExchange>>> parts, size_t count) {
    std::vector<const RecentExchange*> all;
    for (const std::optional<std::vector<RecentExchange>>& part : parts) {
        if (part) {
            std::ranges::transform(*part, std::back_inserter(all),
                                   [](const RecentExchange& exchange) { return &exchange; });
        }
    }
    const size_t found = std::min(all.size(), count);
    std::ranges::partial_sort(
        all, all.begin() + static_cast<ptrdiff_t>(found),
        [](const RecentExchange* a, const RecentExchange* b) { return a->is_newer_than(*b); });
    all.resize(found);
    return all;
}

void RecentExchanges::set_limit(uint32_t exchanges_max) {
    if (exchanges_max == exchanges_max_) {
        return;
    }
    std::vector<RecentExchange> kept = newest(exchanges_max);
    std::ranges::reverse(kept);
    std::vector<trace::ContentPtr> contents;
    if (!contents_.empty()) {
        contents.resize(exchanges_max);
        for (size_t i = 0; i < kept.size(); ++i) {
            contents[i] = std::move(contents_[place_of(kept.size() - 1 - i)]);
        }
    }
    kept.reserve(exchanges_max);  // So that no exchange allocates; untouched pages cost nothing.
    ring_ = std::move(kept);
    contents_ = std::move(contents);
    oldest_ = 0;
    exchanges_max_ = exchanges_max;
    keep_content(keeps_content_);
}

void RecentExchanges::keep_content(bool keeps) {
    keeps_content_ = keeps;
    if (keeps_content()) {
        contents_.resize(exchanges_max_);
        return;
    }
    contents_ = {};
    for (RecentExchange& exchange : ring_) {
        exchange.has_content = false;
    }
}

void RecentExchanges::add(const ExchangeRecord& record,
                          std::string_view route,
                          uint32_t shard,
                          int64_t wall_clock_ns) {
    if (exchanges_max_ == 0) {
        return;
    }
    size_t place = ring_.size();
    if (ring_.size() < exchanges_max_) {
        ring_.emplace_back();
    } else {
        place = oldest_;
        oldest_ = (oldest_ + 1) % exchanges_max_;
    }
    RecentExchange* const to = &ring_[place];
    to->has_content = keeps_content() && record.content != nullptr;
    if (keeps_content()) {
        contents_[place] = record.content;
    }
    to->ended_at_ns = wall_clock_ns;
    to->number = ++last_number_;
    to->shard = shard;
    to->route.set(route);
    keep_texts(*to, record);
    keep_times(*to, record);
    keep_numbers(*to, record);
}

std::vector<RecentExchange> RecentExchanges::newest(size_t count) const {
    std::vector<RecentExchange> found;
    found.reserve(std::min(count, ring_.size()));
    for (size_t age = 0; age < ring_.size() && age < count; ++age) {
        found.push_back(ring_[place_of(age)]);
    }
    return found;
}

std::optional<ExchangeWithContent> RecentExchanges::find(uint64_t number) const {
    const auto found = std::ranges::find(ring_, number, &RecentExchange::number);
    if (found == ring_.end()) {
        return std::nullopt;
    }
    ExchangeWithContent one = {.exchange = *found, .content = nullptr};
    if (found->has_content) {
        one.content = contents_[static_cast<size_t>(found - ring_.begin())];
    }
    return one;
}

}  // namespace sluice::server
