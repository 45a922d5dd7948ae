// Texts that become part of a URL.
#pragma once

#include <string_view>

#include "json/writer.h"
#include "providers/vendor.h"

namespace sluice::providers {

// Appends `text` as (part of) one segment: all but the unreserved characters of RFC 3986
// section 2.3 is percent-encoded, a colon as %3A and a slash as %2F.
void append_path_segment(json::TextOutput& to, std::string_view text);

// A vendor's base URL with {region}, {location} and {project} filled in. Google's place `global`
// has no prefix: there "{location}-" becomes nothing.
void expand_base_url(json::TextOutput& to, std::string_view base_url, const PathContext& context);

}  // namespace sluice::providers
