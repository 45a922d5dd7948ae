// Which requests may be asked of two targets at once, without the first one having failed. Pure.
#pragma once

#include "json/tree.h"
#include "pipeline/client_call.h"

namespace sluice::pipeline {

// Nothing but its answer comes of the request: nothing is stored, no state that a provider keeps is
// read or changed, and no tool is called that the client does not call itself. Nor is more than one
// answer asked for, which would be paid for several times over.
bool is_repeatable(const ClientCall& call, const json::Value& body);

}  // namespace sluice::pipeline
