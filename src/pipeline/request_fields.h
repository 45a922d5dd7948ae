// What the gateway must know of a request's JSON body: a handful of members, found while the body
// is validated, never parsed again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/arena.h"
#include "base/result.h"
#include "json/field_watch.h"
#include "json/splice.h"

namespace sluice::pipeline {

// The members, in the order of the watch list.
enum class RequestField : uint8_t { model, stream, stream_options, include_usage, service_tier };

// The list to give to a json::FieldWatch for a request body.
const json::WatchList& request_watch_list();

struct RequestFields {
    std::optional<std::string_view> model;  // Unescaped, in the arena.
    json::Field model_field;                // Where it stands, for the splice.
    bool stream = false;
    bool include_usage = false;
    bool wants_tier = false;  // It names a service_tier.
};

// Reads the members out of what the validator found. Fails with invalid_field when one has a type
// that no server accepts ("model" that is no string, "stream" that is no boolean).
Result<RequestFields> read_request_fields(const json::FieldWatch& watch, Arena& arena);

// Edits a valid body so that a stream reports its usage: stream_options.include_usage is true.
void ask_for_usage(const json::FieldWatch& watch, size_t object_begin, json::Splice& splice);

}  // namespace sluice::pipeline
