// OpenAI chat completions, as services speak them.
#include "providers/decode_chat_reply.h"
#include "providers/dialect.h"
#include "providers/encode_chat_request.h"

namespace sluice::providers {

extern constinit const UpstreamDialect kChatUpstream = {
    .id = Dialect::chat,
    .framing = Framing::sse,
    .encode_request = encode_chat_request,
    .make_decoder = make_chat_decoder,
};

}  // namespace sluice::providers
