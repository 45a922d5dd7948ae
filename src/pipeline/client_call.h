// ClientCall: what a request's path asks for, and in which dialect.
#pragma once

#include <string_view>

#include "http/types.h"
#include "providers/dialect.h"
#include "providers/vendor.h"

namespace sluice::pipeline {

struct ClientCall {
    providers::Operation operation = providers::Operation::chat;
    providers::Dialect dialect = providers::Dialect::chat;
    // One of the calls that can be translated. Others are relayed to upstreams that speak OpenAI's
    // API, whatever they are.
    bool is_known = false;

    bool is_chat() const { return is_known && operation == providers::Operation::chat; }
};

// What is asked for is a text that a model writes.
inline bool has_reply_text(const ClientCall& call) {
    return call.is_known && (call.operation == providers::Operation::chat ||
                             call.operation == providers::Operation::completions ||
                             call.operation == providers::Operation::responses);
}

ClientCall client_call(http::Method method, std::string_view path);

// As the configuration and the ledger call it.
std::string_view operation_name(providers::Operation operation);

}  // namespace sluice::pipeline
