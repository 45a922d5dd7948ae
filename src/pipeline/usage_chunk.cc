// Runs once a stream, on the piece that usage came in.
#include "pipeline/usage_chunk.h"

#include <cstddef>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "base/error.h"
#include "base/slice.h"
#include "http/server_exchange.h"
#include "http/sse_framer.h"
#include "json/tree.h"

namespace sluice::pipeline {

namespace {

constexpr std::string_view kData = "data:";

// The data of an event that has one line of it, as these have.
std::string_view data_of(std::string_view event) {
    const size_t at = event.starts_with(kData) ? 0 : event.find("\ndata:");
    if (at == event.npos) {
        return {};
    }
    const std::string_view line = event.substr(event.find(':', at) + 1);
    return line.substr(0, line.find_first_of("\r\n"));
}

}  // namespace

bool holds_only_usage(std::string_view event) {
    Arena arena;
    const auto tree = json::Value::parse(data_of(event), arena, ErrorSource::upstream);
    if (!tree) {
        return false;
    }
    const json::Value& choices = (**tree)["choices"];
    return (**tree)["usage"].is_object() && choices.is_array() && choices.size() == 0;
}

bool may_hold_usage(std::string_view events) {
    constexpr std::string_view kUsage = "\"usage\":";
    for (size_t at = events.find(kUsage); at != events.npos; at = events.find(kUsage, at)) {
        at += kUsage.size();
        if (!events.substr(at).starts_with("null")) {
            return true;
        }
    }
    return false;
}

std::string_view take_event(std::string_view& events) {
    http::SseFramer framer;
    const http::SseFramer::Step step = framer.feed(events);
    const std::string_view event = events.substr(0, step.consumed);
    events.remove_prefix(step.consumed);
    return event;
}

void write_without_usage(http::ServerExchange& client, std::string_view events) {
    while (!events.empty()) {
        const std::string_view event = take_event(events);
        if (holds_only_usage(event)) {
            client.show_hidden(event);
        } else {
            client.write_body(Slice::copy_of(event));
        }
    }
}

std::string without_usage_chunk(std::string_view events) {
    std::string kept;
    http::SseFramer framer;
    while (!events.empty()) {
        const http::SseFramer::Step step = framer.feed(events);
        const std::string_view event = events.substr(0, step.consumed);
        if (!holds_only_usage(event)) {
            kept += event;
        }
        events.remove_prefix(step.consumed);
    }
    return kept;
}

}  // namespace sluice::pipeline
