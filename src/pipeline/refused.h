// What an exchange keeps of an error response whose form its client knows, until it is decided
// whether the client gets the provider's own bytes. In the exchange's arena.
#pragma once

#include <string_view>

#include "http/message.h"
#include "pipeline/exchange.h"
#include "providers/provider_error.h"

namespace sluice::pipeline {

struct Exchange::Refused {
    const providers::ProviderError* told;  // What is said if it is not passed on.
    http::ResponseHead head;
    std::string_view body;
};

}  // namespace sluice::pipeline
