// A conversation in the form that OpenTelemetry's conventions for generative AI publish: the JSON
// of `gen_ai.input.messages` and `gen_ai.output.messages`, a list of messages with a role and
// parts.
//
// Made of canonical requests and replies. Pure; any thread.
#pragma once

#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/reply.h"

namespace sluice::providers {

void write_input_messages(const ChatRequest& request, json::TextOutput& to);
// One message for each choice.
void write_output_messages(const Reply& reply, json::TextOutput& to);

}  // namespace sluice::providers
