// A look at the prices before the request, and a header before the answer.
#include "pipeline/processors/cost_meter.h"

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
#include "pipeline/processor.h"
#include "pipeline/route_table.h"
#include "pipeline/service.h"
#include "providers/canonical.h"
#include "providers/dialect.h"
#include "providers/provider_error.h"
#include "providers/reply.h"
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

// Else the filter would turn away what it has nothing to say about.
bool can_read_reply(const ProcessorContext& context) {
    return has_reply_text(context.call) && context.route != nullptr &&
           providers::client_dialect(context.call.dialect) != nullptr &&
           providers::upstream_dialect(context.route->service->vendor().dialect) != nullptr;
}

}  // namespace

Verdict CostMeter::on_request(ProcessorContext& context) {
    if (options_.unknown_model == UnknownModel::allow) {
        return Verdict::proceed();
    }
    const std::string_view model = model_of(context);
    if (model.empty() || context.snapshot == nullptr ||
        has_price(*context.snapshot, context.record.upstream, upstream_name_of(context, model),
                  model)) {
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

void CostMeter::on_response_head(ProcessorContext& context, const ResponseView& /*view*/) {
    ExchangeRecord& record = context.record;
    if (options_.response_header.empty() || context.snapshot == nullptr || record.is_stream ||
        context.wants_stream || !record.usage.is_known) {
        return;
    }
    price_exchange(record, *context.snapshot, context.wall_clock_ns / kSecondNs);
    if (record.is_priced) {
        std::string text;
        append_scaled(text, record.cost_pico_usd, kPicoPlaces, kPlacesMin);
        context.response_fields.set(options_.response_header, context.arena.copy(text));
    }
}

void MeteredReply::on_start(const providers::ReplyStart& start) {
    has_started_ = true;
    next().on_start(start);
}

void MeteredReply::on_text(uint32_t choice, json::Text text) {
    next().on_text(choice, text);
}

void MeteredReply::on_reasoning(uint32_t choice, json::Text text) {
    next().on_reasoning(choice, text);
}

void MeteredReply::on_thinking_block(uint32_t choice, const providers::ThinkingBlock& block) {
    next().on_thinking_block(choice, block);
}

void MeteredReply::on_refusal(uint32_t choice, json::Text text) {
    next().on_refusal(choice, text);
}

void MeteredReply::on_tool_call(uint32_t choice,
                                uint32_t call,
                                const providers::ToolCallStart& start) {
    next().on_tool_call(choice, call, start);
}

void MeteredReply::on_arguments(uint32_t choice, uint32_t call, json::Text fragment) {
    next().on_arguments(choice, call, fragment);
}

void MeteredReply::on_logprobs(uint32_t choice, std::string_view json) {
    next().on_logprobs(choice, json);
}

void MeteredReply::on_extension(uint32_t choice, const providers::Member& member) {
    next().on_extension(choice, member);
}

void MeteredReply::on_finish(uint32_t choice, providers::FinishReason reason) {
    next().on_finish(choice, reason);
}

void MeteredReply::on_usage(const providers::Usage& usage) {
    next().on_usage(usage);
}

void MeteredReply::on_end() {
    next().on_end();
}

void MeteredReply::on_error(const providers::ProviderError& error) {
    next().on_error(error);
}

}  // namespace sluice::pipeline
