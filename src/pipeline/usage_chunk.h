// The chunk that a stream of chat completions reports its usage in.
#pragma once

#include <string>
#include <string_view>

namespace sluice::pipeline {

// `events` is a run of whole events. Leaves out those that hold nothing but usage: an empty list of
// choices and a usage object. A chunk that has both choices and usage stays as it is.
std::string without_usage_chunk(std::string_view events);

}  // namespace sluice::pipeline
