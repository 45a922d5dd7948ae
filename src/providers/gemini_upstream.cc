// Gemini's generateContent, as services speak it.
#include "providers/dialect.h"
#include "providers/dialect_gemini.h"

namespace sluice::providers {

extern constinit const UpstreamDialect kGeminiUpstream = {
    .id = Dialect::generate_content,
    .framing = Framing::sse,
    .encode_request = encode_gemini_request,
    .make_decoder = make_gemini_decoder,
};

}  // namespace sluice::providers
