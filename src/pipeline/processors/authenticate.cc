// The key comes in one of the fields that the vendors' clients use; it is for us, and none of them
// goes on to an upstream.
#include "pipeline/processors/authenticate.h"

#include <string>
#include <string_view>

#include "access/key_table.h"
#include "access/virtual_key.h"
#include "base/error.h"
#include "base/text.h"
#include "http/framing.h"
#include "http/header_map.h"
#include "http/header_names.h"
#include "http/message.h"
#include "http/server_exchange.h"
#include "pipeline/options.h"
#include "pipeline/processor.h"
#include "pipeline/route_table.h"
#include "providers/provider_error.h"

namespace sluice::pipeline {

namespace {

using access::AccessReason;
using access::VirtualKey;
using http::HeaderId;

// The key in a field that may hold it with or without the word Bearer.
std::string_view key_in(std::string_view value) {
    const std::string_view token = access::bearer_token(value);
    return token.empty() ? trim_ows(value) : token;
}

std::string_view route_of(const ProcessorContext& context) {
    return context.route == nullptr ? std::string_view()
                                    : std::string_view(context.route->options->path_prefix);
}

Verdict refuse_key(ProcessorContext& context, AccessReason reason) {
    context.record.key_refusal = access::access_reason_name(reason);
    providers::ProviderError told = {
        .status = 401, .type = "invalid_request_error", .code = "invalid_api_key"};
    switch (reason) {
        case AccessReason::missing:
            told.message =
                "You didn't provide an API key. You need to provide your API key in an "
                "Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY), or "
                "in an x-api-key header.";
            break;
        case AccessReason::revoked:
            told.message = "The API key that you provided has been revoked.";
            break;
        case AccessReason::disabled:
            told.message = "The API key that you provided is disabled.";
            break;
        case AccessReason::expired:
            told.message = "The API key that you provided has expired.";
            break;
        default:
            told.message = "Incorrect API key provided.";
            break;
    }
    return context.refuse(ErrorKind::unauthorized, told);
}

Verdict refuse_use(ProcessorContext& context, AccessReason reason) {
    context.record.key_refusal = access::access_reason_name(reason);
    const bool is_model = reason == AccessReason::model_not_allowed;
    providers::ProviderError told = {.status = 403,
                                     .type = "permission_error",
                                     .code = access::access_reason_name(reason),
                                     .param = is_model ? "model" : ""};
    const std::string_view model = context.record.model;
    if (!is_model) {
        told.message = "This API key is not allowed to use this path.";
    } else if (model.empty()) {
        told.message = "This API key is allowed to use some models only; the request names none.";
    } else {
        told.message =
            context.arena.join({"This API key is not allowed to use the model '", model, "'."});
    }
    return context.refuse(ErrorKind::forbidden, told);
}

bool has_body(const ProcessorContext& context) {
    return !context.body.empty() || (context.client != nullptr &&
                                     context.client->framing().body.kind != http::BodyKind::none);
}

}  // namespace

bool must_know_model(const ProcessorContext& context) {
    return context.key != nullptr && !context.key->record.models.empty();
}

std::string_view Authenticate::presented(const ProcessorContext& context) const {
    if (context.head == nullptr) {
        return {};
    }
    const http::HeaderMap& headers = context.head->headers;
    if (!options_.header.empty()) {
        const http::HeaderField* const field = headers.find(options_.header);
        if (field != nullptr && !field->value.empty()) {
            return key_in(field->value);
        }
    }
    if (const std::string_view token = access::bearer_token(headers.value(HeaderId::authorization));
        !token.empty()) {
        return token;
    }
    for (const HeaderId id : {HeaderId::x_api_key, HeaderId::api_key, HeaderId::x_goog_api_key}) {
        if (const std::string_view key = trim_ows(headers.value(id)); !key.empty()) {
            return key;
        }
    }
    return {};
}

Verdict Authenticate::on_head(ProcessorContext& context) {
    if (!options_.header.empty()) {
        context.request_fields.remove(options_.header);
    }
    const std::string_view key = presented(context);
    if (key.empty() && options_.optional) {
        return Verdict::proceed();
    }
    static const access::KeyTable kNobody;
    const access::KeyTable& table = context.keys == nullptr ? kNobody : *context.keys;
    const access::AccessVerdict verdict = access::authenticate(
        table, key, context.wall_clock_ns / 1'000'000'000, {}, route_of(context));
    if (verdict.key != nullptr) {
        context.record.key_id = verdict.key->record.id;
        context.record.key_name = verdict.key->record.name;
        context.record.tenant = verdict.key->record.tenant;
        context.record.key_priority = verdict.key->record.priority;
    }
    if (verdict.reason == AccessReason::route_not_allowed) {
        return refuse_use(context, verdict.reason);
    }
    if (!verdict.is_granted()) {
        return refuse_key(context, verdict.reason);
    }
    context.key = verdict.key;
    return Verdict::proceed();
}

Verdict Authenticate::on_request(ProcessorContext& context) {
    if (context.key == nullptr) {
        return Verdict::proceed();
    }
    // Where no model is named, the upstream would choose one.
    if (context.record.model.empty() && must_know_model(context) && has_body(context)) {
        return refuse_use(context, AccessReason::model_not_allowed);
    }
    const AccessReason reason =
        access::may_use(*context.key, context.record.model, route_of(context));
    return reason == AccessReason::granted ? Verdict::proceed() : refuse_use(context, reason);
}

}  // namespace sluice::pipeline
