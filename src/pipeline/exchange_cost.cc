// One look-up and one bill for each model that was asked.
#include "pipeline/exchange_cost.h"

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "pipeline/client_call.h"
#include "pipeline/exchange_record.h"
#include "pipeline/service.h"
#include "pipeline/snapshot.h"
#include "pipeline/stream_watch.h"
#include "providers/canonical.h"
#include "providers/cost.h"
#include "providers/price_table.h"
#include "providers/vendor.h"

namespace sluice::pipeline {

namespace {

constexpr uint16_t kFirstErrorStatus = 400;

const providers::Price* find_price(const Snapshot& snapshot,
                                   const Service* service,
                                   std::string_view upstream_model,
                                   std::string_view asked) {
    if (snapshot.prices == nullptr || service == nullptr) {
        return nullptr;
    }
    return snapshot.prices->find({.prefixes = service->price_prefixes(),
                                  .upstream_model = upstream_model,
                                  .reply_model = asked});
}

const providers::Price* price_of(const ExchangeRecord& record, const Snapshot& snapshot) {
    const std::string_view model =
        record.upstream_model.empty() ? record.model : record.upstream_model;
    return find_price(snapshot, record.service, model, record.model);
}

int64_t clamped(uint64_t tokens) {
    return static_cast<int64_t>(std::min<uint64_t>(tokens, INT64_MAX));
}

providers::Usage canonical(const Usage& usage) {
    providers::Usage to;
    to.prompt_tokens = clamped(usage.prompt_tokens);
    to.completion_tokens = clamped(usage.completion_tokens);
    to.cached_tokens = clamped(usage.cached_tokens);
    to.cache_write_tokens = clamped(usage.cache_write_tokens);
    to.cache_write_1h_tokens = clamped(usage.cache_write_1h_tokens);
    to.reasoning_tokens = clamped(usage.reasoning_tokens);
    return to;
}

// An unknown usage is unpriced.
providers::Cost cost_of(const Snapshot& snapshot,
                        const providers::Price* price,
                        const Usage& usage,
                        int64_t at_s) {
    if (!usage.is_known) {
        return {};
    }
    return providers::compute_cost(
        price, canonical(usage),
        {.tier = usage.tier,
         .at_s = at_s,
         .reported_pico = usage.reported_cost_pico,
         .trusts_reported = snapshot.trusts_reported_costs && !usage.is_estimated});
}

// No upstream has done anything for it that is billed: none got the request, it was turned away
// there, or nobody takes money for what was asked.
bool is_free(const ExchangeRecord& record) {
    return record.method != "POST" ||
           record.operation == operation_name(providers::Operation::models) ||
           record.operation == operation_name(providers::Operation::count_tokens) ||
           record.attempts == 0 || !record.sent.is_set() ||
           record.upstream_status >= kFirstErrorStatus;
}

}  // namespace

bool has_price(const Snapshot& snapshot,
               const Service* service,
               std::string_view upstream_model,
               std::string_view asked) {
    return find_price(snapshot, service, upstream_model, asked) != nullptr;
}

int64_t expected_cost(const ExchangeRecord& record,
                      const Snapshot& snapshot,
                      const Usage& usage,
                      int64_t at_s) {
    return cost_of(snapshot, price_of(record, snapshot), usage, at_s).pico;
}

void price_exchange(ExchangeRecord& record, const Snapshot& snapshot, int64_t at_s) {
    record.cost_pico_usd = 0;
    record.is_cost_estimated = record.usage.is_known && record.usage.is_estimated;
    record.price_version = snapshot.prices == nullptr ? "" : snapshot.prices->version();
    if (record.is_cached) {
        record.is_priced = true;  // No upstream was asked.
    } else if (record.usage.is_known) {
        const providers::Cost cost =
            cost_of(snapshot, price_of(record, snapshot), record.usage, at_s);
        record.is_priced = cost.is_priced();
        record.cost_pico_usd = cost.pico;
    } else {
        record.is_priced = is_free(record);
    }
    for (ExtraUsage* extra = record.extra_usages; extra != nullptr; extra = extra->next) {
        const providers::Price* const price =
            find_price(snapshot, extra->service, extra->model, {});
        const providers::Cost cost = cost_of(snapshot, price, extra->usage, at_s);
        extra->is_priced = cost.is_priced();
        extra->cost_pico_usd = cost.pico;
        record.is_priced = record.is_priced && extra->is_priced;
        record.cost_pico_usd =
            std::min(record.cost_pico_usd, INT64_MAX - extra->cost_pico_usd) + extra->cost_pico_usd;
    }
}

}  // namespace sluice::pipeline
