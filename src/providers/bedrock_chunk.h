// The step from a frame of InvokeModelWithResponseStream to the event of the model inside it.
//
// The frame is named "chunk" and its payload is {"bytes": BASE64, "p": PADDING}; for Claude the
// bytes are what Anthropic sends as the data of one event, so they are passed on or decoded by the
// dialect of messages.
#pragma once

#include <string_view>

#include "base/arena.h"
#include "base/result.h"

namespace sluice::providers {

// The model's event, in `scratch`. Fails with malformed.
Result<std::string_view> read_bedrock_chunk(std::string_view payload, Arena& scratch);

}  // namespace sluice::providers
