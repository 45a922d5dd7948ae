// What an exchange keeps of an error response until it is decided whether the client gets it. Its
// texts lie in the exchange's arena.
#pragma once

#include <string_view>

#include "http/message.h"
#include "pipeline/exchange.h"

namespace sluice::pipeline {

struct Exchange::Refused {
    // The client knows this form: it may have the provider's own bytes.
    bool can_pass = false;
    http::ResponseHead head;
    std::string_view body;
};

}  // namespace sluice::pipeline
