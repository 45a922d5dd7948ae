// The chunk that a stream of chat completions reports its usage in.
#pragma once

#include <string>
#include <string_view>

namespace sluice::http {
class ServerExchange;
}

namespace sluice::pipeline {

// `events` is a run of whole events. Leaves out those that hold nothing but usage: an empty list of
// choices and a usage object. A chunk that has both choices and usage stays as it is.
std::string without_usage_chunk(std::string_view events);

// The first event of a run of whole ones, which it is taken from.
std::string_view take_event(std::string_view& events);
// Whether it is such a chunk.
bool holds_only_usage(std::string_view event);
// Whether looking for one is worth while.
bool may_hold_usage(std::string_view events);
// Writes `events` but for such chunks, which only a tap sees.
void write_without_usage(http::ServerExchange& client, std::string_view events);

}  // namespace sluice::pipeline
