// Bedrock's Converse as an upstream dialect: frames of JSON.
#include "providers/converse.h"
#include "providers/dialect.h"

namespace sluice::providers {

extern constinit const UpstreamDialect kConverseUpstream = {
    .id = Dialect::converse,
    .framing = Framing::aws_event_stream,
    .encode_request = encode_converse_request,
    .make_decoder = make_converse_decoder,
};

}  // namespace sluice::providers
