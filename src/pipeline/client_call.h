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

ClientCall client_call(http::Method method, std::string_view path);

}  // namespace sluice::pipeline
