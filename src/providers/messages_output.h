// What whole and streamed replies in Anthropic's dialect have in common.
#pragma once

#include <string_view>

#include "json/writer.h"
#include "providers/canonical.h"
#include "providers/dialect.h"
#include "providers/reply.h"

namespace sluice::providers {

// Members of the message: type, role, id and model.
void write_messages_head(const ReplyStart& start,
                         const ReplyContext& context,
                         json::TextOutput& output,
                         json::Writer& writer);
// All four counters; unknown ones are 0.
void write_messages_usage(const Usage& usage, json::Writer& writer);
std::string_view messages_stop_reason(FinishReason reason, bool has_refused);

}  // namespace sluice::providers
