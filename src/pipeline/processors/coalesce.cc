// The same as the cache does on a miss, without the cache. Tenants never share a call.
#include "pipeline/processors/coalesce.h"

#include "cache/cache_key.h"
#include "pipeline/exchange_record.h"
#include "pipeline/processor.h"
#include "pipeline/shared_call.h"

namespace sluice::pipeline {

Verdict Coalesce::on_request(ProcessorContext& context) {
    if (resources().cache == nullptr || context.body.empty()) {
        return Verdict::proceed();
    }
    const auto tree = context.body.tree();
    if (!tree || !is_shareable(context, **tree) || !(options_.any || is_deterministic(**tree))) {
        return Verdict::proceed();
    }
    cache::KeyRef key = make_key(context, **tree,
                                 {.kind = "coalesce",
                                  .tenant = context.record.tenant,
                                  .vary_headers = options_.vary_headers});
    const SharingPlan plan = {.reads_store = false, .stores = false, .tells_all = false};
    return ask(context, std::move(key), plan, wish_of(context, **tree));
}

}  // namespace sluice::pipeline
