// One switch for status, type and code; one for the words.
#include "pipeline/respond_error.h"

#include <cstdint>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "base/error.h"
#include "base/text.h"
#include "json/writer.h"
#include "pipeline/stream_watch.h"
#include "providers/dialect.h"
#include "providers/provider_error.h"

namespace sluice::pipeline {

namespace {

constexpr std::string_view kInvalidRequest = "invalid_request_error";
constexpr std::string_view kServerError = "server_error";
constexpr std::string_view kTimeout = "timeout_error";

ErrorAnswer answer_for_client(const Error& error) {
    switch (error.kind) {
        case ErrorKind::head_timeout:
        case ErrorKind::body_timeout:
            return {408, kInvalidRequest, "request_timeout", {}};
        case ErrorKind::head_too_large:
            return {431, kInvalidRequest, "request_header_fields_too_large", {}};
        case ErrorKind::uri_too_long:
            return {414, kInvalidRequest, "uri_too_long", {}};
        case ErrorKind::body_too_large:
            return {413, kInvalidRequest, "request_too_large", {}};
        case ErrorKind::unsupported_version:
            return {505, kInvalidRequest, "http_version_not_supported", {}};
        case ErrorKind::unsupported_encoding:
            return {415, kInvalidRequest, "unsupported_encoding", {}};
        case ErrorKind::unsupported_expectation:
            return {417, kInvalidRequest, "expectation_failed", {}};
        case ErrorKind::method_not_allowed:
            return {405, kInvalidRequest, "method_not_allowed", {}};
        case ErrorKind::invalid_json:
            return {400, kInvalidRequest, "invalid_json", {}};
        case ErrorKind::unauthorized:
            return {401, kInvalidRequest, "invalid_api_key", {}};
        case ErrorKind::forbidden:
            return {403, "permission_error", "forbidden", {}};
        case ErrorKind::rate_limited:
            return {429, "rate_limit_error", "rate_limit_exceeded", {}};
        case ErrorKind::over_budget:
            return {429, "insufficient_quota", "insufficient_quota", {}};
        case ErrorKind::blocked:
            return {400, kInvalidRequest, "content_blocked", {}};
        case ErrorKind::no_route:
            return {404, kInvalidRequest, "unknown_url", {}};
        case ErrorKind::no_operation:
            return {404, kInvalidRequest, "unsupported_operation", {}};
        case ErrorKind::no_model:
            return {404, kInvalidRequest, "model_not_found", "model"};
        case ErrorKind::streaming_not_allowed:
            return {400, kInvalidRequest, "streaming_not_allowed", "stream"};
        case ErrorKind::streaming_required:
            return {400, kInvalidRequest, "streaming_required", "stream"};
        case ErrorKind::cancelled:
            return {499, kInvalidRequest, "client_closed_request", {}};
        default:
            return {400, kInvalidRequest, {}, {}};
    }
}

ErrorAnswer answer_for_upstream(const Error& error) {
    switch (error.kind) {
        case ErrorKind::first_byte_timeout:
        case ErrorKind::silence_timeout:
        case ErrorKind::total_timeout:
        case ErrorKind::connect_timeout:
            return {504, kTimeout, "upstream_timeout", {}};
        case ErrorKind::malformed:
        case ErrorKind::head_too_large:
        case ErrorKind::body_too_large:
            return {502, kServerError, "upstream_invalid_response", {}};
        default:
            return {502, kServerError, "upstream_connection_error", {}};
    }
}

}  // namespace

ErrorAnswer answer_for(const Error& error) {
    ErrorAnswer answer{};
    switch (error.kind) {
        case ErrorKind::overloaded:
        case ErrorKind::out_of_fds:
            answer = {503, kServerError, "overloaded", {}};
            break;
        case ErrorKind::unavailable:
            answer = {503, kServerError, "no_healthy_upstream", {}};
            break;
        case ErrorKind::shutting_down:
            answer = {503, kServerError, "shutting_down", {}};
            break;
        case ErrorKind::internal:
            answer = {500, kServerError, "internal_error", {}};
            break;
        default:
            answer = error.source == ErrorSource::upstream ? answer_for_upstream(error)
                                                           : answer_for_client(error);
    }
    if (error.status != 0) {
        answer.status = error.status;
    }
    return answer;
}

std::string error_message(const Error& error, std::string_view detail) {
    const std::string where(error.where);
    const std::string named(detail);
    switch (error.kind) {
        case ErrorKind::no_route:
            return "Unknown request URL: " + named + ". No route is configured for this path.";
        case ErrorKind::no_operation:
            return "The provider of this model has nothing that answers " + named + ".";
        case ErrorKind::no_model:
            return "The model '" + named +
                   "' does not exist on this gateway or is not routed here.";
        case ErrorKind::method_not_allowed:
            return "The method " + named + " is not allowed for this URL.";
        case ErrorKind::streaming_not_allowed:
            return "This route does not allow streaming; send the request without \"stream\": "
                   "true.";
        case ErrorKind::streaming_required:
            return "This route allows streaming only; send the request with \"stream\": true.";
        case ErrorKind::invalid_json:
            return "We could not parse the JSON body of your request: " + where + named + ".";
        case ErrorKind::overloaded:
        case ErrorKind::out_of_fds:
            return "The gateway is at its limit (" + where + "); try again shortly.";
        case ErrorKind::first_byte_timeout:
            return "The upstream did not begin to answer in time.";
        case ErrorKind::silence_timeout:
            return "The upstream stopped sending in the middle of its answer.";
        case ErrorKind::total_timeout:
            return "The answer took longer than the upstream's total timeout allows.";
        case ErrorKind::connect_timeout:
            return "The upstream could not be connected to in time.";
        case ErrorKind::internal:
            return "The gateway failed to handle this request.";
        case ErrorKind::shutting_down:
            return "The gateway is shutting down; try again on another instance.";
        default:
            break;
    }
    if (error.source == ErrorSource::upstream) {
        return "The upstream failed: " + where + " (" + std::string(error_kind_name(error.kind)) +
               ").";
    }
    return "Invalid request: " + where + named + ".";
}

namespace {

void append_member(std::string& to, std::string_view name, std::string_view value) {
    to += '"';
    to += name;
    to += "\":";
    if (value.empty()) {
        to += "null";
        return;
    }
    to += '"';
    append_json_escaped(to, value);
    to += '"';
}

}  // namespace

providers::ProviderError provider_error_for(const Error& error,
                                            std::string_view detail,
                                            Arena& arena) {
    const ErrorAnswer answer = answer_for(error);
    return {.status = answer.status,
            .type = answer.type,
            .code = answer.code,
            .param = answer.param,
            .message = arena.copy(error_message(error, detail))};
}

const providers::ClientDialect& error_dialect(providers::Dialect dialect) {
    const bool is_messages = dialect == providers::Dialect::messages;
    return *providers::client_dialect(is_messages ? dialect : providers::Dialect::chat);
}

std::string error_body(const ErrorAnswer& answer, std::string_view message) {
    std::string body = "{\"error\":{";
    append_member(body, "message", message);
    body += ',';
    append_member(body, "type", answer.type);
    body += ',';
    append_member(body, "param", answer.param);
    body += ',';
    append_member(body, "code", answer.code);
    body += "}}";
    return body;
}

std::string error_event(const ErrorAnswer& answer,
                        std::string_view message,
                        Terminator protocol,
                        uint64_t events_before) {
    if (protocol == Terminator::messages) {
        std::string event;
        json::StringText output(event);
        providers::client_dialect(providers::Dialect::messages)
            ->encode_error_event({.status = answer.status,
                                  .type = answer.type,
                                  .code = answer.code,
                                  .message = message},
                                 {}, output);
        output.finish();
        return event;
    }
    if (protocol != Terminator::responses) {
        return "data: " + error_body(answer, message) + "\n\n";
    }
    std::string event = "event: error\ndata: {\"type\":\"error\",";
    append_member(event, "code", answer.code);
    event += ',';
    append_member(event, "message", message);
    event += ",\"param\":null,\"sequence_number\":";
    append_decimal(event, events_before);
    event += "}\n\n";
    return event;
}

}  // namespace sluice::pipeline
