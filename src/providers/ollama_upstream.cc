// Ollama's own API as an upstream dialect: lines of JSON.
#include "providers/dialect.h"
#include "providers/ollama.h"

namespace sluice::providers {

extern constinit const UpstreamDialect kOllamaUpstream = {
    .id = Dialect::ollama,
    .framing = Framing::ndjson,
    .encode_request = encode_ollama_request,
    .make_decoder = make_ollama_decoder,
};

}  // namespace sluice::providers
