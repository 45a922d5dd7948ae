// OpenAI's Responses API, as clients speak it. Errors outside of streams look as those of chat.
#include <cstdint>

#include "providers/dialect.h"
#include "providers/encode_chat.h"
#include "providers/responses.h"

namespace sluice::providers {

extern constinit const ClientDialect kResponsesClient = {
    .id = Dialect::responses,
    .decode_request = decode_responses,
    .make_stream_encoder = make_responses_stream_encoder,
    .encode_reply = encode_responses_reply,
    .encode_error = encode_chat_error,
    .encode_error_event = encode_responses_error_event,
    .status = [](uint16_t status) { return status; },
};

}  // namespace sluice::providers
