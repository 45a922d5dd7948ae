// A look at the prices before the request, and a header before the answer.
#include "pipeline/processors/cost_meter.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/decimal.h"
#include "base/error.h"
#include "json/tree.h"
#include "json/unescape.h"
#include "pipeline/client_call.h"
#include "pipeline/exchange_cost.h"
#include "pipeline/header_edits.h"
#include "pipeline/json_path.h"
#include "pipeline/llm_target.h"
#include "pipeline/processor.h"
#include "pipeline/route_table.h"
#include "pipeline/service.h"
#include "pipeline/snapshot.h"
#include "pipeline/target_pool.h"
#include "providers/dialect.h"
#include "providers/reply_filter.h"

namespace sluice::pipeline {

namespace {

constexpr int kPlacesMin = 6;
constexpr int64_t kSecondNs = 1'000'000'000;
// Names are told up to here.
constexpr size_t kToldBytesMax = 64;

// The model that the body asks for now, whatever the steps before have made of it.
std::string_view model_of(ProcessorContext& context) {
    const auto tree = context.body.tree();
    if (!tree) {
        return {};
    }
    size_t count = 0;
    const json::Value* const found = find_member(**tree, "model", context.arena, count);
    if (found == nullptr || !found->is_string()) {
        return {};
    }
    const auto text = json::unescape(found->text().raw, context.arena);
    return text ? *text : std::string_view();
}

std::string_view upstream_name_of(const ProcessorContext& context, std::string_view model) {
    if (model != context.record.model) {
        return context.route == nullptr ? model : context.route->model_for(model);
    }
    return context.record.upstream_model.empty() ? model : context.record.upstream_model;
}

// Of the target that is asked; of every one that may be, where there is a choice.
bool has_known_price(const ProcessorContext& context, std::string_view model) {
    const Snapshot& snapshot = *context.snapshot;
    if (context.route == nullptr || !context.route->pool->has_choice()) {
        return has_price(snapshot, context.record.service, upstream_name_of(context, model), model);
    }
    return std::ranges::all_of(context.route->pool->targets, [&](const LlmTarget& target) {
        return has_price(snapshot, target.service, context.route->model_for(model, target), model);
    });
}

// Else the filter would turn away what it has nothing to say about.
bool can_read_reply(const ProcessorContext& context) {
    return has_reply_text(context.call) && context.route != nullptr &&
           providers::client_dialect(context.call.dialect) != nullptr &&
           providers::upstream_dialect(context.route->pool->first().service->vendor().dialect) !=
               nullptr;
}

}  // namespace

Verdict CostMeter::on_request(ProcessorContext& context) {
    if (options_.unknown_model == UnknownModel::allow) {
        return Verdict::proceed();
    }
    const std::string_view model = model_of(context);
    if (model.empty() || context.snapshot == nullptr || has_known_price(context, model)) {
        return Verdict::proceed();
    }
    return context.refuse(
        ErrorKind::invalid_field,
        {.status = 400,
         .type = "invalid_request_error",
         .code = "model_without_price",
         .param = "model",
         .message = context.arena.join({"The model '", model.substr(0, kToldBytesMax),
                                        "' has no price, and this route takes "
                                        "only models that have one."})});
}

providers::ReplyFilter* CostMeter::reply_filter(ProcessorContext& context) {
    if (options_.response_header.empty() || context.wants_stream || !can_read_reply(context)) {
        return nullptr;
    }
    return &reply_.emplace();
}

void CostMeter::on_response_head(ProcessorContext& context, const ResponseView& view) {
    ExchangeRecord& record = context.record;
    if (view.status != 200 || options_.response_header.empty() || context.snapshot == nullptr ||
        record.is_stream || context.wants_stream || !record.usage.is_known) {
        return;
    }
    price_exchange(record, *context.snapshot, context.wall_clock_ns / kSecondNs);
    if (record.is_priced) {
        std::string text;
        append_scaled(text, record.cost_pico_usd, kPicoPlaces, kPlacesMin);
        context.response_fields.set(options_.response_header, context.arena.copy(text));
    }
}

}  // namespace sluice::pipeline
