// OpenAI chat completions, as clients speak them.
#include <cstdint>

#include "providers/decode_chat.h"
#include "providers/dialect.h"
#include "providers/encode_chat.h"

namespace sluice::providers {

extern constinit const ClientDialect kChatClient = {
    .id = Dialect::chat,
    .decode_request = decode_chat,
    .make_stream_encoder = make_chat_stream_encoder,
    .encode_reply = encode_chat_reply,
    .encode_error = encode_chat_error,
    .encode_error_event = encode_chat_error_event,
    .status = [](uint16_t status) { return status; },
};

}  // namespace sluice::providers
