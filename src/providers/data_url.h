// data: URLs (RFC 2397) taken apart: a media type and base64, as other dialects want them.
//
// Clients write them in many ways: with parameters, without a media type, in the alphabet meant
// for URLs, without padding. What comes out is always a media type and the standard alphabet.
#pragma once

#include "base/arena.h"
#include "json/tree.h"

namespace sluice::providers {

struct DataUrl {
    json::Text media_type = {};
    json::Text data = {};
};

bool is_data_url(json::Text url);
// False when it is none, or not base64, or empty. What the media type is, if it is not said,
// follows from the first bytes; empty when they are unknown too.
bool parse_data_url(json::Text url, Arena& arena, DataUrl& parts);
// Base64 in the standard alphabet with its padding; the same text when it is that already.
json::Text standard_base64(json::Text data, Arena& arena);
// "image/png" and the like from the first bytes; empty when unknown.
std::string_view sniff_media_type(json::Text base64);

}  // namespace sluice::providers
