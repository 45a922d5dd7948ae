// fetch: one small request of the gateway's own, over an upstream's pool: a token, a list of
// models, an image. Read whole, within limits, and given up together with the exchange it is for.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "coro/task.h"
#include "http/header_map.h"
#include "http/types.h"
#include "net/proactor.h"
#include "providers/vendor.h"
#include "upstream/patience.h"
#include "upstream/upstream.h"

namespace sluice::pipeline {

// Gets the body of a successful reply as it arrives, for replies that have no end.
class FetchSink {
public:
    // An error ends the request with it.
    virtual Status on_piece(std::string_view piece) = 0;

protected:
    ~FetchSink() = default;
};

struct FetchRequest {
    http::Method method = http::Method::get;
    std::string_view target;  // Path and query as they go on the wire, prefix included.
    std::span<const providers::HeaderLine> headers = {};  // Besides host and framing.
    std::string_view body = {};
    std::string_view content_type = {};
    uint32_t reply_bytes_max = 1024 * 1024;
    Duration timeout = Duration::seconds(10);  // For all of it; zero leaves it to the patience.
    FetchSink* sink = nullptr;  // Then the reply has no body, but for that of an error.
};

struct FetchedReply {
    uint16_t status = 0;
    std::string content_type;
    std::string content_encoding;
    std::string location;     // Of a redirect.
    std::string retry_after;  // As it was said.
    std::string body;
};

// Fails with what connecting, waiting or reading fails with; any status is a success.
coro::Task<Result<FetchedReply>> fetch(net::Proactor& proactor,
                                       upstream::Patience& patience,
                                       upstream::Upstream& upstream,
                                       const FetchRequest& request);

}  // namespace sluice::pipeline
