// Dialling: a connection to the target, over TLS where the URL says https.
#pragma once

#include <string>

#include "base/result.h"
#include "coro/signal.h"
#include "coro/task.h"
#include "llm-load/options.h"
#include "net/address.h"
#include "net/byte_stream.h"
#include "net/deadline.h"
#include "net/proactor.h"
#include "net/tls_blocks.h"
#include "net/tls_context.h"
#include "net/tls_session_cache.h"

namespace sluice::llm_load {

// One per shard; the context is empty where there is no TLS.
struct TlsSide {
    net::TlsContext context;
    net::TlsBlocks blocks;
    net::TlsSessionCache sessions;
};

struct DialRequest {
    net::Proactor& proactor;
    const LoadOptions& options;
    TlsSide& tls;
    const net::Address* source;  // Null: the system chooses.
    coro::Signal& signal;
    const net::Deadline& deadline;
};

// What the options say about TLS, for all shards. Returns what is wrong, or nothing.
std::string make_tls_context(const LoadOptions& options, net::TlsContext& context);

// Fails with connect_timeout when the deadline passes first.
coro::Task<Result<net::StreamPtr>> dial(DialRequest request);

}  // namespace sluice::llm_load
