// OpenAI's legacy completions, as clients speak them. Errors look as those of chat.
#include <cstdint>

#include "providers/completions.h"
#include "providers/dialect.h"
#include "providers/encode_chat.h"

namespace sluice::providers {

extern constinit const ClientDialect kCompletionsClient = {
    .id = Dialect::completions,
    .decode_request = decode_completions,
    .make_stream_encoder = make_completions_stream_encoder,
    .encode_reply = encode_completions_reply,
    .encode_error = encode_chat_error,
    .encode_error_event = encode_chat_error_event,
    .status = [](uint16_t status) { return status; },
};

}  // namespace sluice::providers
