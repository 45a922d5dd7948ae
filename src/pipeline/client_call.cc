// Paths end in the endpoint's name, whatever prefix a route gives them.
#include "pipeline/client_call.h"

#include <string_view>

#include "http/types.h"
#include "providers/dialect.h"
#include "providers/vendor.h"

namespace sluice::pipeline {

namespace {

using providers::Dialect;
using providers::Operation;

struct Endpoint {
    std::string_view suffix;
    http::Method method;
    Operation operation;
    Dialect dialect;
};

// The longer one of two that fit comes first.
constexpr Endpoint kEndpoints[] = {
    {"/chat/completions", http::Method::post, Operation::chat, Dialect::chat},
    {"/completions", http::Method::post, Operation::completions, Dialect::completions},
    {"/embeddings", http::Method::post, Operation::embeddings, Dialect::chat},
    {"/responses", http::Method::post, Operation::responses, Dialect::responses},
    {"/messages/count_tokens", http::Method::post, Operation::count_tokens, Dialect::messages},
    {"/messages", http::Method::post, Operation::chat, Dialect::messages},
    {"/models", http::Method::get, Operation::models, Dialect::chat},
};

}  // namespace

ClientCall client_call(http::Method method, std::string_view path) {
    for (const Endpoint& endpoint : kEndpoints) {
        if (method == endpoint.method && path.ends_with(endpoint.suffix)) {
            return {.operation = endpoint.operation, .dialect = endpoint.dialect, .is_known = true};
        }
    }
    return {};
}

std::string_view operation_name(Operation operation) {
    switch (operation) {
        case Operation::chat:
            return "chat";
        case Operation::completions:
            return "completions";
        case Operation::embeddings:
            return "embeddings";
        case Operation::responses:
            return "responses";
        case Operation::models:
            return "models";
        case Operation::count_tokens:
            return "count_tokens";
    }
    return "";
}

}  // namespace sluice::pipeline
