// gzip (RFC 1952) of a whole text. Any thread; the only file that knows zlib is gzip.cc.
#pragma once

#include <string>
#include <string_view>

namespace sluice::trace {

std::string gzip(std::string_view text);

}  // namespace sluice::trace
