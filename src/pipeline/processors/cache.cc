// The client's words about the cache come from its body (`cache_enabled`, which goes no further)
// and from its Cache-Control field (RFC 9111 section 5.2.1).
#include "pipeline/processors/cache.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "base/text.h"
#include "base/time.h"
#include "cache/cache_key.h"
#include "cache/options.h"
#include "cache/reply.h"
#include "cache/shared_cache.h"
#include "http/header_map.h"
#include "http/header_names.h"
#include "http/message.h"
#include "json/tree.h"
#include "pipeline/exchange_record.h"
#include "pipeline/processor.h"
#include "pipeline/shared_call.h"

namespace sluice::pipeline {

namespace {

constexpr std::string_view kEnabled = "cache_enabled";

// One directive of a Cache-Control field. What is not known means nothing.
void take_directive(std::string_view directive, SharingPlan& plan) {
    constexpr std::string_view kMaxAge = "max-age=";
    if (equals_ignoring_case(directive, "no-cache")) {
        plan.reads_store = plan.coalesces = false;
    } else if (equals_ignoring_case(directive, "no-store")) {
        plan.stores = plan.coalesces = false;
    } else if (equals_ignoring_case(directive, "only-if-cached")) {
        plan.only_if_cached = true;
        plan.coalesces = false;
    } else if (equals_ignoring_case(directive.substr(0, kMaxAge.size()), kMaxAge)) {
        constexpr uint64_t kSecondsMax = 1'000'000'000;  // A lifetime.
        const auto seconds = parse_decimal(directive.substr(kMaxAge.size()));
        if (seconds) {
            plan.age_max =
                Duration::seconds(static_cast<int64_t>(std::min<uint64_t>(*seconds, kSecondsMax)));
        }
    }
}

void take_directives(const http::HeaderMap& headers, SharingPlan& plan) {
    for (const http::HeaderField& field : headers) {
        std::string_view rest = field.id == http::HeaderId::cache_control ? field.value : "";
        while (!rest.empty()) {
            const size_t comma = std::min(rest.find(','), rest.size());
            take_directive(trim_ows(rest.substr(0, comma)), plan);
            rest.remove_prefix(std::min(comma + 1, rest.size()));
        }
    }
}

}  // namespace

bool CacheStep::make_plan(ProcessorContext& context,
                          const json::Value& body,
                          SharingPlan& plan) const {
    if (resources().cache == nullptr || !resources().cache->options().enabled ||
        body[kEnabled].type() == json::ValueType::boolean_false ||
        (options_.deterministic_only && !is_deterministic(body))) {
        return false;
    }
    const cache::CacheOptions& room = resources().cache->options();
    plan.coalesces = room.coalesce;
    plan.ttl = Duration::seconds(options_.ttl_s == 0 ? room.ttl_s : options_.ttl_s);
    plan.pace = options_.replay == CacheReplay::at_once ? cache::ReplayPace::at_once
                                                        : cache::ReplayPace::original;
    if (context.head != nullptr) {
        take_directives(context.head->headers, plan);
    }
    return plan.reads_store || plan.stores;
}

Verdict CacheStep::on_request(ProcessorContext& context) {
    const auto tree =
        context.body.empty() ? Result<const json::Value*>(fail({})) : context.body.tree();
    if (!tree || !(**tree).is_object()) {
        return Verdict::proceed();
    }
    const json::Value& body = **tree;
    SharingPlan plan;
    const bool can_be_shared = is_shareable(context, body);
    const bool applies = can_be_shared && make_plan(context, body, plan);
    cache::KeyRef key;
    if (applies) {
        const bool is_shared =
            options_.shared_over_tenants && !resources().cache->options().per_tenant;
        key = make_key(context, body,
                       {.kind = "cache",
                        .tenant = is_shared ? std::string_view() : context.record.tenant,
                        .vary_headers = options_.vary_headers});
    }
    const ReplyWish wish = wish_of(context, body);
    if (const json::Value& word = body[kEnabled]; word.is_present()) {
        context.body.remove_member(body, word);
    }
    if (!can_be_shared) {
        return Verdict::proceed();
    }
    if (!applies) {
        bypass(context);
        return Verdict::proceed();
    }
    return ask(context, std::move(key), plan, wish);
}

}  // namespace sluice::pipeline
