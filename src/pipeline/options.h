// What can be set about routes, which requests they take and where those go, about files that
// requests name, and about keeping content. Plain values: filled by config/, compiled into a
// snapshot.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/priority.h"
#include "upstream/options.h"

namespace sluice::pipeline {

// Files that requests name by URL, fetched for providers that want their bytes.
struct RemoteContentOptions {
    bool enabled = true;
    bool allow_http = false;  // Anybody on the way could exchange what is fetched.
    // Without it a client could read, through us, what only our network may see.
    bool allow_private_addresses = false;
    // One file. Twice what most providers take for an image.
    uint32_t bytes_max = 20U * 1024 * 1024;
    // One file with all its redirects. A client waits all the while, and hosts of images are quick.
    uint32_t timeout_ms = 10'000;

    bool operator==(const RemoteContentOptions&) const = default;
};

// Bodies of exchanges, kept for somebody who looks into them. Prompts are personal data: off until
// somebody decides otherwise.
struct ContentCaptureOptions {
    bool inspector = false;  // With the exchanges that the admin API tells.
    bool traces = false;     // In spans.
    // Of each body. A usual conversation with its answer, and little enough for a thousand of them.
    uint32_t bytes_max = 16U * 1024;

    bool operator==(const ContentCaptureOptions&) const = default;
};

// What a request's own word for its priority does, in x-sluice-priority.
enum class PriorityHeader : uint8_t {
    ignore,
    lower,  // It may be less urgent than its key or its route says.
    any,
};

struct RouteOptions {
    // Matches this path and everything below it: "/v1/chat" takes "/v1/chat" and "/v1/chat/x", not
    // "/v1/chatter". The longest matching prefix wins.
    std::string path_prefix = {};
    // Models that the route takes: exact names, or prefixes that end in '*'. Empty takes all. Among
    // routes of one path an exact name wins, then the longest prefix, then the route that takes
    // all. An alias of model_aliases counts as an exact name and need not be repeated here.
    std::vector<std::string> models = {};
    // Names rewritten on this route, before the upstream's own `models`.
    std::vector<upstream::ModelAlias> model_aliases = {};
    std::string target_llm = {};  // Name of the upstream.
    bool allow_streaming = true;
    bool allow_non_streaming = true;
    std::vector<std::string> processors = {};  // Run in this order.
    // In the queue of a pool, for requests whose key has none of its own.
    Priority priority = Priority::normal;
    PriorityHeader priority_header = PriorityHeader::ignore;
    // Replaces http.request_body_bytes_max for this route; 0 keeps it.
    uint64_t request_body_bytes_max = 0;
    // Replaces server.cors_allowed_origins for this route; empty keeps it.
    std::vector<std::string> cors_allowed_origins = {};

    bool operator==(const RouteOptions&) const = default;
};

}  // namespace sluice::pipeline
