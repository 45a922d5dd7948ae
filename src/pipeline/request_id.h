// Request ids: the client's own where it sends a usable one, else a new one.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/arena.h"
#include "base/prng.h"

namespace sluice::pipeline {

// Longer ids are replaced; every tracing system's fit.
inline constexpr size_t kRequestIdBytesMax = 128;

// `offered` may be empty. It is taken over when `accept` is set and it is 1 to kRequestIdBytesMax
// letters, digits, '-', '_', '.' or ':', which are safe in a header, a log line and a URL.
std::string_view choose_request_id(std::string_view offered, bool accept, Prng& prng, Arena& arena);

}  // namespace sluice::pipeline
