// The dashboard's files, on the admin API's listener below /ui/: markup, styles and scripts of ui/,
// which travel in the program.
//
// They hold no data and need no token: the page asks for one, where /ui/access.json says that there
// is one, and then speaks to the admin API like any other client. What a browser may do with them
// is said in the head of each answer: nothing from elsewhere is loaded, nothing is sent elsewhere,
// no page frames them.
#pragma once

#include <span>
#include <string_view>

#include "http/server_exchange.h"

namespace sluice::server {

struct EmbeddedFile {
    std::string_view name;
    std::string_view text;
};

// In a source that the build makes (tools/embed_files.py).
std::span<const EmbeddedFile> dashboard_files();

// Whether a path is the dashboard's.
bool is_dashboard_path(std::string_view path);

// Answers a request for such a path. `needs_token`: what the page should ask for before it asks
// the API anything.
void answer_dashboard(http::ServerExchange& exchange, bool needs_token);

}  // namespace sluice::server
